"""Suggestions and edits as the protocol has them."""

from collections.abc import Sequence

from lsprotocol import types
from pygls.exceptions import JsonRpcInvalidParams

from lacuna_server.documents import OpenDocument
from lacuna_server.engine.protocol import TokenOut
from lacuna_server.messages import Filled, SnippetMade
from lacuna_server.mirror import Encoding, Point, Text
from lacuna_server.pipeline import View
from lacuna_server.session import Session
from lacuna_server.suggestion import Suggestion
from lacuna_server.suggestion.tokens import text_of
from lacuna_server.suggestion.values import Value
from lacuna_server.uncertainty import uncertain_after

ACCEPTED_COMMAND = "lacuna.accepted"


def open_document(session: Session, identifier: types.TextDocumentIdentifier) -> OpenDocument:
    """A document by its URI. Raises JsonRpcInvalidParams when it is not open."""
    try:
        return session.documents[identifier.uri]
    except KeyError:
        raise JsonRpcInvalidParams("The document is not open.") from None


def point_of(session: Session, document: OpenDocument, position: types.Position) -> Point:
    """The place that a client's position stands for."""
    return document.text.point(position.line, position.character, session.editor.encoding)


def range_of(text: Text, start: Point, end: Point, encoding: Encoding) -> types.Range:
    """A range as a client counts."""
    return types.Range(
        types.Position(start.line, text.character(start, encoding)),
        types.Position(end.line, text.character(end, encoding)),
    )


def inline_item(
    session: Session, document: OpenDocument, start: Point, end: Point, tokens: Sequence[TokenOut]
) -> types.InlineCompletionItem:
    """Tokens as ghost text in the place of a range. A client runs its command once all of it was accepted.

    Its lines end at line feeds: editors split it there, and save a document with the line breaks that it has.
    """
    text, encoding = text_of(tokens), session.editor.encoding
    span = range_of(document.text, start, end, encoding)
    uncertain = uncertain_after([(span, tokens)], encoding)
    accepted = {"textDocument": {"uri": document.uri}, "length": len(text), "uncertain": uncertain}
    return types.InlineCompletionItem(
        insert_text=text,
        range=span,
        command=types.Command("Suggestion accepted", ACCEPTED_COMMAND, arguments=[accepted]),
    )


def inline_items(
    session: Session, document: OpenDocument, view: View, suggestions: Sequence[Suggestion]
) -> list[types.InlineCompletionItem]:
    """Suggestions as ghost text."""
    return [
        inline_item(session, document, view.window.point(found.start), view.window.point(found.end), found.tokens)
        for found in suggestions
    ]


def workspace_edit(
    session: Session, document: OpenDocument, changes: Sequence[tuple[Point, Point, str]]
) -> types.WorkspaceEdit:
    """An edit of one document that tells, where the client can read it, which version it is for."""
    encoding = session.editor.encoding
    edits = [
        types.TextEdit(range_of(document.text, start, end, encoding), localized(new, document))
        for start, end, new in changes
    ]
    if session.editor.takes_versioned_edits:
        return _versioned_edit(document, edits)
    return types.WorkspaceEdit(changes={document.uri: edits})


def gaps_filled(session: Session, document: OpenDocument, changes: Sequence[tuple[Point, Point, Value]]) -> Filled:
    """Values in the places of ranges, which are in order."""
    encoding = session.editor.encoding
    edit = workspace_edit(session, document, [(start, end, value.text) for start, end, value in changes])
    filled = ((range_of(document.text, start, end, encoding), value.tokens) for start, end, value in changes)
    return Filled(edit, uncertain_after(filled, encoding))


def snippet_made(
    session: Session, document: OpenDocument, place: tuple[Point, Point], value: Value, takes_snippets: bool | None
) -> SnippetMade:
    """A value in the place of a range; `takes_snippets`: of the client, None: as its capabilities say."""
    start, end = place
    span = range_of(document.text, start, end, session.editor.encoding)
    snippet = localized(value.snippet, document)
    edit = workspace_edit(session, document, [(start, end, value.text)])
    if session.editor.takes_snippet_edits:
        edit = _versioned_edit(document, [types.SnippetTextEdit(span, types.StringValue(snippet))])
    if session.editor.takes_snippets if takes_snippets is None else takes_snippets:
        return SnippetMade(edit, span, snippet, types.InsertTextFormat.Snippet)
    return SnippetMade(edit, span, localized(value.text, document))


def _versioned_edit(
    document: OpenDocument, edits: Sequence[types.TextEdit | types.SnippetTextEdit]
) -> types.WorkspaceEdit:
    identifier = types.OptionalVersionedTextDocumentIdentifier(document.uri, document.version)
    return types.WorkspaceEdit(document_changes=[types.TextDocumentEdit(identifier, edits)])


def localized(text: str, document: OpenDocument) -> str:
    """A text with the line breaks of a document."""
    return text.replace("\n", document.text.newline)
