"""`textDocument/didOpen`, `didChange`, `didSave`, `didClose`: the mirror of the editor's documents."""

import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from lsprotocol import types

from lacuna_server.documents import OpenDocument
from lacuna_server.mirror import Encoding, Point, Text
from lacuna_server.session import Session
from lacuna_server.warming import warm

logger = logging.getLogger(__name__)


def did_open(session: Session, params: types.DidOpenTextDocumentParams) -> None:
    """Takes in a document. Ignore files are read again, for editors that do not watch them for us."""
    session.ignore.reload()
    item = params.text_document
    document = OpenDocument(item.uri, item.language_id, item.version, Text(item.text))
    session.documents[item.uri] = document
    session.keep(warm(session, document))


def did_change(session: Session, params: types.DidChangeTextDocumentParams) -> None:
    """Makes the same edits as the editor did."""
    document = session.documents.get(params.text_document.uri)
    if document is None:
        logger.warning("A document was changed that is not open.")
        return
    text, encoding, changes = document.text, session.editor.encoding, params.content_changes
    deleted_at: Point | None = None
    for change in changes:
        start = _start(change)
        deleted_at = text.point(start.line, start.character, encoding)
        text = _edited(text, change, encoding)
        session.note_edit(document.uri, start.line)
    session.documents[document.uri] = replace(
        document,
        version=params.text_document.version,
        text=text,
        deleted_at=None if any(change.text for change in changes) else deleted_at,
        num_cursors=_num_cursors(changes),
    )


def did_save(session: Session, params: types.DidSaveTextDocumentParams) -> None:
    """Reads ignore files again, as it may have been one of them."""
    session.ignore.reload()


def did_close(session: Session, params: types.DidCloseTextDocumentParams) -> None:
    """Forgets a document, and ends what is being done for it."""
    document = session.documents.get(params.text_document.uri)
    if document is not None:
        session.forget(document)


def _edited(text: Text, change: types.TextDocumentContentChangeEvent, encoding: Encoding) -> Text:
    if isinstance(change, types.TextDocumentContentChangeWholeDocument):
        return Text(change.text)
    start, end = change.range.start, change.range.end
    return text.edited(
        text.point(start.line, start.character, encoding), text.point(end.line, end.character, encoding), change.text
    )


def _start(change: types.TextDocumentContentChangeEvent) -> types.Position:
    if isinstance(change, types.TextDocumentContentChangeWholeDocument):
        return types.Position(0, 0)
    return change.range.start


def _num_cursors(changes: Sequence[types.TextDocumentContentChangeEvent]) -> int:
    """Lines that got the same text at once. Keys that were typed in turn go on where the last one ended."""
    lines: defaultdict[str, set[int]] = defaultdict(set)
    last: int | None = None
    for change in changes:
        line = _start(change).line
        if change.text and line != last:
            lines[change.text].add(line)
        last = line + change.text.count("\n")
    return max(map(len, lines.values()), default=1)
