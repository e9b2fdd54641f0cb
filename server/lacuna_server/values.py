"""From a place in a document and a format to values for it."""

from typing import Any

from lacuna_server.documents import OpenDocument
from lacuna_server.engine.protocol import FillCall, ResultEvent
from lacuna_server.mirror import Window
from lacuna_server.neighbourhood import context_of
from lacuna_server.reasons import Reason
from lacuna_server.session import Session

MAX_TOKENS = 128
"""Of a value."""


async def fill_value(
    session: Session,
    document: OpenDocument,
    window: Window,
    gap: tuple[int, int],
    constraint: dict[str, Any],
    *,
    key: str,
    num_candidates: int = 1,
    deadline_ms: float | None = None,
) -> ResultEvent | Reason:
    """Asks the engine for values of a format.

    Args:
        session: whose document it is.
        document: where the value belongs.
        window: the part of it that is looked at.
        gap: offsets in the window, (start, end).
        constraint: the format.
        key: of the document; a newer call with it supersedes this one.
        num_candidates: most values.
        deadline_ms: time to answer in, milliseconds.

    Raises:
        EngineRefusedError: the format is wrong, is not supported, or leaves no value.
    """
    context = await context_of(session, document, window, [gap])
    call = FillCall(
        context.segments,
        language=document.language,
        client=session.name,
        document=key,
        max_tokens=MAX_TOKENS,
        num_candidates=num_candidates,
        deadline_ms=deadline_ms,
        constraints=(constraint,),
    )
    return await session.connection.fill(call)
