"""All sources of neighbours behind one function."""

from collections.abc import Sequence
from dataclasses import dataclass

from lacuna_server.neighbours.document import Document, Neighbour
from lacuna_server.neighbours.edits import Edit, recent_edits
from lacuna_server.neighbours.imports import ROOTS, Read, imported_definitions
from lacuna_server.neighbours.windows import similar_windows


@dataclass(frozen=True, slots=True)
class Budgets:
    """Most characters of each source; one of 0 is not asked.

    Attributes:
        imports: stubs of definitions that the document imports.
        similar: windows of other documents that resemble the surroundings.
        edits: lines of other documents that were changed lately.
    """

    imports: int = 0
    similar: int = 0
    edits: int = 0


def find_neighbours(
    document: Document,
    gap: tuple[int, int],
    *,
    budgets: Budgets,
    read: Read,
    roots: Sequence[str] = ROOTS,
    others: Sequence[Document] = (),
    edits: Sequence[Edit] = (),
    previous: Sequence[Neighbour] = (),
) -> tuple[Neighbour, ...]:
    """What to place ahead of a prefix: what changes least comes first, so that a cached prefix stays valid longest.

    Args:
        document: with the gap.
        gap: offsets of what is to be replaced, (start, end).
        budgets: of the sources.
        read: gives files of the workspace, by paths like that of the document.
        roots: folders that absolute imports start from.
        others: documents that are open or were edited lately.
        edits: oldest first.
        previous: what was found for the last request in this document; it keeps the choice steady.
    """
    found: list[Neighbour] = []
    if budgets.imports:
        found += imported_definitions(document, read=read, budget=budgets.imports, roots=roots)
    if budgets.similar:
        found += similar_windows(document, gap, others, budget=budgets.similar, previous=previous)
    if budgets.edits:
        found += recent_edits(document, edits, budget=budgets.edits)
    return tuple(found)
