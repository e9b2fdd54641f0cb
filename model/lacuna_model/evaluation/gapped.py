"""Cuts several gaps out of one document."""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, get_args

from lacuna_model.evaluation.documents import Document
from lacuna_model.evaluation.filler import Gap

Spread = Literal["near", "far"]
"""Gaps at most three lines after each other, as an edit leaves them that concerns one place; or at least ten lines."""

SPREADS: tuple[Spread, ...] = get_args(Spread)

_DISTANCES = {"near": range(1, 4), "far": range(10, 41)}
_WORD = re.compile(r"[^\W\d]\w+")
_LONGEST_LINE = 120
_TRIES_PER_DOCUMENT = 50


@dataclass(frozen=True, slots=True)
class GappedDocument:
    """A document with gaps whose true content is known.

    Attributes:
        segments: text around the gaps, one more than there are gaps.
        middles: what was in the gaps: an identifier or the rest of a line that begins with one.
        language: as the tokenizer names it.
        spread: how far apart the gaps are.
    """

    segments: tuple[str, ...]
    middles: tuple[str, ...]
    language: str
    spread: Spread

    def gap(self, number: int) -> Gap:
        """One of the gaps, the others filled with what was there."""
        filled = [*map("".join, zip(self.segments, self.middles, strict=False)), self.segments[-1]]
        prefix = "".join(filled[:number]) + self.segments[number]
        return Gap(prefix, self.middles[number], "".join(filled[number + 1 :]), self.language)


def cut_documents(
    documents: Sequence[Document], num_gaps: int, spread: Spread, num: int, seed: int = 0
) -> list[GappedDocument]:
    """Cuts gaps out of documents that are drawn anew each time; the same arguments give the same gaps.

    Fewer documents are returned only where fewer are long enough. No choice of gaps is returned twice.
    """
    draw = random.Random(f"{seed} {num_gaps} {spread}")
    chosen: dict[tuple[int, tuple[tuple[int, int], ...]], GappedDocument] = {}
    for _ in range(_TRIES_PER_DOCUMENT * num):
        if len(chosen) == num:
            break
        index = draw.randrange(len(documents))
        document = documents[index]
        spans = _spans(document.text, num_gaps, _DISTANCES[spread], draw)
        if len(spans) == num_gaps:
            chosen[index, spans] = _cut(document, spans, spread)
    return list(chosen.values())


def _spans(text: str, num_gaps: int, distances: range, draw: random.Random) -> tuple[tuple[int, int], ...]:
    """First character of each gap and the one after its last, at most one gap a line; fewer where the text ends."""
    lines = text.split("\n")
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    spans: list[tuple[int, int]] = []
    choice = range(len(lines))
    while len(spans) < num_gaps:
        usable = [number for number in choice if len(lines[number]) <= _LONGEST_LINE and _WORD.search(lines[number])]
        if not usable:
            break
        number = draw.choice(usable)
        word = draw.choice(list(_WORD.finditer(lines[number])))
        end = draw.choice((word.end(), len(lines[number].rstrip())))
        spans.append((starts[number] + word.start(), starts[number] + end))
        choice = range(min(number + distances.start, len(lines)), min(number + distances.stop, len(lines)))
    return tuple(spans)


def _cut(document: Document, spans: Sequence[tuple[int, int]], spread: Spread) -> GappedDocument:
    text = document.text
    bounds = [0, *(place for span in spans for place in span), len(text)]
    pieces = [text[start:end] for start, end in pairwise(bounds)]
    return GappedDocument(tuple(pieces[::2]), tuple(pieces[1::2]), document.language, spread)
