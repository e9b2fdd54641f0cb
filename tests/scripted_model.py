"""A model that makes a denoising step when a test lets it."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

from scripted_engine import result, step

from lacuna_server.engine.protocol import FillCall, ResultEvent, StepEvent, WarmCall
from lacuna_server.engine.worker import ModelStatus

NUM_STEPS = 4


class ScriptedModel:
    """Fills every gap with its document's name in four steps.

    Attributes:
        status: told to whoever asks.
        after_load: what becomes of it by loading.
        began: calls it has begun, in their order.
        num_steps: steps it has made.
        error: raised by the next step, once.
    """

    def __init__(self) -> None:
        self.status = ModelStatus("scripted", "cpu")
        self.after_load = replace(self.status, state="ready", loaded_bytes=7, total_bytes=7)
        self.began: list[FillCall | WarmCall] = []
        self.num_steps = 0
        self.error: Exception | None = None
        self._allowed = asyncio.Semaphore(0)

    def allow(self, num_steps: int = 1000) -> None:
        """Lets it make so many steps more; encoding a prefix takes one too."""
        for _ in range(num_steps):
            self._allowed.release()

    async def load(self) -> None:
        self.status = self.after_load

    async def fill(
        self, call: FillCall, emit: Callable[[StepEvent], None], cancelled: Callable[[], bool]
    ) -> ResultEvent:
        self.began.append(call)
        for number in range(1, NUM_STEPS + 1):
            if cancelled():
                return replace(result(stop_reason="cancelled"), fills=(), num_steps=number - 1)
            await self._step()
            if call.steps:
                emit(step(number, [call.document]))
        return result(*[call.document] * (len(call.segments) - 1))

    async def prepare(self, call: FillCall) -> None:
        """Needs nothing."""

    async def warm(self, call: WarmCall) -> None:
        self.began.append(call)
        await self._step()

    async def _step(self) -> None:
        await self._allowed.acquire()
        self.num_steps += 1
        if self.error is not None:
            error, self.error = self.error, None
            raise error
