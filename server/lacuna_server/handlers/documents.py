"""`textDocument/didOpen`, `didChange`, `didSave`, `didClose`: the mirror of the editor's documents."""

import logging
from dataclasses import replace

from lsprotocol import types

from lacuna_server.documents import OpenDocument
from lacuna_server.mirror import Encoding, Text
from lacuna_server.session import Session

logger = logging.getLogger(__name__)


def did_open(session: Session, params: types.DidOpenTextDocumentParams) -> None:
    """Takes in a document. Ignore files are read again, for editors that do not watch them for us."""
    session.ignore.reload()
    item = params.text_document
    session.documents[item.uri] = OpenDocument(item.uri, item.language_id, item.version, Text(item.text))


def did_change(session: Session, params: types.DidChangeTextDocumentParams) -> None:
    """Makes the same edits as the editor did."""
    document = session.documents.get(params.text_document.uri)
    if document is None:
        logger.warning("A document was changed that is not open.")
        return
    text, encoding = document.text, session.editor.encoding
    for change in params.content_changes:
        text = _edited(text, change, encoding)
        session.note_edit(document.uri, _line(change))
    session.documents[document.uri] = replace(
        document,
        version=params.text_document.version,
        text=text,
        is_shortened=not any(change.text for change in params.content_changes),
    )


def did_save(session: Session, params: types.DidSaveTextDocumentParams) -> None:
    """Reads ignore files again, as it may have been one of them."""
    session.ignore.reload()


def did_close(session: Session, params: types.DidCloseTextDocumentParams) -> None:
    """Forgets a document."""
    session.documents.pop(params.text_document.uri, None)
    session.neighbours.pop(params.text_document.uri, None)
    session.memory.forget(params.text_document.uri)


def _edited(text: Text, change: types.TextDocumentContentChangeEvent, encoding: Encoding) -> Text:
    if isinstance(change, types.TextDocumentContentChangeWholeDocument):
        return Text(change.text)
    start, end = change.range.start, change.range.end
    return text.edited(
        text.point(start.line, start.character, encoding), text.point(end.line, end.character, encoding), change.text
    )


def _line(change: types.TextDocumentContentChangeEvent) -> int:
    return 0 if isinstance(change, types.TextDocumentContentChangeWholeDocument) else change.range.start.line
