"""What was measured of a device, and how it is shown."""

from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console

from lacuna_model.evaluation.report import render_table

NUM_SLOTS, NUM_FILL_STEPS = 32, 8


@dataclass(frozen=True, slots=True)
class StepTime:
    """A denoising step of one size.

    Attributes:
        canvas_length: tokens of each canvas.
        batch: canvases in one pass.
        milliseconds: a step.
        floors: how many times longer that is than reading all weights once takes.
        experts_read: share of the experts that such a canvas touches, if all are equally likely.
        reference_milliseconds: a step of transformers' `generate`; None where it could not be run.
    """

    canvas_length: int
    batch: int
    milliseconds: float
    floors: float
    experts_read: float
    reference_milliseconds: float | None


@dataclass(frozen=True, slots=True)
class CanvasSpeed:
    """A canvas of full length.

    Attributes:
        num_steps: denoising steps.
        tokens_per_second: of the canvas.
        times_decode: how many times faster than our own decoding of one token at a time.
        times_reference_decode: the same of the reference's; None where it could not be run.
        bound: what `times_decode` would be if reading weights were all that takes time.
    """

    num_steps: int
    tokens_per_second: float
    times_decode: float
    times_reference_decode: float | None
    bound: float


@dataclass(frozen=True, slots=True)
class ProfileReport:
    """All figures of one run on one device.

    Attributes:
        device: its name.
        dtype: of activations.
        num_threads: of the CPU.
        num_prefix_tokens: before every canvas and decoded token.
        copy_bandwidth: bytes a second.
        matrix_rate: operations a second.
        step_bytes: weights that a denoising step reads.
        token_bytes: weights that decoding one token reads.
        steps: by batch and length.
        canvases: by steps.
        captures_steps: whether our denoising steps were replayed as CUDA graphs, or called one by one.
        captures_decoding: the same of our decoding.
        milliseconds_per_token: our encoder, one token at a time.
        token_floors: how many times longer that is than reading the weights that one token needs takes.
        reference_milliseconds_per_token: the same of transformers; None where it could not be run.
        warm_fill_milliseconds: a gap of `NUM_SLOTS`, as many given tokens behind it, in `NUM_FILL_STEPS`, after a
            cached prefix and until its tokens are known.
        prefix_tokens_per_second: of encoding a prefix anew.
        peak_memory: bytes held at most before the reference was run; it shares the weights.
    """

    device: str
    dtype: str
    num_threads: int
    num_prefix_tokens: int
    copy_bandwidth: float
    matrix_rate: float
    step_bytes: int
    token_bytes: int
    steps: tuple[StepTime, ...]
    canvases: tuple[CanvasSpeed, ...]
    captures_steps: bool
    captures_decoding: bool
    milliseconds_per_token: float
    token_floors: float
    reference_milliseconds_per_token: float | None
    warm_fill_milliseconds: float
    prefix_tokens_per_second: float
    peak_memory: int

    def as_json(self) -> dict[str, Any]:
        """Everything, ready for `json.dumps`."""
        return asdict(self)

    def render(self, console: Console) -> None:
        """Prints the tables and what their figures mean."""
        floor = 1000 * self.step_bytes / self.copy_bandwidth
        render_table(
            console,
            "A denoising step",
            ("canvas", "batch", "ms", "× floor", "experts read", "transformers ms", "× ours"),  # noqa: RUF001
            [
                [
                    str(step.canvas_length),
                    str(step.batch),
                    f"{step.milliseconds:.2f}",
                    f"{step.floors:.2f}",
                    f"{100 * step.experts_read:.0f} %",
                    _number(step.reference_milliseconds, 2),
                    _number(_ratio(step.reference_milliseconds, step.milliseconds), 1),
                ]
                for step in self.steps
            ],
            [
                f"floor: {floor:.2f} ms, which reading all weights once takes ({self.step_bytes / 1e9:.2f} GB at"
                f" {self.copy_bandwidth / 1e9:.0f} GB/s, as a large copy reads and writes them)"
            ],
        )
        render_table(
            console,
            f"A canvas of {self.steps[-1].canvas_length} tokens, beside one token at a time",
            ("", "tokens/s", "× our decode", "bound by bytes", "× transformers' decode"),  # noqa: RUF001
            [
                *(
                    [
                        f"{canvas.num_steps} steps",
                        f"{canvas.tokens_per_second:.0f}",
                        f"{canvas.times_decode:.2f}",
                        f"{canvas.bound:.2f}",
                        _number(canvas.times_reference_decode, 2),
                    ]
                    for canvas in self.canvases
                ),
                [
                    "our decode",
                    f"{1000 / self.milliseconds_per_token:.0f}",
                    "1.00",
                    "1.00",
                    _number(_ratio(self.reference_milliseconds_per_token, self.milliseconds_per_token), 2),
                ],
                [
                    "transformers' decode",
                    _number(_ratio(1000.0, self.reference_milliseconds_per_token), 0),
                    _number(_ratio(self.milliseconds_per_token, self.reference_milliseconds_per_token), 2),
                    "",
                    "not run" if self.reference_milliseconds_per_token is None else "1.00",
                ],
            ],
            [
                f"bound: a step reads {self.step_bytes / 1e9:.2f} GB of weights for all the tokens it brings, one token"
                f" {self.token_bytes / 1e9:.2f} GB: so many times our decode at most, if both read as fast",
                f"our decode: {self.milliseconds_per_token:.2f} ms a token, {self.token_floors:.2f} times its floor;"
                f" {_captured(self.captures_decoding)}, and the steps {_captured(self.captures_steps)}",
            ],
        )
        render_table(
            console,
            "The device",
            ("", ""),
            [
                [
                    f"warm fill, {NUM_SLOTS} slots and as many given tokens, {NUM_FILL_STEPS} steps",
                    f"{self.warm_fill_milliseconds:.1f} ms",
                ],
                ["encoding a prefix", f"{self.prefix_tokens_per_second:.0f} tokens/s"],
                ["copy bandwidth", f"{self.copy_bandwidth / 1e9:.1f} GB/s"],
                ["matrix products", f"{self.matrix_rate / 1e12:.2f} T operations/s"],
                ["peak memory", f"{self.peak_memory / 1e9:.2f} GB"],
            ],
            [
                f"{self.device}, {self.dtype}, {self.num_threads} threads; after a prefix of {self.num_prefix_tokens}"
                " tokens"
            ],
        )


def _captured(is_captured: bool) -> str:
    return "replayed as a CUDA graph" if is_captured else "called one by one"


def _ratio(value: float | None, base: float | None) -> float | None:
    return value / base if value is not None and base else None


def _number(value: float | None, digits: int) -> str:
    return "not run" if value is None else f"{value:.{digits}f}"
