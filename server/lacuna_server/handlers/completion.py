"""`textDocument/completion`: the same suggestion for editors that have no ghost text, as an entry of their menu."""

from lsprotocol import types

from lacuna_server.documents import OpenDocument
from lacuna_server.pipeline import Ask, suggest
from lacuna_server.reasons import Reason
from lacuna_server.replies import inline_items, localized, point_of
from lacuna_server.session import Session


async def completion(session: Session, params: types.CompletionParams) -> types.CompletionList:
    """Suggests at the cursor; the menu has to ask again after every key.

    The protocol does not tell a menu that the user opened from one that opened while typing, so the setting `automatic`
    has no say here: when menus open is for the editor's own settings to decide.
    """
    document = session.documents.get(params.text_document.uri)
    if document is None or not session.settings.completion:
        return types.CompletionList(is_incomplete=True, items=[])
    cursor, wanted = point_of(session, document, params.position), session.settings_of(document).length
    ask = Ask(document, cursor, wanted, automatic=True)
    found = await session.latest(document.uri, suggest(session, ask), ask=ask)
    if isinstance(found, Reason):
        session.note_nothing(document.uri, found)
        return types.CompletionList(is_incomplete=True, items=[])
    items = [_entry(document, item) for item in inline_items(session, document, *found)]
    return types.CompletionList(is_incomplete=True, items=items)


def _entry(document: OpenDocument, item: types.InlineCompletionItem) -> types.CompletionItem:
    """An entry with the text as it is: editors would indent the lines behind its first once more."""
    text, place = item.insert_text, item.range
    assert isinstance(text, str) and place is not None
    lines = text.strip().splitlines()
    return types.CompletionItem(
        label=lines[0] + (" …" if len(lines) > 1 else ""),
        kind=types.CompletionItemKind.Text,
        detail="Lacuna",
        documentation=text,
        filter_text=text,
        insert_text_mode=types.InsertTextMode.AsIs,
        text_edit=types.TextEdit(place, localized(text, document)),
        command=item.command,
    )
