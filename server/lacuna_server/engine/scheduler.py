"""Whose turn it is: one call runs at a time, clients take turns, and within a document the latest call wins."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Protocol

from lacuna_server.engine.line import Line
from lacuna_server.engine.protocol import Event, FillCall, Refusal, ResultEvent, StepEvent, WarmCall
from lacuna_server.engine.refusals import RefusedError, refusal_of

MAX_QUEUED = 64
MAX_QUEUED_OF_CLIENT = 16

SUPERSEDED = Refusal("superseded", "A newer call for the same document took the place of this one.")
CLOSING = Refusal("closing", "The engine ends; start it again.")

TOO_LATE = ResultEvent(
    fills=(),
    stop_reason="deadline",
    num_steps=0,
    num_forwards=0,
    num_tokens=0,
    num_prefix_tokens=0,
    num_cached_tokens=0,
    queue_ms=0.0,
    encode_ms=0.0,
    denoise_ms=0.0,
    rank_ms=0.0,
    total_ms=0.0,
)
"""What a call gets whose time ran out while it waited for its turn."""


class Filler(Protocol):
    """What runs the calls, one at a time."""

    async def fill(
        self, call: FillCall, emit: Callable[[StepEvent], None], cancelled: Callable[[], bool]
    ) -> ResultEvent:
        """Fills and emits the steps if the call asks for them.

        Args:
            call: what to fill; its deadline counts from now.
            emit: to be called in the event loop.
            cancelled: to be asked before every denoising step, in any thread.

        Raises:
            RefusedError: the call cannot be answered.
        """
        ...

    async def warm(self, call: WarmCall) -> None:
        """Encodes a prefix. Raises RefusedError as `fill` does."""
        ...


class Turn:
    """A call from its arrival to its end.

    Iterating gives its events. It ends with a result or a refusal, or without a word when it was warmed or nobody
    waits for it any more; what comes later is dropped.

    Attributes:
        call: what is asked.
        arrived: when, on the clock of `time.monotonic`.
        is_over: whether it has ended, so that running on would be in vain.
    """

    def __init__(self, call: FillCall | WarmCall) -> None:
        self.call = call
        self.arrived = time.monotonic()
        self.is_over = False
        self._events: asyncio.Queue[Event | None] = asyncio.Queue()

    @property
    def key(self) -> tuple[str, str | int]:
        """Client and document: of calls with the same ones the latest wins. A call without a document is unique."""
        return self.call.client, self.call.document or id(self)

    def step(self, event: StepEvent) -> None:
        """Passes on what a step has brought."""
        if not self.is_over:
            self._events.put_nowait(event)

    def end(self, last: ResultEvent | Refusal | None = None) -> None:
        """Ends it; only the first call counts."""
        if not self.is_over:
            self.is_over = True
            self._events.put_nowait(last)

    async def __aiter__(self) -> AsyncIterator[Event]:
        while (event := await self._events.get()) is not None:
            yield event
            if not isinstance(event, StepEvent):
                return


class Scheduler:
    """Gives turns to calls. Everything happens in one event loop.

    Fills come before warm calls. A call that is superseded, withdrawn or refused frees the filler within one
    denoising step; one that has not begun never begins.

    Attributes:
        num_fills: results given so far.
    """

    def __init__(self, filler: Filler, on_result: Callable[[ResultEvent], None]) -> None:
        """Makes a scheduler; `run` runs it.

        Args:
            filler: runs the calls.
            on_result: told every result, those of cancelled calls too.
        """
        self.num_fills = 0
        self._filler = filler
        self._on_result = on_result
        self._fills: Line[Turn] = Line(MAX_QUEUED, MAX_QUEUED_OF_CLIENT)
        self._warms: Line[Turn] = Line(MAX_QUEUED, MAX_QUEUED_OF_CLIENT)
        self._running: Turn | None = None
        self._is_closed = False
        self._woken = asyncio.Event()
        self._last_active = time.monotonic()

    @property
    def num_queued(self) -> int:
        """Calls that wait for their turn."""
        return len(self._fills) + len(self._warms)

    @property
    def num_running(self) -> int:
        """Calls that the filler is busy with, 0 or 1; cancelled ones too until it is free."""
        return int(self._running is not None)

    @property
    def idle_seconds(self) -> float:
        """For how long there has been nothing to do."""
        return 0.0 if self.num_running or self.num_queued else time.monotonic() - self._last_active

    @contextmanager
    def enter(self, call: FillCall | WarmCall) -> Iterator[Turn]:
        """Queues a call; leaving the block withdraws it.

        Raises:
            RefusedError: too many are waiting, or the engine ends.
        """
        turn = Turn(call)
        self._admit(turn)
        try:
            yield turn
        finally:
            self.withdraw(turn)

    def withdraw(self, turn: Turn) -> None:
        """Ends a call that nobody waits for any more."""
        if not turn.is_over and turn is not self._running:
            self._line_of(turn).leave(*turn.key)
        turn.end()

    async def run(self) -> None:
        """Runs calls, one after the other, until closed; then ends as soon as the filler is free."""
        self._last_active = time.monotonic()
        while not self._is_closed:
            self._running = self._fills.next() or self._warms.next()
            if self._running is None:
                self._woken.clear()
                await self._woken.wait()
                continue
            await self._serve(self._running)
            self._running = None
            self._last_active = time.monotonic()

    def close(self) -> None:
        """Refuses all calls from now on, also those that wait or run."""
        self._is_closed = True
        for turn in (*self._fills, *self._warms, *((self._running,) if self._running else ())):
            turn.end(CLOSING)
        self._woken.set()

    def _admit(self, turn: Turn) -> None:
        line = self._line_of(turn)
        if self._is_closed:
            raise RefusedError(CLOSING.kind, CLOSING.message)
        if not line.has_room(*turn.key):
            raise RefusedError("busy", "Too many calls are waiting; try again later.")
        superseded = [line.join(*turn.key, turn)]
        if line is self._fills:
            superseded.append(self._warms.leave(*turn.key))
            if self._running and self._running.key == turn.key:
                superseded.append(self._running)
        for other in superseded:
            if other is not None:
                other.end(SUPERSEDED)
        self._last_active = time.monotonic()
        self._woken.set()

    def _line_of(self, turn: Turn) -> Line[Turn]:
        return self._fills if isinstance(turn.call, FillCall) else self._warms

    async def _serve(self, turn: Turn) -> None:
        queue_ms = 1000 * (time.monotonic() - turn.arrived)
        try:
            if isinstance(turn.call, WarmCall):
                await self._filler.warm(turn.call)
                turn.end()
            else:
                result = await self._fill(turn, turn.call, queue_ms)
                result = replace(result, queue_ms=queue_ms, total_ms=queue_ms + result.total_ms)
                self._on_result(result)
                self.num_fills += not turn.is_over
                turn.end(result)
        except Exception as error:  # whatever a model does, the next call gets its turn
            turn.end(refusal_of(error))

    async def _fill(self, turn: Turn, call: FillCall, queue_ms: float) -> ResultEvent:
        if call.deadline_ms is not None:
            if (left := call.deadline_ms - queue_ms) <= 0:
                return TOO_LATE
            call = replace(call, deadline_ms=left)
        began = time.monotonic()

        def emit(event: StepEvent) -> None:
            turn.step(replace(event, elapsed_ms=1000 * (time.monotonic() - began)))

        return await self._filler.fill(call, emit, lambda: turn.is_over)
