"""What a checkpoint can be tuned on: a user's source files, or canvases with one right answer each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch.utils.data import Dataset

from lacuna_model.canvas import CLAMPED, Canvas
from lacuna_model.config import DenoiserConfig
from lacuna_model.denoising import Denoising, Limits
from lacuna_model.evaluation.documents import Document, read_documents
from lacuna_model.evaluation.filler import ModelFiller
from lacuna_model.evaluation.gaps import KINDS
from lacuna_model.evaluation.heldout import evaluate_heldout
from lacuna_model.infill import Infiller
from lacuna_model.request import InfillOptions
from lacuna_model.sampling.draws import SeededDraws
from lacuna_model.sampling.sampler import Sampler
from lacuna_model.tokenizer import Tokenizer
from lacuna_model.training.canvases import CanvasDataset, CanvasExample
from lacuna_model.training.examples import Window, WindowDataset, WindowShape
from lacuna_model.training.noising import Noising
from lacuna_model.training.optimizer import OptimizerConfig
from lacuna_model.training.recipe import Recipe
from lacuna_model.training.spans import SpanMixture
from lacuna_model.training.tuning_files import Split

MAX_TOKENS = 48
"""Slots of a gap, as in `lacuna eval`."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Figure:
    """How many of a group's gaps or canvases come out right, and the forward passes that one takes on average."""

    group: str
    num: int
    num_right: int
    forwards: float


class Task(Protocol):
    """Something to tune on."""

    @property
    def description(self) -> str:
        """What is learned from, in a few words."""
        ...

    @property
    def settings(self) -> Mapping[str, int]:
        """What an interrupted run has to be repeated with, so that its figures can be compared."""
        ...

    def adapt(self, config: dict[str, Any], generation: dict[str, Any]) -> None:
        """Changes what `config.json` and `generation_config.json` say to what the task needs."""
        ...

    def datasets(self, config: DenoiserConfig, tokenizer: Tokenizer) -> tuple[Dataset[Window], Dataset[Window], int]:
        """Windows to learn from, held-out windows, and how many make one pass over the former."""
        ...

    def recipe(self, config: DenoiserConfig) -> Recipe:
        """Settings of a run, but for its length."""
        ...

    def measure(self, infiller: Infiller, progress: Progress) -> list[Figure]:
        """Fills what was held out. The first figure decides; one of the group `ELSEWHERE` must not collapse."""
        ...


ELSEWHERE = "other projects' files"


@dataclass(frozen=True)
class FileTask:
    """A user's source files.

    Attributes:
        files: both sides of them.
        num_gaps: held-out gaps of each kind to measure on, and as many in files of other projects.
        seed: of the gaps.
    """

    files: Split
    num_gaps: int
    seed: int
    other_files: Sequence[Document] = field(default_factory=read_documents)

    @property
    def description(self) -> str:
        """Counts the files."""
        num_bytes = sum(document.num_bytes for document in self.files.training)
        return (
            f"{len(self.files.training)} source files, {num_bytes / 1000:,.0f} kB; {len(self.files.held_out)} others "
            "were held out"
        )

    @property
    def settings(self) -> Mapping[str, int]:
        """How it is measured, and the seed."""
        return {"limit": self.num_gaps, "seed": self.seed}

    def adapt(self, config: dict[str, Any], generation: dict[str, Any]) -> None:
        """Changes nothing: the result fills as its start does."""

    def datasets(self, config: DenoiserConfig, tokenizer: Tokenizer) -> tuple[Dataset[Window], Dataset[Window], int]:
        """Canvases as fills have them."""
        training, held_out = (
            WindowDataset(documents, tokenizer, config, WindowShape(), SpanMixture(), self.seed)
            for documents in (self.files.training, self.files.held_out)
        )
        return training, held_out, training.num_windows

    def recipe(self, config: DenoiserConfig) -> Recipe:
        """Masks as the checkpoint's sampler does; learns at two fifths of the usual rates, as the rest must be kept."""
        left_to_right = 0.7 if config.beam_width else 0.0
        return Recipe(
            0,
            0,
            self_conditioning=0.1,
            seed=self.seed,
            noising=Noising(config.noise, revision=0.1, left_to_right=left_to_right),
            optimizer=OptimizerConfig(matrix_lr=4e-3, other_lr=6e-4, num_warmup_steps=10),
        )

    def measure(self, infiller: Infiller, progress: Progress) -> list[Figure]:
        """Exact matches as `lacuna eval` counts them, over all gaps and by kind, and in other projects' files."""
        filler = ModelFiller(infiller, InfillOptions(max_tokens=MAX_TOKENS))
        own, elsewhere = (
            evaluate_heldout(filler, documents, num=self.num_gaps, seed=self.seed, progress=progress).rows
            for documents in (self.files.held_out, self.other_files)
        )
        kinds = [row for row in own if row.group in KINDS]
        named = [("held-out files", own[-1]), *((row.group, row) for row in kinds), (ELSEWHERE, elsewhere[-1])]
        return [
            Figure(name, row.num_gaps, round(row.exact_match * row.num_gaps), row.cost.forwards) for name, row in named
        ]


@dataclass(frozen=True)
class CanvasTask:
    """Canvases of given tokens and slots, resolved in the order of certainty.

    Attributes:
        training: examples to learn from.
        held_out: examples to measure on.
        num_canvases: how many of them are used.
        seed: of the order.
    """

    training: Sequence[CanvasExample]
    held_out: Sequence[CanvasExample]
    num_canvases: int
    seed: int

    @property
    def description(self) -> str:
        """Counts the examples."""
        return f"{len(self.training):,} canvases; {len(self.held_out):,} others were held out"

    @property
    def settings(self) -> Mapping[str, int]:
        """How it is measured, and the seed."""
        return {"limit": self.num_canvases, "seed": self.seed}

    def adapt(self, config: dict[str, Any], generation: dict[str, Any]) -> None:
        """Makes the canvas long enough, and accepts certain slots first instead of letting beams compete."""
        longest = max(len(example.canvas) for example in (*self.training, *self.held_out))
        config["canvas_length"] = max(config["canvas_length"], 32 * -(-longest // 32))
        config["lacuna"] = config.get("lacuna", {}) | {"beam_width": None}
        generation["sampler_config"] = generation.get("sampler_config", {}) | {"entropy_bound": 0.1}
        generation["confidence_threshold"] = 0.005

    def datasets(self, config: DenoiserConfig, tokenizer: Tokenizer) -> tuple[Dataset[Window], Dataset[Window], int]:
        """A canvas a window."""
        training, held_out = (
            CanvasDataset(examples, config.pad_token_id, self.seed) for examples in (self.training, self.held_out)
        )
        return training, held_out, len(self.training)

    def recipe(self, config: DenoiserConfig) -> Recipe:
        """Learns at full rates, on canvases alone: the text before them teaches nothing."""
        return Recipe(
            0,
            0,
            batch_size=32,
            encoder_weight=0.0,
            self_conditioning=0.0,
            seed=self.seed,
            noising=Noising(config.noise, revision=0.0),
        )

    def measure(self, infiller: Infiller, progress: Progress) -> list[Figure]:
        """Canvases that are right as a whole, then slots; denoising steps until the sampler stops by itself."""
        examples = self.held_out[: self.num_canvases]
        num_right, num_right_slots, num_slots, num_steps = 0, 0, 0, 0
        for number, example in enumerate(examples, start=1):
            found, steps = resolve(infiller, example)
            slots = [place for place, is_given in enumerate(example.is_given) if not is_given]
            right = [found[place] == example.canvas[place] for place in slots]
            num_right += all(right)
            num_right_slots += sum(right)
            num_slots += len(slots)
            num_steps += steps
            progress(number, len(examples))
        mean = num_steps / len(examples)
        return [
            Figure("held-out canvases", len(examples), num_right, mean),
            Figure("their slots", num_slots, num_right_slots, mean),
        ]


def resolve(infiller: Infiller, example: CanvasExample) -> tuple[list[int], int]:
    """Denoises the slots of a canvas; returns its tokens and the number of denoising steps until it was stable."""
    denoiser, config = infiller.denoiser, infiller.denoiser.config
    row = [
        (token, CLAMPED) if is_given else (config.pad_token_id, 0)
        for token, is_given in zip(example.canvas, example.is_given, strict=True)
    ]
    textless = {*infiller.tokenizer.special_ids, *range(infiller.tokenizer.num_text_ids, config.vocab_size)}
    with torch.inference_mode():
        _, prefix = denoiser.encode(torch.tensor([example.prefix], device=denoiser.device))
    denoising = Denoising(
        denoiser,
        Sampler.of_checkpoint(config, infiller.generation),
        prefix,
        torch.tensor(sorted(textless), device=denoiser.device),
        SeededDraws.of_seed(0, denoiser.device),
    )
    limits = Limits(infiller.generation.num_denoising_steps, None, 0, lambda: False)
    steps = denoising.run(Canvas.of_rows([row], config.pad_token_id, denoiser.device), limits)
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return stop.value.canvas.ids[0].tolist(), stop.value.num_steps
