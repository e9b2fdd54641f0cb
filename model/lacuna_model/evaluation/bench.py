"""How long a fill takes, beside the reference implementation and left-to-right decoding, in one and the same run."""

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from lacuna_model.config import GenerationConfig
from lacuna_model.errors import InputError
from lacuna_model.evaluation.device_rates import peak_memory
from lacuna_model.evaluation.references import LeftToRight, ReferenceGenerate, acceptable_to_reference
from lacuna_model.evaluation.report import Progress, render_table
from lacuna_model.infill import Infiller
from lacuna_model.layout import Layout, lay_out
from lacuna_model.request import InfillOptions, InfillRequest

Trial = Callable[[], "Run"]

_CHARACTERS_PER_TOKEN = 16  # more than any tokenizer makes of source
_NUM_LEADING_TOKENS = 2  # they announce the text


@dataclass(frozen=True, slots=True)
class Run:
    """One run: wall-clock seconds, passes after the prefix, tokens written."""

    seconds: float
    num_steps: int
    num_tokens: int


@dataclass(frozen=True, slots=True)
class Measurement:
    """Medians over the repetitions of one row.

    Attributes:
        measured: what exactly was timed.
        milliseconds: whole time; None where it could not be run.
        num_steps: passes over the canvas (or the next token) after the prefix.
        ms_per_step: whole time divided by the steps, so it includes the prefix in rows that encode it.
        num_tokens: tokens that came out, those deleted again and padding not counted.
        ratio: this row's time divided by that of the warm fill.
        step_ratio: the same of the time per step.
    """

    name: str
    measured: str
    milliseconds: float | None = None
    num_steps: float | None = None
    ms_per_step: float | None = None
    num_tokens: float | None = None
    ratio: float | None = None
    step_ratio: float | None = None

    @property
    def tokens_per_forward(self) -> float | None:
        """Tokens that came out for each pass."""
        return self.num_tokens / self.num_steps if self.num_tokens is not None and self.num_steps else None


@dataclass(frozen=True, slots=True)
class BenchReport:
    """Latencies on one checkpoint and machine.

    Attributes:
        peak_memory_mb: most memory held until our own rows had been run once: of the process on the CPU, of torch's
            allocator on a GPU. The reference is loaded later.
    """

    device: str
    dtype: str
    num_threads: int
    num_prefix_tokens: int
    num_slots: int
    canvas_length: int
    max_steps: int
    repetitions: int
    peak_memory_mb: float
    rows: tuple[Measurement, ...]

    def as_json(self) -> dict[str, Any]:
        """Everything, ready for `json.dumps`."""
        rows = [asdict(row) | {"tokens_per_forward": row.tokens_per_forward} for row in self.rows]
        return asdict(self) | {"rows": rows}

    def render(self, console: Console) -> None:
        """Prints the table and what each row measures."""
        render_table(
            console,
            f"A gap of {self.num_slots} slots after {self.num_prefix_tokens} prefix tokens",
            ("", "ms", "steps", "ms/step", "tokens", "tokens/forward", "× warm fill", "× its ms/step"),  # noqa: RUF001
            [
                [
                    row.name,
                    _number(row.milliseconds, 1) if row.milliseconds is not None else "not installed",
                    _number(row.num_steps, 0),
                    _number(row.ms_per_step, 2),
                    _number(row.num_tokens, 0),
                    _number(row.tokens_per_forward, 2),
                    _number(row.ratio, 2),
                    _number(row.step_ratio, 2),
                ]
                for row in self.rows
            ],
            [
                *(f"{row.name}: {row.measured}" for row in self.rows),
                f"{self.device}, {self.dtype}, {self.num_threads} threads, peak memory {self.peak_memory_mb:.0f} MB;"
                f" canvas of {self.canvas_length} tokens, at most {self.max_steps} steps;"
                f" medians of {self.repetitions} interleaved repetitions",
            ],
        )


def run_benchmark(
    infiller: Infiller,
    checkpoint: Path,
    *,
    num_prefix_tokens: int = 1000,
    num_slots: int = 32,
    repetitions: int = 7,
    progress: Progress | None = None,
) -> BenchReport:
    """Measures fills of one gap in a file of the standard library.

    All rows are run in turn, again and again, so that a busy moment of the machine hits them alike; the first round is
    not counted.

    Args:
        infiller: ours.
        checkpoint: the directory it was loaded from, for the reference to load.
        num_prefix_tokens: length of the text before the gap, in tokens.
        num_slots: size of the gap.
        repetitions: rounds that count.
        progress: told after every run.

    Raises:
        InputError: fewer than 2 prefix tokens; the infiller reads fewer; or a canvas has fewer slots.
    """
    subject = _Subject.of(infiller, num_prefix_tokens, num_slots)
    trials: dict[Measurement, Trial] = {
        Measurement("fill, warm prefix", "a whole request whose prefix is cached, as after a pause"): subject.warm,
        Measurement("fill, cold prefix", "the same with an empty cache: encodes the prefix first"): subject.cold,
        Measurement(
            "left to right, warm prefix",
            f"{num_slots} tokens, greedy, one a pass, our encoder and its cached prefix; it does not see the suffix",
        ): subject.left_to_right,
    }
    for trial in trials.values():
        trial()
    peak_memory_mb = peak_memory(infiller.denoiser.device) / 1e6
    num_steps = subject.warm().num_steps
    own = Measurement("reference, warm prefix", _reference_terms(infiller, infiller.generation))
    level = Measurement("reference, as many steps", "the same, stopped after as many steps as our fill took")
    cold = Measurement("reference, cold prefix", "stopped likewise, encoding the prefix first")
    try:
        reference = ReferenceGenerate(checkpoint, infiller.denoiser, infiller.generation)
    except ImportError:
        absent = [own, level, cold]
    else:
        absent = []
        trials |= {
            own: lambda: subject.reference(reference, is_warm=True),
            level: lambda: subject.reference(reference, is_warm=True, max_steps=num_steps),
            cold: lambda: subject.reference(reference, is_warm=False, max_steps=num_steps),
        }
    runs: dict[Measurement, list[Run]] = {row: [] for row in trials}
    for round_number in range(repetitions + 1):
        for number, (row, trial) in enumerate(trials.items(), start=1):
            run = trial()
            if round_number:
                runs[row].append(run)
            if progress is not None:
                progress(round_number * len(trials) + number, (repetitions + 1) * len(trials))
    base = _summarize(*next(iter(runs.items())))
    return BenchReport(
        device=str(infiller.denoiser.device),
        dtype=str(infiller.denoiser.dtype).removeprefix("torch."),
        num_threads=torch.get_num_threads(),
        num_prefix_tokens=subject.prefix.shape[1],
        num_slots=num_slots,
        canvas_length=infiller.denoiser.config.canvas_length,
        max_steps=infiller.generation.num_denoising_steps,
        repetitions=repetitions,
        peak_memory_mb=peak_memory_mb,
        rows=(*(_compare(_summarize(row, found), base) for row, found in runs.items()), *absent),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Subject:
    """The gap that all rows fill."""

    infiller: Infiller
    request: InfillRequest
    prefix: torch.Tensor  # (1, P) int64

    @classmethod
    def of(cls, infiller: Infiller, num_prefix_tokens: int, num_slots: int) -> "_Subject":
        """Cuts a gap into a file of the standard library so that the prefix has about as many tokens as asked for."""
        if num_prefix_tokens < _NUM_LEADING_TOKENS:
            raise InputError(f"A prefix has at least {_NUM_LEADING_TOKENS} tokens.")
        if num_prefix_tokens > infiller.max_prefix_tokens:
            raise InputError(f"This infiller reads at most {infiller.max_prefix_tokens} prefix tokens.")
        text = Path(argparse.__file__).read_text(encoding="utf-8")
        tokenizer = infiller.tokenizer
        start = num_prefix_tokens - _NUM_LEADING_TOKENS
        tokens = tokenizer.encode(text[: _CHARACTERS_PER_TOKEN * (start + num_slots)])
        prefix = tokenizer.decode(tokens[:start])
        suffix = text[len(tokenizer.decode(tokens[: start + num_slots])) :]
        request = InfillRequest((prefix, suffix), "python", InfillOptions(max_tokens=num_slots))
        layout = _lay_out(infiller, request)
        if layout.max_slots < num_slots:
            raise InputError(f"A canvas of this checkpoint has at most {layout.max_slots} slots.")
        return cls(infiller, request, torch.tensor([layout.prefix], device=infiller.denoiser.device))

    def warm(self) -> Run:
        """Fills once more; the prefix is in the cache unless this is the very first time."""
        started = self._now()
        result = self.infiller.infill(self.request)
        return Run(self._now() - started, result.num_steps, result.num_tokens)

    def cold(self) -> Run:
        """Fills with an infiller that has seen nothing yet, and leaves the cache of ours alone."""
        return replace(self, infiller=self.infiller.fresh()).warm()

    def left_to_right(self) -> Run:
        """Decodes as many tokens as the gap has slots."""
        num_tokens = self.request.options.max_tokens
        prefix = self.infiller.cache.encode(self.request.document, self.prefix[0].tolist())
        decoder = LeftToRight(self.infiller.denoiser, prefix)
        started = self._now()
        decoder.decode(num_tokens)
        return Run(self._now() - started, num_tokens - 1, num_tokens)

    def reference(self, reference: ReferenceGenerate, *, is_warm: bool, max_steps: int | None = None) -> Run:
        """Fills with the reference; one that is warm has all of the prefix but its last token in its cache."""
        layout = _lay_out(self.infiller, self.request)
        config = self.infiller.denoiser.config
        canvas, _ = layout.canvas([self.request.options.max_tokens], self.infiller.denoiser.device)
        noise = torch.randint_like(canvas.ids, config.vocab_size)
        canvas = canvas.write(noise, canvas.editable)
        cache = reference.encode(self.prefix[:, :-1]) if is_warm else None
        started = self._now()
        ids, num_steps = reference.generate(self.prefix[:, -1:] if is_warm else self.prefix, canvas, cache, max_steps)
        seconds = self._now() - started
        textless = (config.delete_token_id, config.pad_token_id)
        num_tokens = sum(token not in textless for token in ids[canvas.editable].tolist())
        return Run(seconds, num_steps, num_tokens)

    def _now(self) -> float:
        if self.infiller.denoiser.device.type == "cuda":
            torch.cuda.synchronize(self.infiller.denoiser.device)
        return time.perf_counter()


def _lay_out(infiller: Infiller, request: InfillRequest) -> Layout:
    return lay_out(
        request, infiller.tokenizer, infiller.denoiser.config, infiller.generation, infiller.max_prefix_tokens
    )


def _reference_terms(infiller: Infiller, generation: GenerationConfig) -> str:
    """What the row of the reference compares: it is not our algorithm on our terms."""
    given = acceptable_to_reference(generation)
    return (
        "transformers' generate on the same weights and canvas, prefix cached by it; it runs uniform noise on weights"
        f" trained with {infiller.denoiser.config.noise} noise, with its own stopping, up to"
        f" {given.num_denoising_steps} steps, at temperatures {given.t_max:g} to {given.t_min:g}"
    )


def _summarize(row: Measurement, runs: list[Run]) -> Measurement:
    seconds = statistics.median(run.seconds for run in runs)
    num_steps = statistics.median(run.num_steps for run in runs)
    return replace(
        row,
        milliseconds=1000 * seconds,
        num_steps=num_steps,
        ms_per_step=1000 * seconds / num_steps if num_steps else None,
        num_tokens=statistics.median(run.num_tokens for run in runs),
    )


def _compare(row: Measurement, base: Measurement) -> Measurement:
    return replace(
        row, ratio=_ratio(row.milliseconds, base.milliseconds), step_ratio=_ratio(row.ms_per_step, base.ms_per_step)
    )


def _ratio(value: float | None, base: float | None) -> float | None:
    return value / base if value is not None and base else None


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"
