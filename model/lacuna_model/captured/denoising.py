"""The denoising loop over captured steps: the host asks for the next step before it knows how the last one ended."""

import time
from collections import OrderedDict, deque
from collections.abc import Callable, Generator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from lacuna_model.canvas import Canvas
from lacuna_model.captured.buffers import Shape
from lacuna_model.captured.draws import SlotDraws
from lacuna_model.captured.graph import can_be_captured
from lacuna_model.captured.step import CapturedStep
from lacuna_model.denoising import Denoised, Denoising, Limits, State
from lacuna_model.gap_constraints import GapConstraints
from lacuna_model.result import StopReason
from lacuna_model.sampling.acceptance import Acceptance
from lacuna_model.sampling.noise import Uniform
from lacuna_model.sampling.sampler import Sampler
from lacuna_model.sampling.stopping import Stopping
from lacuna_model.transformer.denoiser import Denoiser

LEAST_LENGTH = 32
LEAST_CAPACITY = 512
MAX_SHAPES = 4


def can_capture(denoiser: Denoiser, sampler: Sampler, constraints: GapConstraints | None) -> bool:
    """Whether captured steps can denoise: on CUDA, with the released sampler, where no format is to be obeyed."""
    return (
        can_be_captured(denoiser)
        and denoiser.config.delete_token_id is None
        and isinstance(sampler.noise, Uniform)
        and sampler.revision.num_passes == 0
        and constraints is None
    )


class CapturedSteps:
    """Steps of one denoiser, kept between requests; each holds a prefix, so only the shapes used last are kept."""

    def __init__(self, denoiser: Denoiser, banned: Tensor) -> None:
        """Starts without any. `banned` are tokens that never belong in a gap, (N,) int64."""
        self._denoiser = denoiser
        self._banned = banned
        self._steps: OrderedDict[tuple[Shape, Acceptance, Stopping], CapturedStep] = OrderedDict()

    def step(self, sampler: Sampler, canvas: Canvas, num_slots: int, num_prefix_tokens: int) -> CapturedStep:
        """The step that a canvas is padded for; the first of its shape is captured now."""
        batch, length = canvas.ids.shape
        shape = Shape(
            batch=batch,
            length=_padded(length, LEAST_LENGTH),
            num_slots=_padded(num_slots, LEAST_LENGTH),
            capacity=_padded(num_prefix_tokens, LEAST_CAPACITY),
        )
        key = (shape, sampler.acceptance, sampler.stopping)
        step = self._steps.pop(key, None)
        if step is None:
            if len(self._steps) == MAX_SHAPES:
                self._steps.popitem(last=False)
            step = CapturedStep(self._denoiser, sampler.acceptance, sampler.stopping, self._banned, shape)
        self._steps[key] = step
        return step


@dataclass(frozen=True, slots=True, eq=False)
class CapturedDenoising(Denoising):
    """Denoises canvases as `Denoising` does, given the same draws, where `can_capture` allows it.

    Attributes:
        draws: one number a slot.
        steps: of the same denoiser and banned tokens.
    """

    draws: SlotDraws
    steps: CapturedSteps = field(kw_only=True)

    def run(self, canvas: Canvas, limits: Limits) -> Generator[State, None, Denoised]:
        """See `Denoising.run`. On CUDA a step that nobody needs may be made at the end; it changes nothing."""
        slots = canvas.editable.flatten().nonzero().squeeze(1)
        if not len(slots):
            return (yield from Denoising.run(self, canvas, limits))
        state = self.start(canvas)
        step = self.steps.step(self.sampler, canvas, len(slots), self.prefix[0][0].shape[2])
        step.load(state, self.prefix, slots)
        temperatures = self._temperatures(len(canvas.ids), limits.num_steps)
        on_device = torch.tensor(temperatures, device=canvas.ids.device)  # (S, B)
        num_ahead = 1 if canvas.ids.is_cuda else 0
        looks: deque[Callable[[], bool]] = deque()
        num_steps = 0
        stop_reason: StopReason = "max_steps"
        last_forward = 0.0
        while num_steps < limits.num_steps:
            if limits.cancelled():
                stop_reason = "cancelled"
                break
            if num_steps and not limits.allow((1 + num_ahead) * last_forward):
                stop_reason = "deadline"
                break
            began = time.perf_counter()
            numbers = self.draws.numbers(canvas.ids.shape) if any(temperatures[num_steps]) else None
            fresh = self.sampler.noise.draw(canvas.ids.shape, canvas.ids.device, self.draws)
            step.make(on_device[num_steps], numbers, fresh)
            num_steps += 1
            looks.append(_look(step.buffers.finished))
            state = step.state(state)
            is_finished = len(looks) > num_ahead and looks.popleft()()
            last_forward = time.perf_counter() - began
            yield state
            if is_finished:
                stop_reason = "stable"
                break
        if stop_reason == "max_steps" and any(look() for look in looks):
            stop_reason = "stable"
        settled = self.settle(state)
        return Denoised(settled.canvas, settled.confidence, settled.score, int(step.buffers.num_steps), stop_reason)

    def _temperatures(self, batch: int, num_steps: int) -> list[list[float]]:
        """Temperature of every row in every step."""
        schedule, least = self.sampler.schedule, self.sampler.candidate_temperature
        firsts = [schedule.temperature(num_left, num_steps) for num_left in range(num_steps, 0, -1)]
        return [[first] + [max(first, least)] * (batch - 1) for first in firsts]


def _padded(size: int, least: int) -> int:
    """The next power of two, so that few shapes are ever captured."""
    return max(least, 1 << (size - 1).bit_length())


def _look(finished: Tensor) -> Callable[[], bool]:
    """Asks whether all rows are finished; only whoever calls for the answer waits for it."""
    answer = finished.all()
    if not answer.is_cuda:
        return lambda: bool(answer)
    copy = torch.empty((), dtype=torch.bool, pin_memory=True)
    copy.copy_(answer, non_blocking=True)
    event = torch.cuda.Event()  # type: ignore[no-untyped-call]
    event.record()

    def wait() -> bool:
        event.synchronize()
        return bool(copy)

    return wait
