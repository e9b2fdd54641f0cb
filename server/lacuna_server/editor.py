"""What the server says to the editor of its own accord; silent where the editor cannot listen."""

import asyncio
import logging
from collections.abc import Awaitable, Sequence
from typing import Any
from uuid import uuid4

from lsprotocol import types
from pygls.capabilities import get_capability
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer

from lacuna_server.messages import Condition
from lacuna_server.mirror import Encoding
from lacuna_server.triggers import MENU_TRIGGERS

STATUS = "lacuna/status"

ANSWER_SECONDS = 5.0
"""What an editor may take for an answer."""

logger = logging.getLogger(__name__)


class Editor:
    """The client of a language server."""

    def __init__(self, server: LanguageServer) -> None:
        self._server = server
        self._offers = False

    @property
    def encoding(self) -> Encoding:
        """What it counts in a line."""
        return types.PositionEncodingKind(self._server.server_capabilities.position_encoding).value

    @property
    def takes_versioned_edits(self) -> bool:
        """Whether an edit may say which version of a document it is for."""
        return self._can("workspace.workspace_edit.document_changes")

    @property
    def takes_snippet_edits(self) -> bool:
        """Whether a workspace edit may hold snippets."""
        return self.takes_versioned_edits and self._can("workspace.workspace_edit.snippet_edit_support")

    @property
    def takes_snippets(self) -> bool:
        """Whether what it inserts may be a snippet."""
        return self.takes_snippet_edits or self._can("text_document.completion.completion_item.snippet_support")

    @property
    def takes_replays(self) -> bool:
        """Whether it may ask how a fill came about, so that every step has to be known."""
        return self._can_do_ours("replay")

    def show(self, message: str, kind: types.MessageType) -> None:
        """Opens a message that the user cannot overlook."""
        self._server.window_show_message(types.ShowMessageParams(kind, message))

    def log(self, message: str, kind: types.MessageType) -> None:
        """Writes to the editor's log."""
        self._server.window_log_message(types.LogMessageParams(kind, message))

    def tell(self, condition: Condition) -> None:
        """Sends our status."""
        if self._can_do_ours("status"):
            self._server.protocol.notify(STATUS, condition)

    async def settings(self, section: str, folders: Sequence[str]) -> list[Any] | None:
        """Asks for a section of the settings: those of the window, then those of each folder, by its URI.

        None where the editor only sends them by itself.
        """
        if not self._can("workspace.configuration"):
            return None
        items = [types.ConfigurationItem(scope_uri=uri, section=section) for uri in (None, *folders)]
        answer = await _in_time(self._server.workspace_configuration_async(types.ConfigurationParams(items)))
        return list(answer) if isinstance(answer, list | tuple) and len(answer) == len(items) else None

    async def follow_settings(self, section: str) -> None:
        """Asks to be told when a section of the settings changes."""
        if self._can("workspace.did_change_configuration.dynamic_registration"):
            options = types.DidChangeConfigurationRegistrationOptions(section)
            await self._register(types.WORKSPACE_DID_CHANGE_CONFIGURATION, options)

    async def apply(self, edit: types.WorkspaceEdit, label: str) -> bool:
        """Changes documents; returns whether the editor did, which may ask its user."""
        if not self._can("workspace.apply_edit"):
            return False
        result = await self._server.workspace_apply_edit_async(types.ApplyWorkspaceEditParams(edit, label))
        return result.applied

    async def watch(self, patterns: Sequence[str]) -> None:
        """Asks to be told when files change."""
        if self._can("workspace.did_change_watched_files.dynamic_registration"):
            watchers = [types.FileSystemWatcher(pattern) for pattern in patterns]
            options = types.DidChangeWatchedFilesRegistrationOptions(watchers)
            await self._register(types.WORKSPACE_DID_CHANGE_WATCHED_FILES, options)

    async def offer_completion(self, wanted: bool) -> None:
        """Announces that we answer completion, or that we do no more, if the editor did not learn it at the start."""
        is_fixed = self._server.server_capabilities.completion_provider is not None
        if is_fixed or not self._can("text_document.completion.dynamic_registration") or wanted == self._offers:
            return
        self._offers = wanted
        method = types.TEXT_DOCUMENT_COMPLETION
        if wanted:
            await self._register(method, types.CompletionRegistrationOptions(trigger_characters=MENU_TRIGGERS))
        else:
            unregistration = types.UnregistrationParams([types.Unregistration(method, method)])
            await _in_time(self._server.client_unregister_capability_async(unregistration))

    async def begin_progress(self, title: str) -> "Progress | None":
        """Shows that something takes time; None where the editor cannot."""
        if not self._can("window.work_done_progress"):
            return None
        token = f"lacuna-{uuid4()}"
        await _in_time(self._server.window_work_done_progress_create_async(types.WorkDoneProgressCreateParams(token)))
        return Progress(self._server, token, title)

    async def _register(self, method: str, options: Any) -> None:
        registration = types.RegistrationParams([types.Registration(method, method, options)])
        await _in_time(self._server.client_register_capability_async(registration))

    def _can(self, capability: str) -> bool:
        return bool(get_capability(self._server.client_capabilities, capability))

    def _can_do_ours(self, capability: str) -> bool:
        """Whether it says that it knows something that only our clients do."""
        experimental = self._server.client_capabilities.experimental
        ours = experimental.get("lacuna") if isinstance(experimental, dict) else None
        return isinstance(ours, dict) and ours.get(capability) is True


class Progress:
    """Something that takes time, as the editor shows it."""

    def __init__(self, server: LanguageServer, token: str, title: str) -> None:
        self._server = server
        self._token = token
        self._say(types.WorkDoneProgressBegin(title, percentage=0))

    def report(self, message: str, percentage: int) -> None:
        """Shows how much is done, of a hundred."""
        self._say(types.WorkDoneProgressReport(message=message, percentage=percentage))

    def end(self) -> None:
        """Ends it."""
        self._say(types.WorkDoneProgressEnd())

    def _say(self, value: Any) -> None:
        self._server.protocol.notify(types.PROGRESS, types.ProgressParams(self._token, value))


async def _in_time(request: Awaitable[Any]) -> Any:
    """The answer to a request; None when it is an error or does not come."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            return await request
    except (JsonRpcException, TimeoutError) as error:
        logger.warning("The editor did not do what it was asked: %s", type(error).__name__)
        return None
