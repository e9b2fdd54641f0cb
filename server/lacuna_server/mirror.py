r"""The text of an open document, as its editor sees it.

Lines end at "\n", "\r\n" or "\r" and nowhere else (`str.splitlines` knows eight more). A text is kept as its lines, so
that an edit touches the lines around it and copies references of the others: a key in a file of 200,000 lines costs a
millisecond.
"""

import io
import re
from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal, NamedTuple

Encoding = Literal["utf-8", "utf-16", "utf-32"]
"""What an editor counts in a line: bytes, UTF-16 code units, or characters."""

_CODECS: dict[Encoding, tuple[str, int]] = {
    "utf-8": ("utf-8", 1),
    "utf-16": ("utf-16-le", 2),
    "utf-32": ("utf-32-le", 4),
}
_NEWLINE = re.compile(r"\r\n|\r")
_SURROGATE = re.compile("[\ud800-\udfff]")


class Point(NamedTuple):
    """A place in a text: line and column from 0; columns count characters (code points)."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Window:
    r"""Some lines of a text as one string in which every line break is "\n".

    Attributes:
        text: the lines.
        first_line: number of the first of them in the document.
        starts: where each of them starts in `text`.
    """

    text: str
    first_line: int
    starts: tuple[int, ...]

    def offset(self, point: Point) -> int:
        """Characters of the window before a place in it."""
        return self.starts[point.line - self.first_line] + point.column

    def point(self, offset: int) -> Point:
        """The place before which `offset` characters of the window lie."""
        line = bisect_right(self.starts, offset) - 1
        return Point(self.first_line + line, offset - self.starts[line])


class Text:
    """An immutable text in lines; the last line has no line break, and may be empty."""

    __slots__ = ("_lines",)

    def __init__(self, text: str = "") -> None:
        self._lines = _split(text)

    def __str__(self) -> str:
        return "".join(self._lines)

    @property
    def num_lines(self) -> int:
        """Lines of the text, at least one."""
        return len(self._lines)

    @property
    def newline(self) -> str:
        """The line break that its first line ends with, a line feed when there is none."""
        return self._lines[0][len(_content(self._lines[0])) :] or "\n"

    def line(self, number: int) -> str:
        """A line without its line break."""
        return _content(self._lines[number])

    def point(self, line: int, character: int, encoding: Encoding) -> Point:
        """Where an editor's position lies.

        As the protocol has it, a character past the end of its line stands for that end. A line past the last stands
        for the end of the text, and a place inside of a character for the start of it.
        """
        if line >= len(self._lines):
            return Point(len(self._lines) - 1, len(self._lines[-1]))
        content = _content(self._lines[line])
        return Point(line, _num_characters(content, max(character, 0), encoding))

    def character(self, point: Point, encoding: Encoding) -> int:
        """What an editor counts before a place in its line."""
        return num_units(self._lines[point.line][: point.column], encoding)

    def edited(self, start: Point, end: Point, new: str) -> "Text":
        """The text with what lies between two places replaced."""
        start, end = min(start, end), max(start, end)
        # One line more on both sides: "\r" and "\n" that come to stand together are one line break.
        first, last = max(start.line - 1, 0), min(end.line + 2, len(self._lines))
        head = "".join(self._lines[first : start.line]) + self._lines[start.line][: start.column]
        tail = self._lines[end.line][end.column :] + "".join(self._lines[end.line + 1 : last])
        pieces = _split(_with_pairs_joined(head + new + tail))
        if last < len(self._lines):
            pieces.pop()  # what follows the last line break is there already
        edited = Text.__new__(Text)
        edited._lines = self._lines.copy()
        edited._lines[first:last] = pieces
        return edited

    def window(self, first: int = 0, last: int | None = None) -> Window:
        """The lines from `first` up to `last`, not included; all of them by default.

        A surrogate that stands alone, which no model can read, becomes a replacement character.
        """
        text = _SURROGATE.sub("\ufffd", _NEWLINE.sub("\n", "".join(self._lines[first:last])))
        return Window(text, first, (0, *accumulate(map(len, _split(text)[:-1]))))


def num_units(text: str, encoding: Encoding) -> int:
    """What an editor counts in a text without line breaks."""
    if text.isascii():
        return len(text)
    codec, size = _CODECS[encoding]
    return len(text.encode(codec, "surrogatepass")) // size


def _split(text: str) -> list[str]:
    """Lines with their line breaks; behind the last line break there is a line without one."""
    lines = list(io.StringIO(text, newline=""))
    if not lines or lines[-1].endswith(("\n", "\r")):
        lines.append("")
    return lines


def _content(line: str) -> str:
    return line.rstrip("\r\n")


def _num_characters(content: str, num_units: int, encoding: Encoding) -> int:
    """How many whole characters of a line lie within its first code units."""
    if content.isascii() or encoding == "utf-32":
        return min(num_units, len(content))
    codec, size = _CODECS[encoding]
    units = content.encode(codec, "surrogatepass")
    end = min(num_units * size, len(units))
    while end < len(units) and _is_inside_character(units, end, encoding):
        end -= size
    return len(units[:end].decode(codec, "surrogatepass"))


def _is_inside_character(units: bytes, place: int, encoding: Encoding) -> bool:
    if encoding == "utf-8":
        return units[place] & 0xC0 == 0x80
    return place >= 2 and units[place - 1] & 0xFC == 0xD8 and units[place + 1] & 0xFC == 0xDC


def _with_pairs_joined(text: str) -> str:
    """Makes one character of two surrogates that an edit brought together."""
    if _SURROGATE.search(text) is None:
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
