"""What was changed lately in other documents."""

from collections.abc import Sequence
from dataclasses import dataclass

from lacuna_server.neighbours.document import Document, Neighbour, with_line_feeds

LINES_AROUND = 3


@dataclass(frozen=True, slots=True)
class Edit:
    """A place where a document was changed.

    Attributes:
        document: as it is now.
        line: that was changed, counted from 0.
    """

    document: Document
    line: int


def recent_edits(document: Document, edits: Sequence[Edit], *, budget: int) -> tuple[Neighbour, ...]:
    """The lines around edits as they are now, the latest last.

    Those of the document itself are left out: they stand around the gap, and would change with every key.

    Args:
        document: with the gap.
        edits: oldest first.
        budget: most characters of all pieces.
    """
    chosen: list[tuple[Edit, str]] = []
    left = budget
    for edit in reversed(edits):
        if edit.document.uri == document.uri or any(_overlap(edit, later) for later, _ in chosen):
            continue
        text = _lines_around(edit)
        if len(text) > left:
            break
        chosen.append((edit, text))
        left -= len(text)
    return tuple(Neighbour(edit.document.path, text) for edit, text in reversed(chosen))


def _overlap(edit: Edit, other: Edit) -> bool:
    return edit.document.uri == other.document.uri and abs(edit.line - other.line) <= 2 * LINES_AROUND


def _lines_around(edit: Edit) -> str:
    lines = with_line_feeds(edit.document.text).split("\n")
    piece = lines[max(0, edit.line - LINES_AROUND) : edit.line + LINES_AROUND + 1]
    return "\n".join(piece).strip("\n") + "\n"
