"""How much to suggest: one line, a block, or a number of lines."""

import re
from dataclasses import dataclass
from typing import Literal

from lacuna_server.syntax import empty_block_at
from lacuna_server.syntax.lines import indent_width, line_before

Wanted = Literal["auto", "line", "block"] | int
"""What is asked for: a kind, a number of lines, or what the place suggests."""

TOKENS_OF_LINE = 32
TOKENS_OF_BLOCK = 128
MAX_TOKENS = 512

_CLOSING = re.compile(r"\s*[)\]}]+[;,]?")
_CONTINUES = re.compile(r"\s*(?:[)\]}]|(?:catch|elif|else|except|finally)\b)")


@dataclass(frozen=True, slots=True)
class Extent:
    """How much to suggest.

    Attributes:
        kind: what a suggestion ends with.
        max_tokens: to ask the engine for.
        num_lines: most lines of a suggestion; None for a block, which ends where its indentation does.
    """

    kind: Literal["line", "block", "lines"]
    max_tokens: int
    num_lines: int | None

    @property
    def max_lines(self) -> int | None:
        """Lines to ask the engine for: one more than are shown, as a fill may begin with a line break."""
        return None if self.num_lines is None else self.num_lines + 1


def choose_extent(prefix: str, suffix: str, language: str, wanted: Wanted = "auto") -> Extent:
    """How much to suggest between two texts: one line, unless the cursor opens an empty block or more is wanted."""
    if wanted == "auto":
        wanted = "line" if empty_block_at(prefix, suffix, language) is None else "block"
    if wanted == "block":
        return Extent("block", TOKENS_OF_BLOCK, None)
    if wanted == "line":
        return Extent("line", TOKENS_OF_LINE, 1)
    num_lines = max(1, wanted)
    return Extent("lines", min(num_lines * TOKENS_OF_LINE, MAX_TOKENS), num_lines)


def stop(fill: str, prefix: str, suffix: str, language: str, extent: Extent) -> str:
    """The beginning of a fill that an extent allows.

    Lines are counted from the first that is not blank. A block ends before a blank line, at the end of the block that
    the cursor opens, or else where the statement or the indentation at the cursor ends.
    """
    first = len(fill) - len(fill.lstrip())  # of what is not blank
    if extent.num_lines is not None:
        return fill[:first] + "\n".join(fill[first:].split("\n")[: extent.num_lines])
    return fill[: _end_of_block(fill, first, line_before(prefix), empty_block_at(prefix, suffix, language))]


def _end_of_block(fill: str, first: int, line_at_cursor: str, opened: int | None) -> int:
    """Where a block ends in a fill.

    Args:
        fill: text of any length.
        first: where its first character is that is not blank.
        line_at_cursor: what stands before the fill in its line.
        opened: indentation of the line that opens a block at the cursor, None if none does.
    """
    inside_statement = opened is None and bool(line_at_cursor.strip())
    limit = indent_width(line_at_cursor) if inside_statement else opened
    end = -1
    for number, part in enumerate(fill.split("\n")):
        start, end = end + 1, end + 1 + len(part)
        line = part if number else line_at_cursor + part
        is_header = number == 0 and (inside_statement or opened is not None)
        if end < first or is_header:
            continue
        width = indent_width(line)
        if inside_statement and limit is not None and width <= limit and start <= first:
            inside_statement, limit = False, None  # the statement was complete, and the fill begins with the next
        if limit is None:
            limit = width - 1
        if not line.strip():
            return max(0, start - 1)
        if width > limit or (inside_statement and width == limit and _CONTINUES.match(line)):
            continue
        closing = _CLOSING.match(part) if opened == width else None
        return start - 1 if closing is None else start + closing.end()
    return len(fill)
