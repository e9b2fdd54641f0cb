"""The thread that holds the model: it loads, fills and warms, one after the other, while the event loop goes on."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from lacuna_server.engine.memory import Trimming, keep_few_products
from lacuna_server.engine.precision import Precision, quantized
from lacuna_server.engine.protocol import FillCall, FillOut, ResultEvent, StepEvent, TokenOut, WarmCall
from lacuna_server.engine.refusals import RefusedError
from lacuna_server.errors import is_lack_of_memory

if TYPE_CHECKING:
    from lacuna_model.constraints.kinds import Constraint
    from lacuna_model.infill import Infiller
    from lacuna_model.request import InfillRequest
    from lacuna_model.result import DenoisingStep, Fill, InfillResult

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """What is known of the model; the fields are those of `Status`."""

    checkpoint: str
    device: str
    state: Literal["loading", "ready", "failed"] = "loading"
    loaded_bytes: int = 0
    total_bytes: int = 0
    message: str = ""
    precision: str = ""


class Worker:
    """A model in a thread of its own.

    Attributes:
        status: how far the model is; replaced by the thread, read by anyone.
    """

    def __init__(self, checkpoint: Path | None, device: str, precision: Precision = "auto") -> None:
        """Makes a worker; nothing is loaded yet.

        Args:
            checkpoint: directory of the checkpoint; None: the embedded one.
            device: as `lacuna_model.device.choose_device` calls it.
            precision: of most weights.
        """
        self.status = ModelStatus("embedded" if checkpoint is None else str(checkpoint), device)
        self._checkpoint = checkpoint
        self._device = device
        self._precision = quantized(precision)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="model")
        self._builders = ThreadPoolExecutor(2, thread_name_prefix="formats")
        self._infiller: Infiller | None = None
        self._trimming = Trimming.of_platform()

    async def load(self) -> None:
        """Loads the model; how that went is told by `status`."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._load)

    async def fill(
        self, call: FillCall, emit: Callable[[StepEvent], None], cancelled: Callable[[], bool]
    ) -> ResultEvent:
        """Fills; see `scheduler.Filler`."""
        loop = asyncio.get_running_loop()

        def emit_in_loop(event: StepEvent) -> None:
            loop.call_soon_threadsafe(emit, event)

        return await loop.run_in_executor(self._thread, self._fill, call, emit_in_loop, cancelled)

    async def prepare(self, call: FillCall) -> None:
        """Makes the automata that a call's constraints need, before its turn and beside the thread of the model.

        That may take seconds, in which others are filled. What is wrong with a constraint is told by `fill`.
        """
        if call.constraints is not None:
            await asyncio.get_running_loop().run_in_executor(self._builders, self._prepare, call)

    async def warm(self, call: WarmCall) -> None:
        """Encodes a prefix; see `scheduler.Filler`."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._warm, call)

    def _load(self) -> None:
        from lacuna_model.errors import LacunaError

        try:
            from lacuna_model.infill import Infiller  # takes a second: torch
            from lacuna_model.quantization.precision import held_as

            keep_few_products()
            infiller = Infiller.load(
                self._checkpoint, device=self._device, progress=self._report, precision=self._precision
            )
        except LacunaError as error:
            self._fail(str(error))
        except Exception as error:
            if is_lack_of_memory(error):
                self._fail(f"There is not enough memory on the device {self._device!r} for the model; try another one.")
            else:
                log.exception("A defect")
                self._fail(f"The model cannot be loaded ({type(error).__name__}: {error}); try: lacuna doctor")
        else:
            self._infiller = infiller
            device, precision = str(infiller.denoiser.device), held_as(infiller.denoiser)
            self.status = replace(self.status, state="ready", device=device, precision=precision)
            log.info("The model is loaded: %s in %s on %s", self.status.checkpoint, precision, device)

    def _fail(self, message: str) -> None:
        log.error("%s", message)
        self.status = replace(self.status, state="failed", message=message)

    def _report(self, done: int, total: int) -> None:
        self.status = replace(self.status, loaded_bytes=done, total_bytes=total)

    def _fill(self, call: FillCall, emit: Callable[[StepEvent], None], cancelled: Callable[[], bool]) -> ResultEvent:
        from lacuna_model.errors import ConstraintError, InputError

        assert self._infiller is not None, "calls are refused until the model is loaded"
        try:
            for event in events_of(call, self._infiller, cancelled):
                if call.steps and isinstance(event, StepEvent):
                    emit(event)
            assert isinstance(event, ResultEvent), "it comes last"
            return event
        except (InputError, ConstraintError) as error:
            raise RefusedError("invalid", str(error)) from error
        except Exception as error:
            if not is_lack_of_memory(error):
                raise
            raise RefusedError(
                "internal",
                f"There is not enough memory on {self.status.device}; ask for fewer candidates or tokens.",
            ) from error
        finally:
            self._trimming.count_fill()

    def _prepare(self, call: FillCall) -> None:
        from lacuna_model.errors import ConstraintError, InputError

        assert self._infiller is not None, "calls are refused until the model is loaded"
        with suppress(ConstraintError, InputError):
            self._infiller.languages(request_of(call))

    def _warm(self, call: WarmCall) -> None:
        from lacuna_model.layout import lay_out
        from lacuna_model.request import InfillRequest

        assert self._infiller is not None, "calls are refused until the model is loaded"
        infiller = self._infiller
        request = InfillRequest((call.prefix, ""), call.language)
        layout = lay_out(
            request, infiller.tokenizer, infiller.denoiser.config, infiller.generation, infiller.max_prefix_tokens
        )
        infiller.cache.encode(_cache_name(call), list(layout.prefix))


def _cache_name(call: FillCall | WarmCall) -> str:
    """Under which name a document's prefix is cached: documents of different clients are never one."""
    return repr((call.client, call.document))


def events_of(
    call: FillCall, infiller: "Infiller", cancelled: Callable[[], bool] = lambda: False
) -> Iterator[StepEvent | ResultEvent]:
    """Fills, here and now: yields every denoising step, then the result.

    Raises:
        InputError: the call is wrong.
        ConstraintError: a constraint is, or leaves no fill.
    """
    steps = infiller.run(request_of(call), cancelled)
    while True:
        try:
            yield _step_event(next(steps))
        except StopIteration as stop:
            yield _result_event(stop.value)
            return


def request_of(call: FillCall) -> "InfillRequest":
    """What a call asks of the model.

    Raises:
        InputError: the call is wrong.
        ConstraintError: a constraint is, or the text around its gap is not what it says.
    """
    from lacuna_model.constraints.kinds import constraint_of_json
    from lacuna_model.request import InfillOptions, InfillRequest

    options = InfillOptions(
        max_tokens=call.max_tokens,
        max_lines=call.max_lines,
        num_candidates=call.num_candidates,
        deadline_ms=call.deadline_ms,
        seed=call.seed,
        syntax=call.syntax,
    )
    constraints = None
    if call.constraints is not None:
        constraints = tuple(None if each is None else constraint_of_json(each) for each in call.constraints)
        for gap, (constraint, sides) in enumerate(zip(constraints, pairwise(call.segments), strict=False), start=1):
            if constraint is not None:
                _check_sides(gap, constraint, *sides)
    return InfillRequest(call.segments, call.language, options, _cache_name(call), call.draft, constraints=constraints)


def _check_sides(gap: int, constraint: "Constraint", prefix: str, suffix: str) -> None:
    """Compares what a constraint says of the text around its gap with as much of that text as was sent."""
    from lacuna_model.errors import ConstraintError

    before, after = constraint.before, constraint.after
    if not prefix.endswith(before[-len(prefix) :] if prefix else before):
        raise ConstraintError(f'{before!r}, the "before" of gap {gap}, does not stand in front of it; name what does.')
    if not suffix.startswith(after[: len(suffix)] if suffix else after):
        raise ConstraintError(f'{after!r}, the "after" of gap {gap}, does not stand behind it; name what does.')


def _step_event(step: "DenoisingStep") -> StepEvent:
    gaps = tuple(tuple(TokenOut(slot.text, slot.confidence) for slot in gap) for gap in step.gaps)
    return StepEvent(step.step, gaps)


def _result_event(result: "InfillResult") -> ResultEvent:
    """An answer; what it waited is not known here."""
    return ResultEvent(
        fills=tuple(map(_fill_out, result.fills)),
        stop_reason=result.stop_reason,
        num_steps=result.num_steps,
        num_forwards=result.num_forwards,
        num_tokens=result.num_tokens,
        num_prefix_tokens=result.num_prefix_tokens,
        num_cached_tokens=result.num_cached_tokens,
        queue_ms=0.0,
        encode_ms=result.timing.encode_ms,
        denoise_ms=result.timing.denoise_ms,
        rank_ms=result.timing.rank_ms,
        total_ms=result.timing.total_ms,
    )


def _fill_out(fill: "Fill") -> FillOut:
    tokens = tuple(tuple(TokenOut(token.text, token.confidence) for token in gap) for gap in fill.tokens)
    return FillOut(fill.texts, tokens, fill.score, fill.valid, fill.probability)
