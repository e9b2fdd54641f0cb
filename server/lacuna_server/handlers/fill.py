"""`lacuna/fillSelection` and `lacuna/fillGaps`: edits that fill selections or all markers."""

from collections.abc import Iterable, Sequence

from pygls.exceptions import JsonRpcInvalidParams

from lacuna_server.documents import OpenDocument
from lacuna_server.edits import EDIT, fill_gaps
from lacuna_server.engine.protocol import MAX_GAPS
from lacuna_server.errors import UserError
from lacuna_server.files import Source
from lacuna_server.gaps import find_gaps
from lacuna_server.messages import Filled, FillGapsParams, FillSelectionParams
from lacuna_server.mirror import Window
from lacuna_server.reasons import Reason
from lacuna_server.replies import open_document, point_of
from lacuna_server.session import Session

NO_GAPS = "no-gaps"


async def fill_selection(session: Session, params: FillSelectionParams) -> Filled:
    """Fills the place of a range, or of several."""
    document = open_document(session, params.text_document)
    window = document.text.window()
    ranges = params.ranges or [each for each in [params.range] if each is not None]
    points = [[point_of(session, document, place) for place in (each.start, each.end)] for each in ranges]
    gaps = _joined((window.offset(min(ends)), window.offset(max(ends))) for ends in points)
    if len(gaps) > MAX_GAPS:
        raise JsonRpcInvalidParams(f"There are {len(gaps)} ranges; give at most {MAX_GAPS} at a time.")
    return await _filled(session, document, window, gaps)


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
        return Filled(None, reason=NO_GAPS, message=str(error))
    return await _filled(session, document, window, gaps.spans)


def _joined(gaps: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Gaps in their order, those that meet or overlap as one: between two gaps there has to be some text."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(gaps):
        if joined and start <= joined[-1][1]:
            start, last = joined.pop()
            end = max(end, last)
        joined.append((start, end))
    return joined


async def _filled(session: Session, document: OpenDocument, window: Window, gaps: Sequence[tuple[int, int]]) -> Filled:
    found = await session.latest(document.uri, fill_gaps(session, document, window, gaps), EDIT)
    if isinstance(found, Reason):
        session.note_nothing(document.uri, found)
        return Filled(None, reason=found.value, message=found.description)
    return found
