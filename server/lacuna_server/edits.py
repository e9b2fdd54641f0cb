"""From gaps in a document to an edit that fills all of them, or to the reason why there is none."""

from collections.abc import Sequence

from lacuna_server.documents import OpenDocument
from lacuna_server.engine.protocol import MAX_TOKENS, MAX_WORK, FillCall
from lacuna_server.extent import choose_extent
from lacuna_server.messages import Filled
from lacuna_server.mirror import Window
from lacuna_server.neighbourhood import context_of
from lacuna_server.neighbours.document import with_line_feeds
from lacuna_server.reasons import Reason
from lacuna_server.replies import gaps_filled
from lacuna_server.session import Session
from lacuna_server.suggestion.tokens import aligned
from lacuna_server.suggestion.values import Value

EDIT = "edit"
"""The channel of edits: what is asked for at the cursor does not supersede them."""

CHARACTERS_A_TOKEN = 2
"""Tokens asked for in the place of a text: more than it has, about 3.5 characters each, as its length is no limit.

A very long text gets as many as an engine gives, whatever its length.
"""


async def fill_gaps(
    session: Session, document: OpenDocument, window: Window, gaps: Sequence[tuple[int, int]]
) -> Filled | Reason:
    """Fills gaps of a document with one call.

    Args:
        session: whose document it is.
        document: where the gaps are.
        window: the part of it that is looked at.
        gaps: offsets in the window, (start, end), in order.
    """
    if (reason := session.reason_to_leave_alone(document)) is not None:
        return reason
    (start, _), (_, end) = gaps[0], gaps[-1]
    block = choose_extent(window.text[:start], window.text[end:], document.language_id, "block")
    longest = max(end - start for start, end in gaps)
    context = await context_of(session, document, window, gaps)
    call = FillCall(
        context.segments,
        language=document.language,
        client=session.name,
        document=document.edit_key,
        max_tokens=min(max(block.max_tokens, longest // CHARACTERS_A_TOKEN), MAX_TOKENS, MAX_WORK // len(gaps)),
        syntax=True,
    )
    result = await session.connection.fill(call)
    if isinstance(result, Reason):
        return result
    if session.is_outdated(document):
        return Reason.SUPERSEDED
    if not result.fills:
        return Reason.EMPTY
    best = result.fills[0]
    texts = map(with_line_feeds, best.texts)
    changes = [
        (window.point(start), window.point(end), Value(text, aligned(text, tokens)))
        for (start, end), text, tokens in zip(gaps, texts, best.tokens, strict=True)
    ]
    return gaps_filled(session, document, changes)
