"""From documents to training windows: a stretch of text to be encoded, and canvases cut out of it.

One window is encoded once, causally; each of its canvases sees the part of it that lies before its gap. That gives
several denoising examples for the price of one prefix, and the next-token loss on all of it.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import Dataset

from lacuna_model.beams import MAX_OPEN_SLOTS, MAX_SUFFIX_TOKENS
from lacuna_model.config import DenoiserConfig
from lacuna_model.evaluation.documents import Document
from lacuna_model.tokenizer import Tokenizer
from lacuna_model.training.spans import SpanMixture, choose_spans

IntArray = npt.NDArray[np.int64]


class Role(IntEnum):
    """What a canvas position is."""

    GIVEN = 0  # clamped text around the gaps, or padding
    MIDDLE = 1  # a slot that holds a token of the gap
    END = 2  # the first slot after the gap's text: here the delete token matters
    SURPLUS = 3  # the slots behind it, which the first delete sweeps away


@dataclass(frozen=True, slots=True)
class WindowShape:
    """Sizes of a training window.

    Attributes:
        num_tokens: tokens encoded.
        num_canvases: canvases cut out of them.
        canvas_length: positions of a canvas: slots and the head of the suffix.
        num_gaps: gaps of a canvas, as far as they fit; more give more targets for the same computation.
        max_slots: most slots of a gap.
        max_surplus: most slots of a gap beyond its text.
        beams: share of canvases with one gap that show what a pass of beams sees: the text up to the slot to be decided
            next, the open slots it may look at, and the head of the suffix.
        num_characters: characters of text a window is made from.
    """

    num_tokens: int = 512
    num_canvases: int = 8
    canvas_length: int = 64
    num_gaps: int = 1
    max_slots: int = 48
    max_surplus: int = 48
    beams: float = 0.0
    num_characters: int = 1900

    def __post_init__(self) -> None:
        if self.beams and (self.num_gaps > 1 or self.canvas_length < MAX_OPEN_SLOTS + MAX_SUFFIX_TOKENS):
            raise ValueError(f"what beams see is one gap in {MAX_OPEN_SLOTS + MAX_SUFFIX_TOKENS} positions or more")


class Batch(NamedTuple):
    """Windows and their canvases, ready to be noised.

    Attributes:
        tokens: text to encode, (B, T) int64, padded.
        canvases: what the canvases should become, (B * K, L) int64.
        roles: `Role` of every position, (B * K, L) int64.
        starts: tokens of its window that each canvas may see, (B * K,) int64.
        num_shown: how many tokens of the middle are to be seen, the first ones; `ANY` where the noise decides,
            (B * K,) int64.
    """

    tokens: Tensor
    canvases: Tensor
    roles: Tensor
    starts: Tensor
    num_shown: Tensor


class Window(NamedTuple):
    """One row of a batch, before it is stacked: tokens (T,), canvases and roles (K, L), starts and num_shown (K,)."""

    tokens: IntArray
    canvases: IntArray
    roles: IntArray
    starts: IntArray
    num_shown: IntArray


ANY = -1
"""How many tokens of a middle are shown where the noise decides that."""


@dataclass
class _Builder:
    """A canvas in the making, that follows the first `start` tokens of its window; `num_shown` is that of a batch."""

    length: int
    start: int
    num_shown: int = ANY
    ids: list[int] = field(default_factory=list)
    roles: list[int] = field(default_factory=list)

    def add(self, ids: Sequence[int], role: Role) -> None:
        room = self.length - len(self.ids)
        self.ids.extend(ids[:room])
        self.roles.extend([role] * len(ids[:room]))


class Order:
    """An endless order of `num` items: one pass after the other, each shuffled anew as the seed decides."""

    def __init__(self, num: int, seed: int) -> None:
        self.num = num
        self.seed = seed
        self._of_pass: tuple[int, IntArray] = (-1, np.empty(0, np.int64))

    def __getitem__(self, index: int) -> int:
        """The item at a place of the order."""
        number, place = divmod(index, self.num)
        if self._of_pass[0] != number:
            self._of_pass = (number, np.random.default_rng((self.seed, number)).permutation(self.num))
        return int(self._of_pass[1][place])


class WindowDataset(Dataset[Window]):
    """All windows of a corpus, endlessly: index `i` is window `i` of a fixed order that the seed decides."""

    def __init__(
        self,
        documents: Sequence[Document],
        tokenizer: Tokenizer,
        config: DenoiserConfig,
        shape: WindowShape,
        mixture: SpanMixture,
        seed: int,
    ) -> None:
        self.documents = documents
        self.tokenizer = tokenizer
        self.config = config
        self.shape = shape
        self.mixture = mixture
        self.seed = seed
        counts = [max(1, round(len(document.text) / shape.num_characters)) for document in documents]
        self.owners = np.repeat(np.arange(len(documents)), counts)
        self.parts = np.concatenate([np.arange(count) for count in counts])
        self.order = Order(self.num_windows, seed)

    @property
    def num_windows(self) -> int:
        """Windows of one pass over the corpus."""
        return len(self.owners)

    def __getitem__(self, index: int) -> Window:
        """Window `index`, the same for the same seed; indices go on through further passes."""
        which = self.order[index]
        return self._cut(
            self.documents[self.owners[which]], int(self.parts[which]), np.random.default_rng((self.seed, 1, index))
        )

    def _cut(self, document: Document, part: int, random: np.random.Generator) -> Window:
        size = self.shape.num_characters
        start = 0 if part == 0 else document.text.rfind("\n", 0, part * size + int(random.integers(-200, 200))) + 1
        text = document.text[start : start + size]
        ends_document = start + size >= len(document.text)
        num_spans = self.shape.num_canvases * self.shape.num_gaps
        spans = choose_spans(text, document.language, num_spans, self.mixture, random)
        cuts = [0, *(place for span in spans for place in span), len(text)]
        pieces = self.tokenizer.encode_batch([text[a:b] for a, b in itertools.pairwise(cuts)])
        language = self.tokenizer.language_id(document.language)
        tokens = [self.config.bos_token_id] + ([] if language is None else [language])
        gaps: list[tuple[int, int]] = []
        for index, piece in enumerate(pieces):
            if index % 2:
                gaps.append((len(tokens), len(tokens) + len(piece)))
            tokens.extend(piece)
        if ends_document:
            tokens.append(self.config.eos_token_id)
        return self._lay_out(tokens, gaps, random)

    def _lay_out(self, tokens: list[int], gaps: list[tuple[int, int]], random: np.random.Generator) -> Window:
        shape = self.shape
        window = Window(
            np.full(shape.num_tokens, self.config.pad_token_id),
            np.full((shape.num_canvases, shape.canvas_length), self.config.pad_token_id),
            np.full((shape.num_canvases, shape.canvas_length), int(Role.GIVEN)),
            np.ones(shape.num_canvases, np.int64),
            np.full(shape.num_canvases, ANY),
        )
        head = tokens[: shape.num_tokens]
        window.tokens[: len(head)] = head
        usable = [index for index, (start, _) in enumerate(gaps) if start <= shape.num_tokens]
        repeated = itertools.cycle(random.permutation(usable).tolist())
        for row, index in enumerate(itertools.islice(repeated, shape.num_canvases)):
            if shape.beams and random.random() < shape.beams:
                canvas = self._as_beams_see_it(tokens, gaps[index], random)
            else:
                canvas = self._canvas(tokens, gaps[index : index + shape.num_gaps], random)
            window.canvases[row, : len(canvas.ids)] = canvas.ids
            window.roles[row, : len(canvas.ids)] = canvas.roles
            window.starts[row] = canvas.start
            window.num_shown[row] = canvas.num_shown
        return window

    def _canvas(self, tokens: list[int], gaps: list[tuple[int, int]], random: np.random.Generator) -> _Builder:
        end = gaps[0][0]
        canvas = _Builder(self.shape.canvas_length, end)
        for gap in gaps:
            canvas.add(tokens[end : gap[0]], Role.GIVEN)
            self._add_gap(canvas, tokens[gap[0] : gap[1]], random)
            end = gap[1]
        if len(gaps) == 1 and random.random() < 0.1:  # a second gap behind a short anchor
            anchor = int(random.integers(1, 12))
            second = end + anchor
            length = int(random.integers(0, 9))
            if len(canvas.ids) + anchor + length < self.shape.max_slots and second + length < len(tokens):
                canvas.add(tokens[end:second], Role.GIVEN)
                self._add_gap(canvas, tokens[second : second + length], random)
                end = second + length
        suffix = tokens[end:]
        if random.random() < 0.2:
            suffix = suffix[: int(random.integers(4, self.shape.canvas_length))]
        canvas.add(suffix, Role.GIVEN)
        return canvas

    def _as_beams_see_it(self, tokens: list[int], gap: tuple[int, int], random: np.random.Generator) -> _Builder:
        """A canvas whose next slot may be any of the gap's, or the one behind its text."""
        start, end = gap
        most_shown = self.shape.canvas_length - MAX_OPEN_SLOTS - MAX_SUFFIX_TOKENS
        next_slot = min(int(random.integers(start, end + 1)), self.shape.num_tokens)
        start = max(start, next_slot - most_shown)  # what is decided may as well stand ahead of the canvas
        canvas = _Builder(self.shape.canvas_length, start, next_slot - start)
        ahead = tokens[next_slot:end][:MAX_OPEN_SLOTS]
        canvas.add([*tokens[start:next_slot], *ahead], Role.MIDDLE)
        num_surplus = MAX_OPEN_SLOTS - len(ahead)
        if num_surplus and self.config.delete_token_id is not None:
            canvas.add([self.config.delete_token_id], Role.END)
            canvas.add([self.config.delete_token_id] * (num_surplus - 1), Role.SURPLUS)
        num_suffix = MAX_SUFFIX_TOKENS if random.random() < 0.8 else int(random.integers(4, MAX_SUFFIX_TOKENS))
        canvas.add(tokens[end : end + num_suffix], Role.GIVEN)
        return canvas

    def _add_gap(self, canvas: _Builder, middle: list[int], random: np.random.Generator) -> None:
        """Adds a gap's slots: as many as its text needs, more, or fewer: then a further canvas would go on with it."""
        room = self.shape.canvas_length if self.shape.num_gaps > 1 else self.shape.max_slots
        max_slots = min(self.shape.max_slots, room - len(canvas.ids))
        draw = random.random()
        if draw < 0.1 and len(middle) > 1:
            max_slots = min(max_slots, int(random.integers(1, len(middle))))
        if len(middle) >= max_slots:
            canvas.add(middle[:max_slots], Role.MIDDLE)
            return
        canvas.add(middle, Role.MIDDLE)
        if draw < 0.3:
            return
        num_slots = 32 if draw < 0.65 else int(random.integers(len(middle), max_slots + 1))
        num_surplus = min(num_slots - len(middle), max_slots - len(middle), self.shape.max_surplus)
        if num_surplus > 0 and self.config.delete_token_id is not None:
            canvas.add([self.config.delete_token_id], Role.END)
            canvas.add([self.config.delete_token_id] * (num_surplus - 1), Role.SURPLUS)


def collate(windows: Sequence[Window]) -> Batch:
    """Stacks windows into a batch."""
    return Batch(
        torch.from_numpy(np.stack([window.tokens for window in windows])),
        torch.from_numpy(np.concatenate([window.canvases for window in windows])),
        torch.from_numpy(np.concatenate([window.roles for window in windows])),
        torch.from_numpy(np.concatenate([window.starts for window in windows])),
        torch.from_numpy(np.concatenate([window.num_shown for window in windows])),
    )


def batches(dataset: Dataset[Window], batch_size: int, first_step: int, num_workers: int) -> Iterator[Batch]:
    """Yields the batch of every step from `first_step` on, made ahead of time by other processes."""
    steps = torch.utils.data.DataLoader(
        dataset,
        batch_sampler=_Consecutive(batch_size, first_step),
        num_workers=num_workers,
        collate_fn=collate,
        prefetch_factor=4 if num_workers else None,
    )
    yield from steps


@dataclass(frozen=True)
class _Consecutive(torch.utils.data.Sampler[list[int]]):
    batch_size: int
    first_step: int

    def __iter__(self) -> Iterator[list[int]]:
        step = self.first_step
        while True:
            yield list(range(step * self.batch_size, (step + 1) * self.batch_size))
            step += 1
