"""Pieces of other documents that resemble what surrounds a gap."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from lacuna_server.neighbours.document import Document, Neighbour, with_line_feeds
from lacuna_server.neighbours.newest import newest

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
_MAX_CHARACTERS = 150_000
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
    ranked: list[tuple[float, Document, _Window]] = []
    for other in others:
        if other.language == document.language and other.uri != document.uri:
            kept = {neighbour.text for neighbour in previous if neighbour.path == other.path}
            for window in _windows(other):
                similarity = _similarity(surroundings, window, was_chosen=bool(kept) and window.text in kept)
                if similarity >= MIN_SIMILARITY:
                    ranked.append((similarity, other, window))
    ranked.sort(key=lambda found: (-found[0], found[1].path, found[2].first_line))
    chosen: list[tuple[Document, _Window]] = []
    left = budget
    for _, other, window in ranked:
        overlaps = any(other is o and abs(window.first_line - w.first_line) < WINDOW_LINES for o, w in chosen)
        if len(window.text) <= left and not overlaps and not surroundings.know(window):
            chosen.append((other, window))
            left -= len(window.text)
    chosen.sort(key=lambda found: (found[0].path, found[1].first_line))
    return tuple(Neighbour(other.path, window.text) for other, window in chosen)


@dataclass(frozen=True, slots=True)
class _Window:
    first_line: int
    lines: Sequence[str]
    identifiers: frozenset[str]

    @property
    def text(self) -> str:
        return "\n".join(self.lines).strip("\n") + "\n"


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
        lines = _contents(window.lines)
        return len(lines & self.lines) >= NEARLY_EQUAL * len(lines)


def _similarity(surroundings: _Surroundings, window: _Window, was_chosen: bool) -> float:
    """Jaccard's index of the identifiers."""
    num_common = len(surroundings.identifiers & window.identifiers)
    num_all = len(surroundings.identifiers) + len(window.identifiers) - num_common
    return (PERSISTENCE if was_chosen else 1.0) * num_common / max(1, num_all)


@newest
def _windows(document: Document) -> tuple[_Window, ...]:
    """The windows of a document, none of a huge one. They share their lines and identifiers: they overlap."""
    if len(document.text) > _MAX_CHARACTERS:
        return ()
    lines = with_line_feeds(document.text).split("\n")
    shared: dict[str, str] = {}
    identifiers = [[shared.setdefault(name, name) for name in _IDENTIFIER.findall(line)] for line in lines]
    spans = (slice(start, start + WINDOW_LINES) for start in range(0, max(1, len(lines) - STRIDE), STRIDE))
    return tuple(_Window(span.start, lines[span], frozenset(chain.from_iterable(identifiers[span]))) for span in spans)


def _contents(lines: Sequence[str]) -> frozenset[str]:
    return frozenset(line.strip() for line in lines if line.strip())
