"""`lacuna/snippet`: a value of a format, which the client names or the document gives to the place."""

from lacuna_server.document_formats import format_at
from lacuna_server.edits import EDIT
from lacuna_server.engine.errors import EngineRefusedError
from lacuna_server.engine.protocol import ResultEvent
from lacuna_server.messages import SnippetMade, SnippetParams
from lacuna_server.reasons import Reason
from lacuna_server.replies import open_document, point_of, snippet_made
from lacuna_server.session import Session
from lacuna_server.suggestion.values import Value
from lacuna_server.values import fill_value

NO_FORMAT = "no-format"
NO_FORMAT_SAID = "No schema says which format belongs there, or no value stands or begins there; name a format."
BAD_FORMAT = "bad-format"


async def snippet(session: Session, params: SnippetParams) -> SnippetMade:
    """Makes a value."""
    document = open_document(session, params.text_document)
    if (reason := session.reason_to_leave_alone(document)) is not None:
        return _nothing(session, document.uri, reason)
    places = (params.position,) * 2 if params.range is None else (params.range.start, params.range.end)
    start, end = sorted(point_of(session, document, place) for place in places if place is not None)
    window = document.text.window()
    gap = window.offset(start), window.offset(end)
    constraint = params.constraint
    if constraint is None:
        constraint = format_at(session, document, window, gap, is_asked=True)
    if constraint is None:
        return SnippetMade(None, reason=NO_FORMAT, message=NO_FORMAT_SAID)
    work = fill_value(session, document, window, gap, constraint, key=document.edit_key)
    try:
        result = await session.latest(document.uri, work, EDIT)
    except EngineRefusedError as error:
        return SnippetMade(None, reason=BAD_FORMAT, message=str(error))
    if isinstance(result, ResultEvent) and session.is_outdated(document):
        result = Reason.SUPERSEDED
    if isinstance(result, Reason) or not result.fills:
        return _nothing(session, document.uri, result if isinstance(result, Reason) else Reason.EMPTY)
    return snippet_made(session, document, (start, end), Value.of(result.fills[0]), params.snippets)


def _nothing(session: Session, uri: str, reason: Reason) -> SnippetMade:
    session.note_nothing(uri, reason)
    return SnippetMade(None, reason=reason.value, message=reason.description)
