"""What a denoising step costs on a device, beside what the device can do and what decoding one token at a time costs.

Weights may be random: to time only their number matters, and how many experts a canvas touches. Every canvas is
denoised as the released checkpoint is sampled, except that none ever settles: all steps that are asked for are made.
On CUDA both what is denoised and what is decoded are captured as graphs; on a CPU the plain loops are timed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from lacuna_model.canvas import CLAMPED, Canvas
from lacuna_model.captured.decoding import CapturedDecoding
from lacuna_model.captured.denoising import CapturedDenoising, CapturedSteps, can_capture
from lacuna_model.captured.draws import SlotDraws
from lacuna_model.config import GenerationConfig
from lacuna_model.denoising import Denoised, Denoising, Limits
from lacuna_model.evaluation.device_rates import Stopwatch, copy_bandwidth, matrix_rate, peak_memory
from lacuna_model.evaluation.profile_report import NUM_FILL_STEPS, NUM_SLOTS, CanvasSpeed, ProfileReport, StepTime
from lacuna_model.evaluation.report import Progress
from lacuna_model.evaluation.shared_reference import SharedReference
from lacuna_model.prefix_cache import Prefix, PrefixCache
from lacuna_model.sampling.acceptance import EntropyBound
from lacuna_model.sampling.noise import Uniform
from lacuna_model.sampling.revision import Never
from lacuna_model.sampling.sampler import Sampler
from lacuna_model.sampling.schedule import LinearTemperature
from lacuna_model.sampling.stopping import StableAndConfident
from lacuna_model.transformer.denoiser import Denoiser
from lacuna_model.transformer.experts import Experts

CANVAS_LENGTHS = (32, 64, 128, 256)
BATCHES = (1, 4)
STEPS_OF_A_CANVAS = (12, 16, 48)
NUM_DECODED = 64
"""Room for decoded tokens behind the prefix: more than are timed at once."""


def run_profile(
    denoiser: Denoiser,
    document: dict[str, Any] | None,
    *,
    num_prefix_tokens: int = 2000,
    repetitions: int = 3,
    progress: Progress | None = None,
) -> ProfileReport:
    """Measures one denoiser on its device; the reference gets the same tensors, so it needs no room for its own.

    Args:
        denoiser: the weights, random or not.
        document: content of its `config.json`, for the reference; None leaves that out, which reads no quantised
            weights.
        num_prefix_tokens: random tokens before every canvas.
        repetitions: each figure is the median of so many.
        progress: told after every figure.
    """
    config, device = denoiser.config, denoiser.device
    lengths = tuple(length for length in CANVAS_LENGTHS if length <= config.canvas_length) or (config.canvas_length,)
    sizes = [(length, batch) for batch in BATCHES for length in lengths]
    tick = _Ticker(progress, num_in_all=2 * len(sizes) + len(STEPS_OF_A_CANVAS) + 6)
    watch = Stopwatch(device, repetitions)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    subject = _Subject.of(denoiser, num_prefix_tokens)

    bandwidth = tick(copy_bandwidth(watch))
    rate = tick(matrix_rate(watch, denoiser.dtype))
    own = [tick(watch.seconds_each(partial(subject.denoise, *size))) for size in sizes]
    whole = [tick(watch.seconds(partial(subject.denoise, lengths[-1], 1, num))) for num in STEPS_OF_A_CANVAS]
    token = tick(watch.seconds_each(subject.decode))
    fill = tick(watch.seconds(subject.fill))
    encoding = tick(watch.seconds(subject.encode))
    peak = peak_memory(device)
    figures = _reference_times(watch, _reference_of(denoiser, document), subject.token_ids, sizes)
    *reference, reference_token = map(tick, figures)

    step_bytes, token_bytes = _step_bytes(denoiser), _token_bytes(denoiser)
    return ProfileReport(
        device=torch.cuda.get_device_name(device) if device.type == "cuda" else str(device),
        dtype=str(denoiser.dtype).removeprefix("torch."),
        num_threads=torch.get_num_threads(),
        num_prefix_tokens=num_prefix_tokens,
        copy_bandwidth=bandwidth,
        matrix_rate=rate,
        step_bytes=step_bytes,
        token_bytes=token_bytes,
        steps=tuple(
            StepTime(
                canvas_length=length,
                batch=batch,
                milliseconds=1000 * seconds,
                floors=seconds * bandwidth / step_bytes,
                experts_read=_experts_read(denoiser, length * batch),
                reference_milliseconds=None if theirs is None else 1000 * theirs,
            )
            for (length, batch), seconds, theirs in zip(sizes, own, reference, strict=True)
        ),
        canvases=tuple(
            CanvasSpeed(
                num_steps=num_steps,
                tokens_per_second=lengths[-1] / seconds,
                times_decode=lengths[-1] * token / seconds,
                times_reference_decode=None if reference_token is None else lengths[-1] * reference_token / seconds,
                bound=lengths[-1] / num_steps * token_bytes / step_bytes,
            )
            for num_steps, seconds in zip(STEPS_OF_A_CANVAS, whole, strict=True)
        ),
        captures_steps=subject.captures_steps,
        captures_decoding=subject.decoding.is_captured,
        milliseconds_per_token=1000 * token,
        token_floors=token * bandwidth / token_bytes,
        reference_milliseconds_per_token=None if reference_token is None else 1000 * reference_token,
        warm_fill_milliseconds=1000 * fill,
        prefix_tokens_per_second=num_prefix_tokens / encoding,
        peak_memory=peak,
    )


_Figure = TypeVar("_Figure")


@dataclass(slots=True)
class _Ticker:
    """Reports progress with every figure that passes through it."""

    progress: Progress | None
    num_in_all: int
    num_done: int = 0

    def __call__(self, figure: _Figure) -> _Figure:
        self.num_done += 1
        if self.progress is not None:
            self.progress(self.num_done, self.num_in_all)
        return figure


@dataclass(frozen=True, slots=True, eq=False)
class _Subject:
    """What is timed of ours."""

    denoiser: Denoiser
    token_ids: list[int]
    cache: PrefixCache
    sampler: Sampler
    banned: Tensor
    draws: SlotDraws
    steps: CapturedSteps
    decoding: CapturedDecoding

    @classmethod
    def of(cls, denoiser: Denoiser, num_prefix_tokens: int) -> "_Subject":
        config, device = denoiser.config, denoiser.device
        generator = torch.Generator().manual_seed(0)
        token_ids = torch.randint(config.vocab_size, (num_prefix_tokens,), generator=generator).tolist()
        deletes = [token for token in (config.delete_token_id,) if token is not None]
        banned = torch.tensor(deletes, dtype=torch.int64, device=device)  # else a canvas would shrink
        return cls(
            denoiser,
            token_ids,
            PrefixCache(denoiser, 2 * num_prefix_tokens * denoiser.num_bytes_of_token),
            _sampler(config.vocab_size),
            banned,
            SlotDraws.of_seed(0, device),
            CapturedSteps(denoiser, banned),
            CapturedDecoding(denoiser, num_prefix_tokens + NUM_DECODED),
        )

    @property
    def captures_steps(self) -> bool:
        return can_capture(self.denoiser, self.sampler, None)

    def prefix(self) -> Prefix:
        """From the cache, but for the first time."""
        return self.cache.encode("", self.token_ids)

    def encode(self) -> Prefix:
        """Anew."""
        return PrefixCache(self.denoiser, 0).encode("", self.token_ids)

    def decode(self, num_tokens: int) -> list[int]:
        """One token at a time; the first comes with the prefix."""
        return self.decoding.decode(self.prefix(), num_tokens + 1)

    def fill(self) -> list[int]:
        """A gap with as many given tokens behind it, as in an editor."""
        return self.denoise(self.num_slots, 1, NUM_FILL_STEPS, num_given=self.num_slots)[0]

    @property
    def num_slots(self) -> int:
        return min(NUM_SLOTS, self.denoiser.config.canvas_length // 2)

    def denoise(self, num_slots: int, batch: int, num_steps: int, num_given: int = 0) -> list[list[int]]:
        """Denoises canvases of slots, and given tokens behind them, until their tokens are known."""
        config, device = self.denoiser.config, self.denoiser.device
        ids = torch.full((batch, num_slots + num_given), config.pad_token_id, device=device)
        gaps = torch.zeros_like(ids)
        ids[:, num_slots:], gaps[:, num_slots:] = config.bos_token_id, CLAMPED
        arguments = (self.denoiser, self.sampler, self.prefix().key_values, self.banned, self.draws)
        denoising = CapturedDenoising(*arguments, steps=self.steps) if self.captures_steps else Denoising(*arguments)
        steps = denoising.run(Canvas(ids, gaps, config.pad_token_id), Limits(num_steps, None, 0, lambda: False))
        while True:
            try:
                next(steps)
            except StopIteration as stop:
                denoised: Denoised = stop.value
                assert denoised.num_steps == num_steps
                return denoised.canvas.ids.tolist()


def _sampler(vocab_size: int) -> Sampler:
    """The released checkpoint's, without its way of stopping."""
    released = GenerationConfig()
    return Sampler(
        noise=Uniform(vocab_size),
        acceptance=EntropyBound(released.entropy_bound),
        schedule=LinearTemperature(released.t_min, released.t_max),
        stopping=StableAndConfident(released.stability, confidence=0.0),  # no entropy is below
        revision=Never(),
        candidate_temperature=0.0,
    )


def _reference_of(denoiser: Denoiser, document: dict[str, Any] | None) -> SharedReference | None:
    """The reference, if it can be had."""
    try:
        return None if document is None else SharedReference.of(denoiser, document)
    except ImportError:
        return None


def _reference_times(
    watch: Stopwatch, reference: SharedReference | None, token_ids: list[int], sizes: list[tuple[int, int]]
) -> Iterator[float | None]:
    """Yields seconds a step for each size, then seconds a decoded token; None for what cannot be run."""
    if reference is None:
        yield from [None] * (len(sizes) + 1)
        return
    ids = torch.tensor([token_ids], device=watch.device)
    for length, batch in sizes:
        prefix = ids.expand(batch, -1)
        cache = reference.encode(prefix[:, :-1])
        try:
            yield watch.seconds_each(partial(reference.generate, prefix[:, -1:], cache, length))
        except torch.OutOfMemoryError:
            yield None
    yield watch.seconds_each(partial(reference.decode, ids[:, -1:], reference.encode(ids[:, :-1])))


def _step_bytes(denoiser: Denoiser) -> int:
    return sum(tensor.nbytes for tensor in denoiser.state_dict().values())


def _token_bytes(denoiser: Denoiser) -> int:
    """Without self-conditioning, and of the experts those alone that one token chooses."""
    experts = sum(_num_bytes(module) for module in denoiser.modules() if isinstance(module, Experts))
    others = _step_bytes(denoiser) - _num_bytes(denoiser.self_conditioning) - experts
    return others + round(experts * _experts_read(denoiser, 1))


def _num_bytes(module: nn.Module) -> int:
    return sum(tensor.nbytes for tensor in module.state_dict().values())


def _experts_read(denoiser: Denoiser, num_tokens: int) -> float:
    """Share of the experts that some of the tokens choose, if all are equally likely."""
    config = denoiser.config
    return 1 - (1 - config.num_experts_per_token / config.num_experts) ** num_tokens
