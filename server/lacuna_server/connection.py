"""The language server's end of the engine: opened in the background, and asked for fills."""

import asyncio
import logging
import math
import time
from contextlib import aclosing, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from lsprotocol.types import MessageType

from lacuna_server.editor import Editor, Progress
from lacuna_server.engine.errors import EngineDownError, EngineError, EngineRefusedError
from lacuna_server.engine.protocol import FillCall, ReasonsCall, RefusalKind, ResultEvent, Status, WarmCall
from lacuna_server.errors import UserError
from lacuna_server.messages import Condition
from lacuna_server.reasons import Reason
from lacuna_server.replays import PastFill, Recording, Replays
from lacuna_server.settings import EngineSettings

if TYPE_CHECKING:
    from lacuna_server.engine.client import EngineClient
    from lacuna_server.engine.process import EngineKeeper

RETRY_SECONDS = 5.0
"""After which an engine given by its address, that did not answer, may be asked again."""

PATIENCE_SECONDS = 1.0
"""For which a person who asks how the engine is waits for its answer."""

logger = logging.getLogger(__name__)

_REASON_OF_REFUSAL: dict[RefusalKind, Reason] = {
    "loading": Reason.ENGINE_LOADING,
    "failed": Reason.ENGINE_DOWN,
    "superseded": Reason.SUPERSEDED,
    "busy": Reason.ENGINE_BUSY,
}


class Connection:
    """The way to the engine, and how it is.

    Attributes:
        condition: what the editor was told last.
        status: what the engine told last; None before it did.
        replays: how the last fills came about, for an editor that can show it.
    """

    def __init__(self, editor: Editor) -> None:
        self.condition = Condition("loading")
        self.status: Status | None = None
        self.replays = Replays()
        self._editor = editor
        self._settings: EngineSettings | None = None
        self._keeper: EngineKeeper | None = None
        self._client: EngineClient | None = None
        self._opening: asyncio.Task[None] | None = None
        self._progress: asyncio.Task[Progress | None] | None = None
        self._retry_at = math.inf
        self._was_told = False
        self._num_filling = 0

    async def use(self, settings: EngineSettings) -> None:
        """Begins to look for the engine that is wanted, unless it is the one in use and all is well with it."""
        if settings == self._settings and self.condition.state != "error":
            return
        await self.close()
        self._settings = settings
        self._was_told = False
        self._open()

    async def restart(self) -> None:
        """Ends the engine, if it is our own, and opens another one."""
        if self._keeper is not None and self._settings is not None and not self._settings.url:
            await self._keeper.stop()
        settings, self._settings = self._settings, None
        await self.use(settings or EngineSettings())

    async def close(self) -> None:
        """Hangs up; the engine goes on."""
        if self._opening is not None:
            self._opening.cancel()
        if self._keeper is not None:
            await self._keeper.aclose()
        self._opening = self._keeper = self._client = None

    async def fill(self, call: FillCall) -> ResultEvent | Reason:
        """Asks for a fill; never waits for an engine that is not ready. Cancelling the task ends the fill.

        Raises:
            EngineRefusedError: a constraint of the call is wrong, or leaves no fill.
        """
        if self._client is None:
            if time.monotonic() >= self._retry_at:
                self._open()
            return Reason.ENGINE_LOADING if self.condition.state == "loading" else Reason.ENGINE_DOWN
        self._num_filling += 1
        self._tell(Condition("filling"))
        call, recording = replace(call, steps=self._editor.takes_replays), Recording()
        try:
            async with aclosing(self._client.fill(call)) as events:
                async for event in events:
                    if isinstance(event, ResultEvent):
                        if call.steps and event.fills:
                            self.replays.keep(PastFill(call, tuple(recording.steps), event))
                        return event
                    recording.add(event)
            return Reason.ENGINE_ERROR
        except EngineRefusedError as error:
            if error.kind == "invalid" and call.constraints is not None:
                raise
            return self._refused(error)
        except EngineError as error:
            logger.warning("%s", error)
            self._open()
            return Reason.ENGINE_DOWN
        finally:
            self._num_filling -= 1
            if self.condition.state == "filling" and not self._num_filling:
                self._tell(Condition("ready"))

    async def warm(self, call: WarmCall) -> None:
        """Has a prefix encoded once the engine that is being opened is ready; nothing depends on it."""
        if self._opening is not None:
            await asyncio.wait([self._opening])
        if self._client is not None:
            with suppress(EngineError):
                await self._client.warm(call)

    async def tell_reasons(self, call: ReasonsCall) -> None:
        """Tells our own engine, which `lacuna status` asks, why requests brought nothing."""
        if self._client is None or self._settings is None or self._settings.url:
            return
        with suppress(EngineError):
            await self._client.tell_reasons(call)

    async def ask_status(self) -> Status | None:
        """How the engine is; if it does not answer at once, how it was. One that is gone is looked for again."""
        if self._client is not None:
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    self.status = await self._client.status()
            except TimeoutError:
                pass
            except EngineError as error:
                logger.warning("%s", error)
                self._open()
        return self.status

    def _refused(self, error: EngineRefusedError) -> Reason:
        if error.kind in ("loading", "failed"):  # it is another engine than the one that was ready
            self._open()
        reason = _REASON_OF_REFUSAL.get(error.kind, Reason.ENGINE_ERROR)
        if reason is Reason.ENGINE_ERROR:
            logger.error("The engine refused a request as %s.", error.kind)
        return reason

    def _open(self) -> None:
        if self._opening is None or self._opening.done():
            self._client, self._retry_at = None, math.inf
            self._tell(Condition("loading"))
            self._opening = asyncio.create_task(self._find())

    async def _find(self) -> None:
        assert self._settings is not None
        try:
            if self._keeper is None:
                self._keeper = _keeper(self._settings, self)
            self._client = await self._keeper.ensure()
            self._tell(Condition("ready"))
        except EngineDownError as error:
            self._fail(str(error), math.inf if error.retry_in is None else error.retry_in)
        except EngineError as error:
            self._fail(str(error), RETRY_SECONDS)
        except (UserError, OSError) as error:
            self._fail(str(error), math.inf)
        except Exception as error:  # nothing else may leave us loading for ever
            logger.error("Looking for the engine failed.", exc_info=error)
            self._fail("The engine cannot be reached; the server's log says why.", math.inf)
        finally:
            await self._end_progress()

    def notice(self, status: Status) -> None:
        """Takes note of how the engine is, several times a second while it loads."""
        self.status = status
        if status.state != "loading":
            return
        self._tell(Condition("loading", "", status.loaded_bytes, status.total_bytes))
        if self._progress is None:
            self._progress = asyncio.create_task(self._editor.begin_progress("Lacuna: loading the model"))
        elif self._progress.done() and (progress := self._progress.result()) is not None and status.total_bytes:
            done = f"{status.loaded_bytes / 1e6:.0f} of {status.total_bytes / 1e6:.0f} MB"
            progress.report(done, 100 * status.loaded_bytes // status.total_bytes)

    async def _end_progress(self) -> None:
        begun, self._progress = self._progress, None
        if begun is not None and (progress := await begun) is not None:
            progress.end()

    def _fail(self, message: str, retry_in: float) -> None:
        """Tells what is wrong: the first time so that nobody overlooks it, in the status and the log always."""
        self._retry_at = time.monotonic() + retry_in
        self._tell(Condition("error", message))
        logger.error("%s", message)
        if not self._was_told:
            self._was_told = True
            self._editor.show(message, MessageType.Error)

    def _tell(self, condition: Condition) -> None:
        if condition != self.condition:
            self.condition = condition
            self._editor.tell(condition)


def _keeper(settings: EngineSettings, connection: Connection) -> "EngineKeeper":
    """Finds or starts the engine that is wanted. Its modules are loaded here: the reply to `initialize` comes first.

    Raises:
        UserError: the address, the certificates, the token or a path cannot be used.
        OSError: the token cannot be read.
    """
    from lacuna_server.engine.address import Address
    from lacuna_server.engine.process import EngineKeeper
    from lacuna_server.engine.spawn import EngineOptions

    checkpoint = _path(settings.checkpoint)
    return EngineKeeper(
        Address.parse(settings.url) if settings.url else None,
        EngineOptions(checkpoint, settings.device, settings.precision, settings.idle_minutes),
        token=_token(_path(settings.token_file)),
        ca_file=_path(settings.ca_file),
        on_status=connection.notice,
    )


def _token(file: Path | None) -> str | None:
    """What a file holds. Raises UserError if it is no text, OSError if there is none."""
    try:
        return None if file is None else file.read_text(encoding="utf-8").strip()
    except ValueError:  # it would quote the token
        raise UserError(f"{file} is not text in UTF-8; lacuna.engine.token_file must hold the token alone.") from None


def _path(text: str) -> Path | None:
    """A path from the settings. Raises UserError if it begins with the home of nobody we know."""
    try:
        return Path(text).expanduser() if text else None
    except RuntimeError as error:
        raise UserError(f"The home directory in {text!r} is not known; write the whole path.") from error
