"""Has the head of a document encoded as soon as it is opened, so that its first suggestion comes sooner."""

from lacuna_server.context import PREFIX_BUDGET, build_context
from lacuna_server.documents import OpenDocument
from lacuna_server.engine.protocol import WarmCall
from lacuna_server.session import Session


async def warm(session: Session, document: OpenDocument) -> None:
    """Sends what is before any cursor in the document's head: the prefix of each of them begins like it."""
    if not session.settings_of(document).automatic or session.reason_to_leave_alone(document) is not None:
        return
    text = document.around(0).text
    end = min(PREFIX_BUDGET, len(text))
    context = build_context(text, [(end, end)], language=document.language)
    await session.connection.warm(WarmCall(context.segments[0], document.language, session.name, document.key))
