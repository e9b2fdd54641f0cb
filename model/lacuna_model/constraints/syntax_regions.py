"""The statements around a gap in Python, each enclosing the next, so that what is broken elsewhere can be left out."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_CONTINUATION = re.compile(r"(?:elif|else|except|finally|case)\b")
_OPENING = "if x:\n"
_TOP_LEVEL = re.compile(r"^(?:@.*\n)*(?!(?:elif|else|except|finally)\b)[^\W\d]", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Region:
    """A part of a text around its gaps.

    Attributes:
        start: its first character in the text before the first gap.
        end: its end in the text behind the last gap.
        is_nested: its statements are indented.
    """

    start: int
    end: int
    is_nested: bool

    def segments(self, segments: Sequence[str]) -> tuple[str, ...]:
        """The segments cut to this region, in the body of a statement if they are indented."""
        *rest, last = segments
        cut = (*rest, last[: self.end])
        return (_OPENING * self.is_nested + cut[0][self.start :], *cut[1:])

    def replaced(self, segments: Sequence[str]) -> str:
        """The text with an empty statement in place of this region."""
        return f"{segments[0][: self.start]}pass\n{segments[-1][self.end :]}"


def part_around(segments: Sequence[str], most: int) -> tuple[str, ...]:
    """The text without what lies more than so many characters before and behind its gaps.

    It is cut where statements at the top level seem to begin; where none do, it is not cut.
    """
    first, *between, last = segments
    if len(first) > most:
        starts = (match.start() for match in _TOP_LEVEL.finditer(first, len(first) - most))
        first = first[next(starts, 0) :]
    if len(last) > most:
        ends = (match.start() for match in _TOP_LEVEL.finditer(last, 1, most))
        last = last[: max(ends, default=len(last))]
    return first, *between, last


def regions_around(before: str, after: str) -> list[Region]:
    """The regions around a gap, widest first: the statement at the top level, and those in it that hold the gap."""
    regions = []
    lines = _lines(before)
    level: int | None = None
    for index in reversed(range(len(lines))):
        start, line = lines[index]
        depth = _depth(line)
        if depth is None or line.lstrip()[0] in ")]}" or (level is not None and depth >= level):
            continue
        level = depth
        if _CONTINUATION.match(line.lstrip()):
            level += 1  # the statement that it continues stands above, equally deep
            continue
        while index and lines[index - 1][1].startswith(line[: len(line) - len(line.lstrip())] + "@"):
            index -= 1
            start = lines[index][0]
        regions.append(Region(start, _end(after, depth), depth > 0))
        if depth == 0:
            break
    return regions[::-1]


def indentations_at(before: str, after: str) -> list[str]:
    """The indentations that a line at the gap may well have."""
    above = next((line for _, line in reversed(_lines(before)) if _depth(line) is not None), "")
    below = next((line for _, line in _lines(after) if _depth(line) is not None), "")
    found = [line[: len(line) - len(line.lstrip())] for line in (above, below)]
    return list(dict.fromkeys((*found, found[0] + ("\t" if "\t" in found[0] else "    "), found[1][:-4])))


def _end(after: str, depth: int) -> int:
    """Where the first statement begins that is not deeper, behind the gap's line."""
    for start, line in _lines(after)[1:]:
        found = _depth(line)
        if found is None or found > depth or line.lstrip()[0] in ")]}":
            continue
        if found < depth or not _CONTINUATION.match(line.lstrip()):
            return start
    return len(after)


def _lines(text: str) -> list[tuple[int, str]]:
    """Lines with their beginnings; Python knows three kinds of line breaks, `str.splitlines` more."""
    return [(match.start(), match.group()) for match in _LINE.finditer(text)]


def _depth(line: str) -> int | None:
    """Columns of indentation; None for a line that holds no code."""
    content = line.lstrip()
    if not content or content.startswith("#"):
        return None
    return len(line[: len(line) - len(content)].expandtabs())
