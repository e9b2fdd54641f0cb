"""From a source and what the user pointed at to the gaps to be filled, and back to the filled source."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, pairwise

from lacuna_server.errors import UserError
from lacuna_server.files import Source
from lacuna_server.positions import LineIndex, Position

DEFAULT_MARKER = "<FILL>"

_NEWLINE = re.compile(r"\r\n|\r")


@dataclass(frozen=True, slots=True)
class Gaps:
    """A source with one or several gaps.

    Attributes:
        source: the text the gaps lie in.
        spans: offsets in the source's text, (start, end), that the fills replace; in order, without overlap.
    """

    source: Source
    spans: tuple[tuple[int, int], ...]

    @property
    def segments(self) -> tuple[str, ...]:
        """The text around the gaps, one more than gaps; every line break a line feed, as the model knows it."""
        return tuple(_NEWLINE.sub("\n", piece) for piece in self._kept)

    @property
    def positions(self) -> tuple[tuple[Position, Position], ...]:
        """Where each gap starts and ends."""
        index = LineIndex(self.source.text)
        return tuple((index.position(start), index.position(end)) for start, end in self.spans)

    def localize(self, fill: str) -> str:
        """A fill with the line breaks of the source."""
        return _NEWLINE.sub("\n", fill).replace("\n", self.source.newline)

    def filled(self, fills: Sequence[str]) -> str:
        """The whole text with a fill in the place of every gap; all other characters are as they were."""
        pairs = zip(self._kept, (*map(self.localize, fills), ""), strict=True)
        return "".join(piece for pair in pairs for piece in pair)

    @property
    def _kept(self) -> list[str]:
        """The text around the gaps as it stands in the source."""
        edges = (0, *chain.from_iterable(self.spans), len(self.source.text))
        return [self.source.text[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True)]


def find_gaps(source: Source, start: Position | None, end: Position | None, marker: str | None) -> Gaps:
    """Finds what is to be filled.

    Args:
        source: the text.
        start: the cursor, or where the selection starts.
        end: where the selection ends; None for a gap without text in it.
        marker: the text that stands where fills are wanted; None for `DEFAULT_MARKER`, unless there is a position.

    Raises:
        UserError: a position lies outside, the end before the start, there is no marker, or there are both.
    """
    if start is None:
        if end is not None:
            raise UserError("--to needs the start of the selection: write FILE:LINE:COLUMN --to LINE:COLUMN.")
        return Gaps(source, _marked(source, DEFAULT_MARKER if marker is None else marker))
    if marker is not None:
        raise UserError("A position and --marker exclude each other; give one of them.")
    index = LineIndex(source.text)
    try:
        first = index.offset(start)
        last = first if end is None else index.offset(end)
    except UserError as error:
        raise UserError(f"{source.name}: {error}") from error
    if last < first:
        raise UserError(f"--to {end} lies before the start of the selection, {start}.")
    return Gaps(source, ((first, last),))


def _marked(source: Source, marker: str) -> tuple[tuple[int, int], ...]:
    if not marker:
        raise UserError("--marker must not be empty.")
    spans = tuple(match.span() for match in re.finditer(re.escape(marker), source.text))
    if not spans:
        raise UserError(f"{source.name} has no {marker} in it; mark a gap or write FILE:LINE:COLUMN.")
    if any(end == start for (_, end), (start, _) in pairwise(spans)):
        raise UserError(f"{source.name} has two {marker} with nothing between them; mark one gap once.")
    return spans
