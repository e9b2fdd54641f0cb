"""`textDocument/inlineCompletion`: ghost text."""

from dataclasses import dataclass, replace

from lsprotocol import types

from lacuna_server.documents import OpenDocument
from lacuna_server.engine.protocol import TokenOut
from lacuna_server.mirror import Point
from lacuna_server.pipeline import Ask, View, suggest, typed_through
from lacuna_server.reasons import Reason
from lacuna_server.replies import inline_item, inline_items, point_of
from lacuna_server.session import Session
from lacuna_server.suggestion import Suggestion


async def inline_completion(session: Session, params: types.InlineCompletionParams) -> list[types.InlineCompletionItem]:
    """Suggests at the cursor. Nothing to suggest is an empty list, which clears what is shown.

    Where suggestions are made only when asked for, other requests end no work.
    """
    document = session.documents.get(params.text_document.uri)
    if document is None:
        return []
    automatic = params.context.trigger_kind is types.InlineCompletionTriggerKind.Automatic
    cursor = point_of(session, document, params.position)
    ask = Ask(document, cursor, session.settings_of(document).length, automatic)
    entry = _entry(session, document, params.context.selected_completion_info)
    if entry is not None:
        ask = entry.put_into(ask)
    if automatic and not session.settings_of(document).automatic:
        found = typed_through(session, ask)
    else:
        found = await session.latest(document.uri, suggest(session, ask), ask=ask)
    if isinstance(found, Reason):
        session.note_nothing(document.uri, found)
        return []
    view, suggestions = found
    if entry is None:
        return inline_items(session, document, view, suggestions)
    return [entry.item(session, ask, view, suggestion) for suggestion in suggestions]


@dataclass(frozen=True, slots=True)
class _Entry:
    """What is selected in the completion menu: ghost text has to begin with it, or it is not shown."""

    document: OpenDocument
    start: Point
    end: Point
    text: str

    def put_into(self, ask: Ask) -> Ask:
        """Asks as if the entry were in the document already."""
        document = replace(self.document, text=self.document.text.edited(self.start, self.end, self.text))
        return replace(ask, document=document, cursor=Point(self.start.line, self.start.column + len(self.text)))

    def item(self, session: Session, ask: Ask, view: View, suggestion: Suggestion) -> types.InlineCompletionItem:
        """The entry and what comes behind it."""
        num_replaced = view.window.point(suggestion.end).column - ask.cursor.column
        end = Point(self.end.line, self.end.column + num_replaced)
        tokens = (TokenOut(self.text, 1.0), *suggestion.tokens)
        return inline_item(session, self.document, self.start, end, tokens)


def _entry(session: Session, document: OpenDocument, selected: types.SelectedCompletionInfo | None) -> _Entry | None:
    if selected is None or "\n" in selected.text or "\r" in selected.text:
        return None
    start, end = (point_of(session, document, place) for place in (selected.range.start, selected.range.end))
    return _Entry(document, start, end, selected.text) if start.line == end.line and start <= end else None
