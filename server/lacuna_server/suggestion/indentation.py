"""Indentation as the editor wants it."""

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

from lacuna_server.syntax.lines import indent_width, leading_space

SAMPLE = 20_000
"""Characters of a document that tell how it is indented."""

MAKEFILES = ("make", "makefile")
"""What editors call the language in which a tab at the beginning of a line is no matter of taste."""

_SIZES = (2, 3, 4, 8)


@dataclass(frozen=True, slots=True)
class Indentation:
    """How a document is indented: with tabs, or with so many spaces a level; `size` is a tab's width too."""

    tabs: bool = False
    size: int = 4

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(f"A level of indentation has at least 1 column, not {self.size}.")

    def space(self, width: int) -> str:
        """What stands before a line that is indented by so many columns."""
        return "\t" * (width // self.size) + " " * (width % self.size) if self.tabs else " " * width


def indentation_of(text: str, language: str) -> Indentation | None:
    """Guesses how a document is indented from its first lines; None where they do not tell.

    A line of blanks alone counts as any other: it may be all there is, and is where the cursor stands.
    """
    if language in MAKEFILES:
        return Indentation(tabs=True)
    lines = [line for line in text[:SAMPLE].split("\n") if line]
    num_tabbed = sum(line.startswith("\t") for line in lines)
    num_spaced = sum(line.startswith("  ") for line in lines)
    if num_tabbed > num_spaced:
        return Indentation(tabs=True)
    widths = [0, *(len(line) - len(line.lstrip(" ")) for line in lines)]
    steps = Counter(after - before for before, after in pairwise(widths))
    size = max(_SIZES, key=steps.__getitem__)
    return Indentation(size=size) if steps[size] else None


def converted(text: str, line_at_cursor: str, indentation: Indentation) -> list[str]:
    """Gives a fill the document's indentation.

    A level of the fill, as the lines behind a brace or a colon show it, becomes one of the document. What is indented
    by something else than levels is aligned by hand and keeps its width.

    Args:
        text: the fill.
        line_at_cursor: what stands before it in its line.
        indentation: that of the document.

    Returns:
        What each character of the fill becomes.
    """
    size = indentation.size
    parts = text.split("\n")
    lines = [line_at_cursor + parts[0], *parts[1:]]
    widths = [(line, indent_width(line, size)) for line in lines if line.strip()]
    base = widths[0][1] if widths else 0
    level = next((after[1] - before[1] for before, after in pairwise(widths) if _opens(*before, *after)), size)
    characters = list(text)
    start = 0
    for number, (part, line) in enumerate(zip(parts, lines, strict=True)):
        width = indent_width(line, size)
        if width > base and (width - base) % level == 0:
            width = base + (width - base) // level * size
        given = line_at_cursor if number == 0 else ""
        blanks, space = len(leading_space(part)), indentation.space(width)
        if blanks and not given.strip() and space.startswith(given):
            characters[start : start + blanks] = [space[len(given) :], *[""] * (blanks - 1)]
        start += len(part) + 1
    return characters


def _opens(line: str, width: int, next_line: str, next_width: int) -> bool:
    """Whether the second of two lines is one level deeper than the first."""
    return line.rstrip().endswith((":", "{")) and next_width - width in _SIZES
