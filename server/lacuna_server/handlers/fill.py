"""`lacuna/fillSelection` and `lacuna/fillGaps`: edits that fill a selection or all markers."""

from lsprotocol.types import WorkspaceEdit

from lacuna_server.edits import EDIT, fill_gaps
from lacuna_server.engine.protocol import MAX_GAPS
from lacuna_server.errors import UserError
from lacuna_server.files import Source
from lacuna_server.gaps import find_gaps
from lacuna_server.messages import Filled, FillGapsParams, FillSelectionParams
from lacuna_server.reasons import Reason
from lacuna_server.replies import open_document, point_of
from lacuna_server.session import Session

NO_GAPS = "no-gaps"


async def fill_selection(session: Session, params: FillSelectionParams) -> Filled:
    """Fills the place of a range."""
    document = open_document(session, params.text_document)
    start, end = sorted(point_of(session, document, place) for place in (params.range.start, params.range.end))
    window = document.text.window()
    work = fill_gaps(session, document, window, [(window.offset(start), window.offset(end))])
    return _filled(session, document.uri, await session.latest(document.uri, work, EDIT))


async def fill_marked_gaps(session: Session, params: FillGapsParams) -> Filled:
    """Fills the places of all markers."""
    document = open_document(session, params.text_document)
    window = document.text.window()
    source = Source(document.name or "The document", document.path, b"", window.text, newline="\n")
    try:
        gaps = find_gaps(source, start=None, end=None, marker=None)
        if len(gaps.spans) > MAX_GAPS:
            raise UserError(f"{source.name} has {len(gaps.spans)} gaps; mark at most {MAX_GAPS} at a time.")
    except UserError as error:
        return Filled(None, NO_GAPS, str(error))
    work = fill_gaps(session, document, window, gaps.spans)
    return _filled(session, document.uri, await session.latest(document.uri, work, EDIT))


def _filled(session: Session, uri: str, result: WorkspaceEdit | Reason) -> Filled:
    if isinstance(result, Reason):
        session.note_nothing(uri, result)
        return Filled(None, result.value, result.description)
    return Filled(result)
