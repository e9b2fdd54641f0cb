"""The state of a language server, all of it."""

import asyncio
import logging
import time
from collections import Counter, deque
from collections.abc import Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from posixpath import join
from typing import Any, TypeVar, cast
from uuid import uuid4

from lsprotocol.types import MessageType

from lacuna_server.connection import Connection
from lacuna_server.delay import Pace
from lacuna_server.documents import OpenDocument
from lacuna_server.editor import Editor
from lacuna_server.engine.protocol import ReasonCount, ReasonsCall
from lacuna_server.formats.files import SchemaFiles
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
TELL_SECONDS = 1.0
"""Between two reports of reasons to the engine."""

logger = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(slots=True)
class _Running:
    """Work for a document: what it answers, and how many requests wait for it."""

    task: asyncio.Task[Any]
    ask: object
    num_waiting: int = 0


class Session:
    """What a language server knows of its editor, its documents and its engine.

    Attributes:
        editor: whom we serve.
        name: of this server among the clients of the engine.
        connection: to the engine.
        settings: of the window, as they are now.
        problems: settings that could not be used.
        initial_settings: JSON that came with `initialize`; other settings prevail over it.
        sent_settings: JSON that the editor sent of its own accord; what it tells when asked prevails over it.
        folders: of the workspace, by URI; None for what is no folder on this machine.
        documents: that are open, by URI.
        edits: the last places that were changed, by URI and line, oldest first.
        neighbours: what was placed ahead of the last prefix of a document, by its URI.
        memory: suggestions that were given.
        pace: how the user types and takes suggestions.
        tally: what became of suggestions.
        ignore: which files to leave alone.
        schemas: that documents obey.
        empty_answers: the last requests that brought nothing.
        reasons: how many requests brought nothing, by reason.
        searching: the thread in which neighbours are looked for.
    """

    def __init__(self, editor: Editor) -> None:
        self.editor = editor
        self.name = uuid4().hex
        self.connection = Connection(editor)
        self.settings = Settings()
        self.problems: tuple[str, ...] = ()
        self.initial_settings: Any = None
        self.sent_settings: Any = None
        self.folders: dict[str, Path | None] = {}
        self.documents: dict[str, OpenDocument] = {}
        self.edits: deque[tuple[str, int]] = deque(maxlen=MAX_EDITS)
        self.neighbours: dict[str, tuple[Neighbour, ...]] = {}
        self.memory = Memory()
        self.pace = Pace()
        self.tally = Tally()
        self.ignore = IgnoreRules()
        self.schemas = SchemaFiles()
        self.empty_answers: deque[EmptyAnswer] = deque(maxlen=MAX_EMPTY_ANSWERS)
        self.reasons: Counter[Reason] = Counter()
        self.searching = ThreadPoolExecutor(1, thread_name_prefix="neighbours")
        self._settings_of_folders: dict[Path, Settings] = {}
        self._running: dict[tuple[str, str], _Running] = {}
        self._background: set[asyncio.Task[None]] = set()
        self._telling: asyncio.Task[None] | None = None
        self._edited_at: float | None = None
        self._was_shown: set[str] = set()

    async def fetch_settings(self) -> None:
        """Takes over the editor's settings: those that it tells when asked, else those that it sent."""
        folders = dict(self.folders)
        asked = await self.editor.settings(SECTION, tuple(folders))
        window, *others = [self.sent_settings] if asked is None else asked
        told = zip(folders.values(), others, strict=False)
        self.read_settings(window, {folder: document for folder, document in told if folder is not None})
        await self.connection.use(self.settings.engine)
        await self.editor.offer_completion(self.settings.completion)

    def read_settings(self, window: Any = None, folders: Mapping[Path, Any] | None = None) -> None:
        """Takes over settings from JSON, which prevail over the initial ones. Each mistake is shown once.

        What was suggested under other settings is forgotten.
        """
        before = self.settings, self._settings_of_folders
        self.settings, problems = read_settings(self.initial_settings, window)
        read = {folder: read_settings(self.initial_settings, document) for folder, document in (folders or {}).items()}
        self._settings_of_folders = {folder: settings for folder, (settings, _) in read.items()}
        self.problems = tuple(dict.fromkeys((*problems, *chain.from_iterable(each for _, each in read.values()))))
        if (self.settings, self._settings_of_folders) != before:
            self.memory = Memory()
        set_up_logs(self.settings.log, self.editor)
        self.ignore = IgnoreRules(self.settings.secret_files)
        if new := [problem for problem in self.problems if problem not in self._was_shown]:
            self._was_shown.update(new)
            self.editor.show("\n".join(new), MessageType.Warning)

    def settings_of(self, document: OpenDocument) -> Settings:
        """The settings of a document's folder; those of the window for what lies in none.

        What concerns all documents is the window's to say: engine, log, completion and secret files.
        """
        folder = self.folder_of(document)
        return self.settings if folder is None else self._settings_of_folders.get(folder, self.settings)

    def keep(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Does something in the background until the end."""
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task

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
        return join(self.name_of(folder), path.relative_to(folder).as_posix())

    def name_of(self, folder: Path) -> str:
        """What the paths of a workspace folder begin with: its name, if there are others, or nothing."""
        return folder.name if len(self.folders) > 1 else ""

    def reason_to_leave_alone(self, document: OpenDocument) -> Reason | None:
        """Why a document is neither completed nor shown to the model, whoever asks."""
        if not self.settings_of(document).is_enabled(document.language_id):
            return Reason.DISABLED
        return self.ignore.reason_for_uri(document.uri)

    def is_outdated(self, document: OpenDocument) -> bool:
        """Whether a document was closed, or edited after it was looked at."""
        now = self.documents.get(document.uri)
        return now is None or now.version != document.version

    async def latest(
        self, uri: str, work: Coroutine[Any, Any, T], channel: str = "cursor", ask: object = None
    ) -> T | Reason:
        """Does work for a document, until newer work for it comes on the same channel.

        Work that answers an equal `ask` is not newer: what runs already answers both, until nobody waits for it.
        """
        key = (uri, channel)
        running = self._running.get(key)
        if running is not None and ask is not None and running.ask == ask:
            work.close()
        else:
            if running is not None:
                running.task.cancel()
            running = self._running[key] = _Running(asyncio.create_task(work), ask)
        running.num_waiting += 1
        try:
            return cast(T, await asyncio.shield(running.task))
        except asyncio.CancelledError:
            if running.task.cancelled():
                return Reason.SUPERSEDED
            self.note_nothing(uri, Reason.CANCELLED)
            raise
        finally:
            running.num_waiting -= 1
            if not running.num_waiting:
                running.task.cancel()
                if self._running.get(key) is running:
                    del self._running[key]

    def forget(self, document: OpenDocument) -> None:
        """Ends all work for a document that was closed, and keeps nothing of it."""
        uri = document.uri
        del self.documents[uri]
        self.neighbours.pop(uri, None)
        self.memory.forget(uri)
        self.connection.replays.forget(document.keys)
        for (worked_on, _), running in self._running.items():
            if worked_on == uri:
                running.task.cancel()

    def note_nothing(self, uri: str, reason: Reason) -> None:
        """Notes and tells why a request brought nothing."""
        self.empty_answers.append(EmptyAnswer(time.time(), uri, reason.value, reason.description))
        self.reasons[reason] += 1
        if self._telling is None or self._telling.done():
            self._telling = self.keep(self._tell_reasons())
        logger.info("No suggestion: %s.", reason.description)
        condition = self.connection.condition
        state = "disabled" if reason in LEFT_ALONE else condition.state
        message = condition.message if state == "error" else reason.description
        self.editor.tell(replace(condition, state=state, message=message, uri=uri, reason=reason.value))

    async def _tell_reasons(self) -> None:
        """Tells the engine, in a while and all at once: the counts go on, so that nothing depends on one message."""
        await asyncio.sleep(TELL_SECONDS)
        counts = tuple(ReasonCount(reason.value, count) for reason, count in self.reasons.items())
        await self.connection.tell_reasons(ReasonsCall(self.name, counts))
