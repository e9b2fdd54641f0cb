"""What other documents have to say at a gap; documents that are to be left alone have no say."""

from collections.abc import Iterator

from lacuna_server.documents import OpenDocument
from lacuna_server.mirror import Window
from lacuna_server.neighbours.document import Document, Neighbour
from lacuna_server.neighbours.edits import Edit
from lacuna_server.neighbours.search import Budgets, find_neighbours
from lacuna_server.session import Session

MAX_BYTES = 300_000
"""Of a file that is read for its definitions."""


def neighbours_of(
    session: Session, document: OpenDocument, window: Window, gap: tuple[int, int]
) -> tuple[Neighbour, ...]:
    """Pieces of other documents to place ahead of a prefix.

    Args:
        session: with the other documents.
        document: with the gap.
        window: the part of it that is looked at.
        gap: offsets in the window, (start, end).
    """
    wanted = session.settings.context
    budgets = Budgets(wanted.imports, wanted.similar, wanted.edits)
    path = session.shown_path(document)
    if path is None or budgets == Budgets():
        return ()
    others = {other.uri: as_document for other, as_document in _others(session, document)}
    found = find_neighbours(
        Document(path, document.language, window.text),
        gap,
        budgets=budgets,
        read=lambda name: _read(session, document, name),
        others=tuple(others.values()),
        edits=[Edit(others[uri], line) for uri, line in session.edits if uri in others],
        previous=session.neighbours.get(document.uri, ()),
    )
    if document.uri in session.documents:
        session.neighbours[document.uri] = found
    return found


def _others(session: Session, document: OpenDocument) -> Iterator[tuple[OpenDocument, Document]]:
    for other in session.documents.values():
        path = session.shown_path(other)
        if other.uri != document.uri and path is not None and session.reason_to_leave_alone(other) is None:
            yield other, Document(path, other.language, other.text.window().text)


def _read(session: Session, document: OpenDocument, name: str) -> str | None:
    """A file of the workspace folder that a document lies in, as it is open or on the disk."""
    folder = session.folder_of(document)
    if folder is None:
        return None
    path = folder / name
    for other in session.documents.values():
        if other.path == path:
            return None if session.reason_to_leave_alone(other) else other.text.window().text
    try:
        if path.stat().st_size > MAX_BYTES or not path.resolve().is_relative_to(folder.resolve()):
            return None
        return None if session.ignore.reason(path) else path.read_text(encoding="utf-8")
    except (OSError, ValueError):  # there is none, or it is no text
        return None
