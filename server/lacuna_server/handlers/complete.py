"""`lacuna/complete` and `lacuna/alternatives`: suggestions of a given length, and several of them."""

from lacuna_server.messages import AlternativesParams, CompleteParams, Suggested
from lacuna_server.pipeline import Ask, suggest
from lacuna_server.reasons import Reason
from lacuna_server.replies import inline_items, open_document, point_of
from lacuna_server.session import Session

MAX_ALTERNATIVES = 16


async def complete(session: Session, params: CompleteParams) -> Suggested:
    """Suggests as much as is asked for."""
    document = open_document(session, params.text_document)
    return await _suggested(session, Ask(document, point_of(session, document, params.position), params.length))


async def alternatives(session: Session, params: AlternativesParams) -> Suggested:
    """Suggests different ways to go on, as far as there are."""
    document = open_document(session, params.text_document)
    cursor = point_of(session, document, params.position)
    num_candidates = min(max(params.count, 1), MAX_ALTERNATIVES)
    wanted = session.settings_of(document).length
    return await _suggested(session, Ask(document, cursor, wanted, num_candidates=num_candidates))


async def _suggested(session: Session, ask: Ask) -> Suggested:
    found = await session.latest(ask.document.uri, suggest(session, ask), ask=ask)
    if isinstance(found, Reason):
        session.note_nothing(ask.document.uri, found)
        return Suggested([], found.value, found.description)
    return Suggested(inline_items(session, ask.document, *found))
