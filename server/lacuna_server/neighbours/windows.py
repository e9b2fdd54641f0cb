"""Pieces of other documents that resemble what surrounds a gap."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from lacuna_server.neighbours.document import Document, Neighbour, with_line_feeds

WINDOW_LINES = 20
STRIDE = 10
MIN_SIMILARITY = 0.1
NEARLY_EQUAL = 0.8
"""Share of a window's lines that also stand around the gap, from which on it tells nothing new."""

PERSISTENCE = 1.25
"""How much more similar another window must be to take the place of one chosen before."""

_LINES_BEFORE = 20
_LINES_AFTER = 10
_REACH = 8_000
_MAX_CHARACTERS = 300_000
_IDENTIFIER = re.compile(r"[^\W\d]\w+")


def similar_windows(
    document: Document, gap: tuple[int, int], others: Sequence[Document], *, budget: int, previous: Sequence[Neighbour]
) -> tuple[Neighbour, ...]:
    """Windows of documents in the same language, by path and line.

    The gap's own lines do not count, and what was chosen before is preferred: so typing seldom changes the choice.

    Args:
        document: with the gap.
        gap: offsets of what is to be replaced, (start, end).
        others: documents to look in.
        budget: most characters of all windows.
        previous: what was chosen for the last request.
    """
    surroundings = _Surroundings.of(document.text, gap)
    ranked = sorted(
        (
            (_similarity(surroundings, window, Neighbour(other.path, window.text) in previous), other.path, window)
            for other in others
            if other.language == document.language and other.path != document.path
            for window in _windows(other.text)
        ),
        key=lambda found: (-found[0], found[1], found[2].first_line),
    )
    chosen: list[tuple[str, _Window]] = []
    left = budget
    for similarity, path, window in ranked:
        if similarity < MIN_SIMILARITY:
            break
        overlaps = any(path == p and abs(window.first_line - w.first_line) < WINDOW_LINES for p, w in chosen)
        if len(window.text) <= left and not overlaps and not surroundings.know(window):
            chosen.append((path, window))
            left -= len(window.text)
    chosen.sort(key=lambda found: (found[0], found[1].first_line))
    return tuple(Neighbour(path, window.text) for path, window in chosen)


@dataclass(frozen=True, slots=True)
class _Window:
    first_line: int
    text: str
    identifiers: frozenset[str]
    lines: frozenset[str]

    @classmethod
    def of(cls, first_line: int, lines: Sequence[str]) -> "_Window":
        text = "\n".join(lines).strip("\n") + "\n"
        return cls(first_line, text, frozenset(_IDENTIFIER.findall(text)), _contents(lines))


@dataclass(frozen=True, slots=True)
class _Surroundings:
    """Identifiers close to a gap, and the lines around it as far as a model may read."""

    identifiers: frozenset[str]
    lines: frozenset[str]

    @classmethod
    def of(cls, text: str, gap: tuple[int, int]) -> "_Surroundings":
        start, end = gap
        before = with_line_feeds(text[max(0, start - _REACH) : start]).split("\n")[:-1]
        after = with_line_feeds(text[end : end + _REACH]).split("\n")[1:]
        near = "\n".join((*before[-_LINES_BEFORE:], *after[:_LINES_AFTER]))
        return cls(frozenset(_IDENTIFIER.findall(near)), _contents((*before, *after)))

    def know(self, window: _Window) -> bool:
        """Whether a window tells nothing new."""
        return len(window.lines & self.lines) >= NEARLY_EQUAL * len(window.lines)


def _similarity(surroundings: _Surroundings, window: _Window, was_chosen: bool) -> float:
    """Jaccard's index of the identifiers."""
    num_common = len(surroundings.identifiers & window.identifiers)
    num_all = len(surroundings.identifiers) + len(window.identifiers) - num_common
    return (PERSISTENCE if was_chosen else 1.0) * num_common / max(1, num_all)


@lru_cache(maxsize=128)
def _windows(text: str) -> tuple[_Window, ...]:
    if len(text) > _MAX_CHARACTERS:
        return ()
    lines = with_line_feeds(text).split("\n")
    starts = range(0, max(1, len(lines) - STRIDE), STRIDE)
    return tuple(_Window.of(start, lines[start : start + WINDOW_LINES]) for start in starts)


def _contents(lines: Sequence[str]) -> frozenset[str]:
    return frozenset(line.strip() for line in lines if line.strip())
