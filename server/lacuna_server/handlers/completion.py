"""`textDocument/completion`: the same suggestion for editors that have no ghost text, as an entry of their menu."""

from lsprotocol import types

from lacuna_server.pipeline import Ask, suggest
from lacuna_server.reasons import Reason
from lacuna_server.replies import inline_items, point_of
from lacuna_server.session import Session


async def completion(session: Session, params: types.CompletionParams) -> types.CompletionList:
    """Suggests at the cursor; the menu has to ask again after every key."""
    document = session.documents.get(params.text_document.uri)
    if document is None or not session.settings.completion:
        return types.CompletionList(is_incomplete=True, items=[])
    ask = Ask(document, point_of(session, document, params.position), session.settings.length, automatic=True)
    found = await session.latest(document.uri, suggest(session, ask))
    if isinstance(found, Reason):
        session.note_nothing(document.uri, found)
        return types.CompletionList(is_incomplete=True, items=[])
    items = [_entry(item) for item in inline_items(session, document, *found)]
    return types.CompletionList(is_incomplete=True, items=items)


def _entry(item: types.InlineCompletionItem) -> types.CompletionItem:
    text, place = item.insert_text, item.range
    assert isinstance(text, str) and place is not None
    lines = text.strip().splitlines()
    return types.CompletionItem(
        label=lines[0] + (" …" if len(lines) > 1 else ""),
        kind=types.CompletionItemKind.Text,
        detail="Lacuna",
        documentation=text,
        filter_text=text,
        text_edit=types.TextEdit(place, text),
        command=item.command,
    )
