"""The language server: every registration in one place."""

import inspect
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import cattrs
from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer

from lacuna_server import __version__
from lacuna_server.editor import Editor
from lacuna_server.handlers.complete import alternatives, complete
from lacuna_server.handlers.completion import completion
from lacuna_server.handlers.configuration import did_change_configuration
from lacuna_server.handlers.documents import did_change, did_close, did_open, did_save
from lacuna_server.handlers.engine import restart_engine, status
from lacuna_server.handlers.execute_command import execute_command
from lacuna_server.handlers.feedback import accepted, rejected, shown
from lacuna_server.handlers.fill import fill_marked_gaps, fill_selection
from lacuna_server.handlers.initialize import initialize, initialized
from lacuna_server.handlers.inline_completion import inline_completion
from lacuna_server.handlers.replay import replay
from lacuna_server.handlers.snippet import snippet
from lacuna_server.handlers.workspace import did_change_folders, did_change_watched_files
from lacuna_server.message_json import read_params, register_messages
from lacuna_server.messages import (
    AlternativesParams,
    CompleteParams,
    FeedbackParams,
    FillGapsParams,
    FillSelectionParams,
    ReplayParams,
    SnippetParams,
)
from lacuna_server.session import Session
from lacuna_server.triggers import MENU_TRIGGERS
from lacuna_server.wire import Protocol, make_converter

logger = logging.getLogger(__name__)

Handler = Callable[..., Any]

FEATURES: dict[str, Handler] = {
    types.TEXT_DOCUMENT_DID_OPEN: did_open,
    types.TEXT_DOCUMENT_DID_CHANGE: did_change,
    types.TEXT_DOCUMENT_DID_SAVE: did_save,
    types.TEXT_DOCUMENT_DID_CLOSE: did_close,
    types.TEXT_DOCUMENT_INLINE_COMPLETION: inline_completion,
    types.WORKSPACE_DID_CHANGE_CONFIGURATION: did_change_configuration,
    types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS: did_change_folders,
    types.WORKSPACE_DID_CHANGE_WATCHED_FILES: did_change_watched_files,
}

OPTIONS: dict[str, Any] = {types.TEXT_DOCUMENT_INLINE_COMPLETION: types.InlineCompletionOptions()}
"""Without options pygls keeps inline completion to itself."""

METHODS: dict[str, tuple[Handler, type | None]] = {
    "complete": (complete, CompleteParams),
    "alternatives": (alternatives, AlternativesParams),
    "fillSelection": (fill_selection, FillSelectionParams),
    "fillGaps": (fill_marked_gaps, FillGapsParams),
    "snippet": (snippet, SnippetParams),
    "replay": (replay, ReplayParams),
    "status": (status, None),
    "restartEngine": (restart_engine, None),
    "shown": (shown, FeedbackParams),
    "accepted": (accepted, FeedbackParams),
    "rejected": (rejected, FeedbackParams),
}
"""Our own: a handler and the parameters it takes. Each is a method `lacuna/NAME` and a command `lacuna.NAME`."""


class LacunaServer(LanguageServer):
    """A language server with its session."""

    protocol: Protocol

    def __init__(self) -> None:
        super().__init__("lacuna", __version__, protocol_cls=Protocol, converter_factory=_make_converter)
        self.session = Session(Editor(self))

    def report_server_error(self, error: Exception, source: type[Exception]) -> None:
        """Logs an error; pygls would open a window for it."""
        if source is JsonRpcException:  # what pygls calls a message that it cannot read
            self.protocol.refuse_unreadable()
        data = error.data if isinstance(error, JsonRpcException) else None
        frames = data["traceback"] if isinstance(data, dict) else []  # where pygls met with the error
        logger.error("%s\n%s", source.__name__, "".join(frames), exc_info=error)


def create_server() -> LacunaServer:
    """A server with all its features; it does nothing before it is started."""
    server = LacunaServer()
    session = server.session
    for method, handler in FEATURES.items():
        server.feature(method, OPTIONS.get(method))(partial(handler, session))
    for name, (handler, kind) in METHODS.items():
        call = _reading(server, handler, kind)
        server.feature(f"lacuna/{name}")(call)
        server.command(f"lacuna.{name}")(call)

    @server.feature(types.INITIALIZE)
    def on_initialize(params: types.InitializeParams) -> None:
        initialize(session, params)
        if session.settings.completion:
            server.feature(types.TEXT_DOCUMENT_COMPLETION, types.CompletionOptions(MENU_TRIGGERS))(
                partial(completion, session)
            )

    @server.feature(types.INITIALIZED)
    async def on_initialized(params: types.InitializedParams) -> None:
        if types.TEXT_DOCUMENT_COMPLETION not in server.protocol.fm.features:  # not offered, but it may be later
            server.feature(types.TEXT_DOCUMENT_COMPLETION)(partial(completion, session))
        await initialized(session, params)

    @server.feature(types.WORKSPACE_EXECUTE_COMMAND)
    async def on_execute_command(params: types.ExecuteCommandParams) -> Any:
        return await execute_command(session, server.protocol.fm.commands, params)

    return server


def _reading(server: LacunaServer, handler: Handler, kind: type | None) -> Callable[[Any], Awaitable[Any]]:
    """A handler that takes its parameters as JSON."""

    async def call(params: Any = None) -> Any:
        said = {} if params is None else params
        arguments = () if kind is None else (read_params(server.protocol.converter, said, kind),)
        result = handler(server.session, *arguments)
        return await result if inspect.isawaitable(result) else result

    return call


def _make_converter() -> cattrs.Converter:
    converter = make_converter()
    register_messages(converter)
    return converter
