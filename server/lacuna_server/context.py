"""What the model is given to read: the text around the gaps, cut to budgets, and neighbours ahead of it.

Budgets are in characters, about 3.5 a token: the server has no tokenizer. What is still too long for the model it cuts
itself, by tokens.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from lacuna_server.neighbours.document import Neighbour, with_line_feeds

PREFIX_BUDGET = 5000
SUFFIX_BUDGET = 4000
"""More than a canvas reads of the suffix: were it less, the model would take the cut for the end of the file."""

_STEPS = 4
_LINE_START = re.compile(r"\r\n|\n|\r")
_BLOCK_START = re.compile(r"(?:\r\n|\n|\r)(?=[^\s)\]}])")
_COMMENT_MARKS = {"javascript": "//", "typescript": "//", "json": "//"}


@dataclass(frozen=True, slots=True)
class Context:
    """What a request says.

    Attributes:
        segments: the text around the gaps, one more than gaps, with line feeds only. The first begins with the
            neighbours and ends where the first gap starts.
        prefix_start: offset in the document at which its part of the first segment starts.
    """

    segments: tuple[str, ...]
    prefix_start: int


def build_context(
    text: str,
    gaps: Sequence[tuple[int, int]],
    *,
    language: str,
    path: str | None = None,
    neighbours: Sequence[Neighbour] = (),
    prefix_budget: int = PREFIX_BUDGET,
    suffix_budget: int = SUFFIX_BUDGET,
) -> Context:
    """Cuts a document around its gaps. The text between gaps is kept whole.

    Args:
        text: the document, with any line breaks.
        gaps: offsets of what is to be replaced, (start, end), at least one and in order; a cursor is a gap without
            text in it.
        language: as the model calls it.
        path: named in a comment ahead of the document's text; None: it is not.
        neighbours: placed ahead of that, in this order. They have budgets of their own.
        prefix_budget: most characters of the document before the first gap.
        suffix_budget: most characters behind the last one.
    """
    (first, *inner, last) = chain.from_iterable(gaps)
    start = _prefix_start(text, first, prefix_budget)
    ahead = [_heading(neighbour.path, language) + neighbour.text.rstrip("\n") + "\n\n" for neighbour in neighbours]
    if path is not None:
        ahead.append(_heading(path, language))
    pieces = (
        text[start:first],
        *(text[a:b] for a, b in zip(inner[::2], inner[1::2], strict=True)),
        text[last : _suffix_end(text, last, suffix_budget)],
    )
    prefix, *others = map(with_line_feeds, pieces)
    return Context(("".join(ahead) + prefix, *others), start)


def _prefix_start(text: str, end: int, budget: int) -> int:
    """Where to cut a prefix: at a block's start if there is one, else at a line's, and at least half the budget left.

    The place to look from moves in steps of a quarter of the budget: were it to move with every character typed, no
    two prefixes of a long document would begin alike and the model could reuse none.
    """
    if end <= budget:
        return 0
    step = max(1, budget // _STEPS)
    earliest = min(end, -(-(end - budget) // step) * step)
    for bound in (_BLOCK_START, _LINE_START):
        if found := bound.search(text, earliest, min(end, earliest + step)):
            return found.end()
    return earliest


def _suffix_end(text: str, start: int, budget: int) -> int:
    """Where to cut a suffix: behind a line in the last quarter of the budget, if one ends there."""
    end = start + budget
    if end >= len(text):
        return len(text)
    breaks = list(_LINE_START.finditer(text, end - budget // _STEPS, end))
    return breaks[-1].end() if breaks else end


def _heading(path: str, language: str) -> str:
    """A comment that says where the text below it is from."""
    return f"{_COMMENT_MARKS.get(language, '#')} {path}\n"
