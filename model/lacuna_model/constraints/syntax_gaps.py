"""Texts with gaps in them: where the fills lie, and which part of a fill a place in the text belongs to."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest

Span = tuple[int, int]
"""First place and the one behind the last, in characters or in bytes."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Where the fills break a text's syntax.

    Attributes:
        gap: whose fill.
        start: first character of the fault in it; at the fill's ends where the fault shows outside of it.
        end: the one behind the last; equal to `start` where something is missing.
    """

    gap: int
    start: int
    end: int


def join(segments: Sequence[str], fills: Sequence[str]) -> str:
    """The text with its gaps filled."""
    return "".join(chain.from_iterable(zip_longest(segments, fills, fillvalue="")))


def fill_spans(segments: Sequence[Sequence[object]], fills: Sequence[Sequence[object]]) -> list[Span]:
    """Where each fill lies in the joined text, in units of what is given."""
    spans = []
    end = 0
    for segment, fill in zip(segments, fills, strict=False):
        start = end + len(segment)
        end = start + len(fill)
        spans.append((start, end))
    return spans


def nearest_fill(spans: Sequence[Span], error: Span) -> tuple[int, Span]:
    """The gap that an error is blamed on, and the part of its fill.

    A parser notices an error behind its cause: of several gaps it is the last one that begins before the error ends.
    """
    gap = max((number for number, (start, _) in enumerate(spans) if start <= error[1]), default=0)
    start, end = spans[gap]
    return gap, (min(max(error[0], start), end) - start, min(max(error[1], start), end) - start)
