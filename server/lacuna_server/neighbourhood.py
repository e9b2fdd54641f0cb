"""What the model is given to read at a gap, with what other documents have to say.

Documents that are to be left alone have no say.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path, PurePosixPath
from posixpath import join

from lacuna_server.context import Context, build_context
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


Search = Callable[[], tuple[Neighbour, ...]]
"""Looks for neighbours, in any thread: it may take a tenth of a second."""


async def context_of(
    session: Session, document: OpenDocument, window: Window, gaps: Sequence[tuple[int, int]]
) -> Context:
    """What the model is given to read around gaps. Neighbours are looked for in a thread, one request at a time.

    Args:
        session: with the other documents.
        document: with the gaps.
        window: the part of it that is looked at.
        gaps: offsets in the window, (start, end), in order.
    """
    search = search_of(session, document, window, (gaps[0][0], gaps[-1][1]))
    neighbours: tuple[Neighbour, ...] = ()
    if search is not None:
        neighbours = await asyncio.get_running_loop().run_in_executor(session.searching, search)
        if document.uri in session.documents:
            session.neighbours[document.uri] = neighbours
    return build_context(
        window.text,
        gaps,
        language=document.language,
        path=session.shown_path(document) if neighbours else None,
        neighbours=neighbours,
    )


def search_of(session: Session, document: OpenDocument, window: Window, gap: tuple[int, int]) -> Search | None:
    """A search for pieces of other documents to place ahead of a prefix; None where none are wanted.

    It goes by the documents and the settings as they are now. The arguments are those of `context_of`.
    """
    wanted = session.settings_of(document).context
    budgets = Budgets(wanted.imports, wanted.similar, wanted.edits)
    path, folder = session.shown_path(document), session.folder_of(document)
    if path is None or budgets == Budgets():
        return None
    top = "" if folder is None else session.name_of(folder)
    here = Document(document.uri, path, document.language, window.text)
    read = _reader(session, folder, top) if folder is not None and wanted.imports else _nothing
    others = list(islice(_others(session, document), NUM_OTHERS if wanted.similar or wanted.edits else 0))
    edits, previous = tuple(session.edits), session.neighbours.get(document.uri, ())

    def search() -> tuple[Neighbour, ...]:
        known = {other.uri: Document(other.uri, path, other.language, _text_of(other)) for other, path in others}
        return find_neighbours(
            here,
            gap,
            budgets=budgets,
            read=read,
            roots=[join(top, root) for root in ROOTS],
            others=tuple(known.values()),
            edits=[Edit(known[uri], line) for uri, line in edits if uri in known],
            previous=previous,
        )

    return search


def _others(session: Session, document: OpenDocument) -> Iterator[tuple[OpenDocument, str]]:
    """Other open documents and where they lie, the latest first."""
    edited = (uri for uri, _ in reversed(session.edits))
    for uri in dict.fromkeys((*edited, *reversed(session.documents))):
        other = session.documents.get(uri)
        if other is None or uri == document.uri or session.reason_to_leave_alone(other) is not None:
            continue
        if (path := session.shown_path(other)) is not None:
            yield other, path


@newest
def _text_of(document: OpenDocument) -> str:
    return document.text.window().text


def _reader(session: Session, folder: Path, top: str) -> Read:
    """Gives files of a workspace folder, whose paths begin with `top`, as they are open or on the disk."""
    opened = {
        document.path: None if session.reason_to_leave_alone(document) else document
        for document in session.documents.values()
    }
    root, ignore = folder.resolve(), session.ignore

    def read(name: str) -> str | None:
        if not PurePosixPath(name).is_relative_to(top):
            return None
        path = folder / PurePosixPath(name).relative_to(top)
        if path in opened:
            return None if (other := opened[path]) is None else _text_of(other)
        try:
            if path.stat().st_size > MAX_BYTES or not path.resolve().is_relative_to(root):
                return None
            return None if ignore.reason(path) else path.read_text(encoding="utf-8")
        except (OSError, ValueError):  # there is none, or it is no text
            return None

    return read


def _nothing(_: str) -> None:
    """Gives no file."""
