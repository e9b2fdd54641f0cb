"""What other documents have to say at a gap; documents that are to be left alone have no say."""

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path, PurePosixPath
from posixpath import join

from lacuna_server.documents import OpenDocument
from lacuna_server.mirror import Window
from lacuna_server.neighbours.document import Document, Neighbour
from lacuna_server.neighbours.edits import Edit
from lacuna_server.neighbours.imports import ROOTS, Read
from lacuna_server.neighbours.newest import newest
from lacuna_server.neighbours.search import Budgets, find_neighbours
from lacuna_server.session import Session

MAX_BYTES = 300_000
"""Of a file that is read for its definitions."""

NUM_OTHERS = 20
"""Open documents that are looked at: those that were edited or else opened last."""


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
    path, folder = session.shown_path(document), session.folder_of(document)
    if path is None or budgets == Budgets():
        return ()
    top = "" if folder is None else session.name_of(folder)
    others = dict(islice(_others(session, document), NUM_OTHERS if wanted.similar or wanted.edits else 0))
    found = find_neighbours(
        Document(document.uri, path, document.language, window.text),
        gap,
        budgets=budgets,
        read=_reader(session, folder, top) if folder is not None and wanted.imports else _nothing,
        roots=[join(top, root) for root in ROOTS],
        others=tuple(others.values()),
        edits=[Edit(others[uri], line) for uri, line in session.edits if uri in others],
        previous=session.neighbours.get(document.uri, ()),
    )
    if document.uri in session.documents:
        session.neighbours[document.uri] = found
    return found


def _others(session: Session, document: OpenDocument) -> Iterator[tuple[str, Document]]:
    """Other open documents by their URI, the latest first."""
    edited = (uri for uri, _ in reversed(session.edits))
    for uri in dict.fromkeys((*edited, *reversed(session.documents))):
        other = session.documents.get(uri)
        if other is None or uri == document.uri or session.reason_to_leave_alone(other) is not None:
            continue
        if (path := session.shown_path(other)) is not None:
            yield uri, Document(uri, path, other.language, _text_of(other))


@newest
def _text_of(document: OpenDocument) -> str:
    return document.text.window().text


def _reader(session: Session, folder: Path, top: str) -> Read:
    """Gives files of a workspace folder, whose paths begin with `top`, as they are open or on the disk."""
    opened: Mapping[Path | None, OpenDocument] = {other.path: other for other in session.documents.values()}
    root = folder.resolve()

    def read(name: str) -> str | None:
        if not PurePosixPath(name).is_relative_to(top):
            return None
        path = folder / PurePosixPath(name).relative_to(top)
        if (other := opened.get(path)) is not None:
            return None if session.reason_to_leave_alone(other) else _text_of(other)
        try:
            if path.stat().st_size > MAX_BYTES or not path.resolve().is_relative_to(root):
                return None
            return None if session.ignore.reason(path) else path.read_text(encoding="utf-8")
        except (OSError, ValueError):  # there is none, or it is no text
            return None

    return read


def _nothing(_: str) -> None:
    """Gives no file."""
