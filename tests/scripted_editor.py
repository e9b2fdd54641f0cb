"""An editor for tests: pytest-lsp's client with what ours is asked for all the time."""

import asyncio
import sysconfig
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

from lsprotocol import types
from pytest_lsp import LanguageClient
from pytest_lsp.client import register_lsp_features

from lacuna_server.wire import make_converter

SERVER = (str(Path(sysconfig.get_path("scripts")) / "lacuna"), "serve")
CURSOR = "<|>"
PATIENCE = 30.0
"""Seconds after which a test that waits for something has failed."""

AUTOMATIC, INVOKED = types.InlineCompletionTriggerKind.Automatic, types.InlineCompletionTriggerKind.Invoked


def capabilities(**changes: Any) -> types.ClientCapabilities:
    """Those of an editor with ghost text; `changes` take the place of whole groups."""
    groups: dict[str, Any] = {
        "text_document": types.TextDocumentClientCapabilities(
            inline_completion=types.InlineCompletionClientCapabilities()
        ),
        "window": types.WindowClientCapabilities(work_done_progress=True),
        "experimental": {"lacuna": {"status": True}},
    }
    return types.ClientCapabilities(**(groups | changes))


class Editor:
    """An editor and its server.

    Attributes:
        client: the connection between both.
        conditions: what the server told of itself.
        edits: workspace edits that the server wanted.
        registered: methods that the server registered while it ran, with their options.
    """

    def __init__(self) -> None:
        self.client = LanguageClient(converter_factory=make_converter)
        register_lsp_features(self.client)
        self.conditions: list[dict[str, Any]] = []
        self.edits: list[types.WorkspaceEdit] = []
        self.registered: dict[str, Any] = {}
        self.result: types.InitializeResult
        self._texts: dict[str, str] = {}
        for method, handler in (
            ("lacuna/status", self.conditions.append),
            (types.WORKSPACE_APPLY_EDIT, self._apply),
            (types.CLIENT_REGISTER_CAPABILITY, self._register),
            (types.CLIENT_UNREGISTER_CAPABILITY, self._unregister),
        ):
            self.client.feature(method)(partial(handler))  # pygls writes to what it is given

    def _apply(self, params: types.ApplyWorkspaceEditParams) -> types.ApplyWorkspaceEditResult:
        self.edits.append(params.edit)
        return types.ApplyWorkspaceEditResult(applied=True)

    def _register(self, params: types.RegistrationParams) -> None:
        self.registered |= {each.method: each.register_options for each in params.registrations}

    def _unregister(self, params: types.UnregistrationParams) -> None:
        for each in params.unregisterations:
            del self.registered[each.method]

    async def start(self, settings: Any, **initialize: Any) -> None:
        """Starts a server with initial settings; `initialize` goes to its first request."""
        await self.client.start_io(*SERVER)
        params = {"capabilities": capabilities(), "initialization_options": settings} | initialize
        self.result = await self.client.initialize_session(types.InitializeParams(**params))

    async def stop(self) -> None:
        """Ends the server in the proper way, if it still runs."""
        if self.process.returncode is None:
            await self.client.shutdown_session()
        await self.client.stop()  # type: ignore[no-untyped-call]

    @property
    def process(self) -> asyncio.subprocess.Process:
        """The server's."""
        assert self.client._server is not None
        return self.client._server

    @property
    def states(self) -> list[str]:
        """States that the server was in."""
        return [condition["state"] for condition in self.conditions]

    @property
    def reasons(self) -> list[str]:
        """Why requests brought nothing."""
        return [condition["reason"] for condition in self.conditions if condition["reason"]]

    async def is_ready(self) -> None:
        """Waits for an engine that is ready."""
        await self.until(lambda: "ready" in self.states)

    async def until(self, is_so: Callable[[], bool], patience: float = PATIENCE) -> None:
        """Waits for something to come about."""
        async with asyncio.timeout(patience):
            while not is_so():
                await asyncio.sleep(0.01)

    def open(self, marked: str, uri: str = "file:///project/x.py", language_id: str = "python") -> types.Position:
        """Opens a document whose cursor is marked, and returns where that is, in UTF-16; at the start without one."""
        before, _, after = marked.partition(CURSOR) if CURSOR in marked else ("", "", marked)
        item = types.TextDocumentItem(uri, language_id, 1, before + after)
        self.client.text_document_did_open(types.DidOpenTextDocumentParams(item))
        lines = before.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        return types.Position(len(lines) - 1, len(lines[-1].encode("utf-16-le")) // 2)

    def type(self, text: str, position: types.Position, version: int, uri: str = "file:///project/x.py") -> None:
        """Inserts a text."""
        self.change(version, (position, position, text), uri=uri)

    def change(
        self, version: int, *changes: tuple[types.Position, types.Position, str], uri: str = "file:///project/x.py"
    ) -> None:
        """Puts texts in the place of others at once, each where it is after the changes before it."""
        made = [types.TextDocumentContentChangePartial(types.Range(start, end), new) for start, end, new in changes]
        identifier = types.VersionedTextDocumentIdentifier(version, uri)
        self.client.text_document_did_change(types.DidChangeTextDocumentParams(identifier, made))

    def close(self, uri: str = "file:///project/x.py") -> None:
        """Closes a document."""
        self.client.text_document_did_close(types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(uri)))

    def set(self, settings: Any) -> None:
        """Tells changed settings."""
        self.client.workspace_did_change_configuration(types.DidChangeConfigurationParams({"lacuna": settings}))

    def tell(self, name: str, uri: str = "file:///project/x.py", **params: Any) -> None:
        """Sends one of our own notifications about a document."""
        self.client.protocol.notify(f"lacuna/{name}", {"textDocument": {"uri": uri}} | params)

    async def suggest(
        self,
        position: types.Position,
        uri: str = "file:///project/x.py",
        kind: types.InlineCompletionTriggerKind = AUTOMATIC,
        selected: types.SelectedCompletionInfo | None = None,
    ) -> list[types.InlineCompletionItem]:
        """Asks for ghost text."""
        params = inline_completion(position, uri, kind, selected)
        result = await self.client.text_document_inline_completion_async(params)
        assert isinstance(result, list)
        return result

    async def ask(self, method: str, **params: Any) -> Any:
        """Sends one of our own requests; its answer is JSON."""
        return await self.send(f"lacuna/{method}", params)

    async def send(self, method: str, params: Any, identity: str | None = None) -> Any:
        """Sends any request."""
        protocol: Any = self.client.protocol
        return await protocol.send_request_async(method, params, identity)


def inline_completion(
    position: types.Position,
    uri: str = "file:///project/x.py",
    kind: types.InlineCompletionTriggerKind = AUTOMATIC,
    selected: types.SelectedCompletionInfo | None = None,
) -> types.InlineCompletionParams:
    """The parameters of a request for ghost text."""
    context = types.InlineCompletionContext(kind, selected)
    return types.InlineCompletionParams(context, types.TextDocumentIdentifier(uri), position)


Connect = Callable[..., Awaitable[Editor]]
"""Starts a server for an editor."""


def replace_character(position: types.Position, by: int) -> types.Position:
    """The position some characters further on."""
    return types.Position(position.line, position.character + by)
