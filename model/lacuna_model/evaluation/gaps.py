"""Cuts gaps out of documents, as an editor's user would leave them."""

import random
import re
from collections.abc import Sequence
from typing import Literal, get_args

from lacuna_model.evaluation.documents import Document
from lacuna_model.evaluation.filler import Gap

GapKind = Literal["line_rest", "line", "block", "mid_word"]
"""The rest of a line from somewhere inside it; a whole line with its indentation; a suite of 2 to 5 lines, also with
its indentation; the rest of a word from somewhere inside it. None holds its last line break."""

KINDS: tuple[GapKind, ...] = get_args(GapKind)

_WORD = re.compile(r"[^\W\d]\w{3,}")
_BLOCK_LINES = range(2, 6)
_TRIES_PER_GAP = 50


def sample_gaps(documents: Sequence[Document], kind: GapKind, num: int, seed: int = 0) -> list[Gap]:
    """Draws gaps of one kind; the same documents and seed give the same gaps.

    Each gap comes from a document drawn anew, whatever the document's length. Fewer are returned only where the
    documents hold too few of the kind. No gap is drawn twice.
    """
    draw = random.Random(f"{seed} {kind}")
    gaps: dict[tuple[int, int, int], Gap] = {}
    for _ in range(_TRIES_PER_GAP * num):
        if len(gaps) == num:
            break
        index = draw.randrange(len(documents))
        document = documents[index]
        span = _span(document.text, kind, draw)
        if span is not None:
            start, end = span
            text = document.text
            gaps[index, start, end] = Gap(text[:start], text[start:end], text[end:], document.language)
    return list(gaps.values())


def _span(text: str, kind: GapKind, draw: random.Random) -> tuple[int, int] | None:
    """First character of a random gap and the one after its last; None if this draw found none."""
    if kind == "mid_word":
        words = list(_WORD.finditer(text))
        if not words:
            return None
        word = draw.choice(words)
        return draw.randrange(word.start() + 1, word.end()), word.end()
    lines = text.split("\n")
    number = draw.randrange(len(lines))
    line = lines[number].rstrip()
    start = sum(len(other) + 1 for other in lines[:number])
    if kind == "block":
        length = _suite_length(lines, number)
        return None if length is None else (start, start + len("\n".join(lines[number : number + length]).rstrip()))
    indentation = _indentation(line)
    if not line.strip():
        return None
    if kind == "line":
        return start, start + len(line)
    if len(line) - indentation < 2:
        return None
    return start + draw.randrange(indentation + 1, len(line)), start + len(line)


def _suite_length(lines: Sequence[str], number: int) -> int | None:
    """How many lines the suite has that begins at a line; None if none of a fitting length begins there.

    A suite is a run of lines that are indented deeper than the line before it.
    """
    if number == 0 or not lines[number].strip() or not lines[number - 1].strip():
        return None
    indentation = _indentation(lines[number])
    if indentation <= _indentation(lines[number - 1]):
        return None
    length = 1
    for line in lines[number + 1 :]:
        if line.strip() and _indentation(line) < indentation:
            break
        length += 1
        if length > _BLOCK_LINES.stop:
            return None
    while not lines[number + length - 1].strip():
        length -= 1
    return length if length in _BLOCK_LINES else None


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip())
