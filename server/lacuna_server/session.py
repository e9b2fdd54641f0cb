"""The state of a language server, all of it."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from lsprotocol.types import MessageType

from lacuna_server.connection import Connection
from lacuna_server.delay import Pace
from lacuna_server.documents import OpenDocument
from lacuna_server.editor import Editor
from lacuna_server.ignore import IgnoreRules
from lacuna_server.logs import set_up_logs
from lacuna_server.messages import EmptyAnswer, Tally
from lacuna_server.neighbours.document import Neighbour
from lacuna_server.reasons import Reason
from lacuna_server.reuse import Memory
from lacuna_server.settings import SECTION, Settings, read_settings

LEFT_ALONE = (Reason.DISABLED, Reason.SECRET_FILE, Reason.IGNORED_FILE)

MAX_EDITS = 50
MAX_EMPTY_ANSWERS = 100

logger = logging.getLogger(__name__)

T = TypeVar("T")


class Session:
    """What a language server knows of its editor, its documents and its engine.

    Attributes:
        editor: whom we serve.
        name: of this server among the clients of the engine.
        connection: to the engine.
        settings: as they are now.
        problems: settings that could not be used.
        initial_settings: JSON that came with `initialize`; other settings prevail over it.
        folders: of the workspace, by URI; None for what is no folder on this machine.
        documents: that are open, by URI.
        edits: the last places that were changed, by URI and line, oldest first.
        neighbours: what was placed ahead of the last prefix of a document, by its URI.
        memory: suggestions that were given.
        pace: how the user types and takes suggestions.
        tally: what became of suggestions.
        ignore: which files to leave alone.
        empty_answers: the last requests that brought nothing.
    """

    def __init__(self, editor: Editor) -> None:
        self.editor = editor
        self.name = uuid4().hex
        self.connection = Connection(editor)
        self.settings = Settings()
        self.problems: tuple[str, ...] = ()
        self.initial_settings: Any = None
        self.folders: dict[str, Path | None] = {}
        self.documents: dict[str, OpenDocument] = {}
        self.edits: deque[tuple[str, int]] = deque(maxlen=MAX_EDITS)
        self.neighbours: dict[str, tuple[Neighbour, ...]] = {}
        self.memory = Memory()
        self.pace = Pace()
        self.tally = Tally()
        self.ignore = IgnoreRules()
        self.empty_answers: deque[EmptyAnswer] = deque(maxlen=MAX_EMPTY_ANSWERS)
        self._running: dict[tuple[str, str], asyncio.Task[Any]] = {}
        self._background: set[asyncio.Task[None]] = set()
        self._edited_at: float | None = None
        self._was_shown: set[str] = set()

    async def fetch_settings(self, sent: Any = None) -> None:
        """Takes over the editor's settings: those that it tells when asked, else those that it sent."""
        asked, engine = await self.editor.settings(SECTION), self.settings.engine
        self.read_settings(sent if asked is None else asked)
        if self.settings.engine != engine:
            self.memory = Memory()
        await self.connection.use(self.settings.engine)
        await self.editor.offer_completion(self.settings.completion)

    def read_settings(self, document: Any = None) -> None:
        """Takes over settings from JSON, which prevail over the initial ones. Each mistake is shown once."""
        self.settings, self.problems = read_settings(self.initial_settings, document)
        set_up_logs(self.settings.log, self.editor)
        self.ignore = IgnoreRules(self.settings.secret_files)
        if new := [problem for problem in self.problems if problem not in self._was_shown]:
            self._was_shown.update(new)
            self.editor.show("\n".join(new), MessageType.Warning)

    def keep(self, work: Coroutine[Any, Any, None]) -> None:
        """Does something in the background until the end."""
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    def note_edit(self, uri: str, line: int) -> None:
        """Notes that the user has changed a line of a document."""
        if not self.edits or self.edits[-1] != (uri, line):
            self.edits.append((uri, line))
        now = time.monotonic()
        if self._edited_at is not None:
            self.pace = self.pace.typed(now - self._edited_at)
        self._edited_at = now

    def folder_of(self, document: OpenDocument) -> Path | None:
        """The workspace folder that a document lies in, the innermost of several."""
        path = document.path
        around = [folder for folder in self.folders.values() if folder and path and path.is_relative_to(folder)]
        return max(around, key=lambda folder: len(folder.parts), default=None)

    def shown_path(self, document: OpenDocument) -> str | None:
        """Where a document lies in its workspace folder, as the model is told it; None for what is no file."""
        path, folder = document.path, self.folder_of(document)
        if path is None or folder is None:
            return None if path is None else path.name
        return path.relative_to(folder).as_posix()

    def reason_to_leave_alone(self, document: OpenDocument) -> Reason | None:
        """Why a document is neither completed nor shown to the model, whoever asks."""
        if not self.settings.is_enabled(document.language_id):
            return Reason.DISABLED
        if document.path is not None:
            return self.ignore.reason(document.path)
        return Reason.SECRET_FILE if self.ignore.is_secret(Path(document.name)) else None

    def is_outdated(self, document: OpenDocument) -> bool:
        """Whether a document was closed, or edited after it was looked at."""
        now = self.documents.get(document.uri)
        return now is None or now.version != document.version

    async def latest(self, uri: str, work: Coroutine[Any, Any, T], channel: str = "cursor") -> T | Reason:
        """Does work for a document, until newer work for it comes on the same channel."""
        key = (uri, channel)
        task = asyncio.create_task(work)
        if (older := self._running.get(key)) is not None:
            older.cancel()
        self._running[key] = task
        try:
            return await task
        except asyncio.CancelledError:
            if self._running.get(key) is not task and task.cancelled():
                return Reason.SUPERSEDED
            self.note_nothing(uri, Reason.CANCELLED)
            raise
        finally:
            if self._running.get(key) is task:
                del self._running[key]

    def note_nothing(self, uri: str, reason: Reason) -> None:
        """Notes and tells why a request brought nothing."""
        self.empty_answers.append(EmptyAnswer(time.time(), uri, reason.value))
        logger.info("No suggestion: %s.", reason.description)
        condition = self.connection.condition
        state = "disabled" if reason in LEFT_ALONE else condition.state
        self.editor.tell(replace(condition, state=state, uri=uri, reason=reason.value))
