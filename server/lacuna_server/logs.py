"""Logging: to standard error, and to the editor if asked to. No message holds code unless that is asked for too."""

import asyncio
import logging
import sys
import traceback
from types import TracebackType
from typing import Any

from lsprotocol.types import MessageType

from lacuna_server.editor import Editor
from lacuna_server.settings import LogSettings

PACKAGE = "lacuna_server"

content_log = logging.getLogger(f"{PACKAGE}.content")
"""The only logger for messages that hold code."""

_KINDS = {logging.ERROR: MessageType.Error, logging.WARNING: MessageType.Warning, logging.INFO: MessageType.Info}


class _Formatter(logging.Formatter):
    """Leaves out what an exception says, as it may quote a document."""

    def formatException(  # noqa: N802 (logging calls it so)
        self, ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
    ) -> str:
        kind, error, frames = ei
        if kind is None or error is None:
            return ""
        said = f": {error}" if not content_log.disabled else ""
        return "".join(traceback.format_tb(frames)) + kind.__qualname__ + said


class _EditorHandler(logging.Handler):
    """Writes to the editor's log."""

    def __init__(self, editor: Editor) -> None:
        super().__init__()
        self._editor = editor

    def emit(self, record: logging.LogRecord) -> None:
        self._editor.log(self.format(record), _KINDS.get(record.levelno, MessageType.Log))


def drop_late_wake_up(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Handles an event loop's errors as usual, but for one that means nothing.

    Whoever waits for a Unix socket through anyio (4.16) and is cancelled in the same round of the loop in which bytes
    arrive is woken up all the same: `_RawSocketMixin` gives the loop its future's `set_result`, unguarded.
    """
    is_late = isinstance(context.get("exception"), asyncio.InvalidStateError)
    if not (is_late and context["message"].startswith("Exception in callback Future.set_result(None)")):
        loop.default_exception_handler(context)


def set_up_logs(settings: LogSettings, editor: Editor) -> None:
    """Logs as a user wants it, in the running event loop too."""
    asyncio.get_running_loop().set_exception_handler(drop_late_wake_up)
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr)]
    if settings.editor:
        handlers.append(_EditorHandler(editor))
    for handler in handlers:
        handler.setFormatter(_Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(handlers=handlers, level=logging.WARNING, force=True)
    logging.getLogger(PACKAGE).setLevel(settings.level.upper())
    logging.getLogger("pygls").setLevel(logging.CRITICAL + 1)  # it quotes messages, and so code, on every level
    content_log.disabled = not settings.content
