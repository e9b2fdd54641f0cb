"""From a place in a document to suggestions, or to the reason why there are none: a function for each stage."""

import asyncio
import time
from dataclasses import dataclass

from lacuna_server.context import build_context
from lacuna_server.delay import next_delay
from lacuna_server.documents import OpenDocument
from lacuna_server.engine.protocol import FillCall, ResultEvent
from lacuna_server.extent import Extent, Wanted, choose_extent
from lacuna_server.logs import content_log
from lacuna_server.mirror import Point, Window
from lacuna_server.neighbourhood import neighbours_of
from lacuna_server.reasons import Reason
from lacuna_server.session import Session
from lacuna_server.suggestion import Suggestion, indentation_of, suggestion_of
from lacuna_server.syntax import Scope, is_prose, scope_at
from lacuna_server.triggers import Place, reason_not_to_ask


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked for.

    Attributes:
        document: as it is, or as it would be with what is selected in a menu.
        cursor: a place in it.
        wanted: how much.
        automatic: nobody pressed a key for it.
        num_candidates: most suggestions.
    """

    document: OpenDocument
    cursor: Point
    wanted: Wanted = "auto"
    automatic: bool = False
    num_candidates: int = 1


@dataclass(frozen=True, slots=True)
class View:
    """The document around the cursor. Offsets are those of `window.text`, which is `prefix + suffix`."""

    window: Window
    prefix: str
    suffix: str


def view_of(document: OpenDocument, cursor: Point) -> View:
    """What is looked at for an answer."""
    window = document.around(cursor.line)
    offset = window.offset(cursor)
    return View(window, window.text[:offset], window.text[offset:])


async def suggest(session: Session, ask: Ask) -> tuple[View, tuple[Suggestion, ...]] | Reason:
    """Suggestions for a place, best first, and the view that they were made for."""
    document = ask.document
    if (reason := session.reason_to_leave_alone(document)) is not None:
        return reason
    view = view_of(document, ask.cursor)
    if ask.num_candidates == 1 and ask.wanted == session.settings.length:
        known = session.memory.recall(document.uri, view.prefix, view.suffix)
        if known is not None:
            return view, (known,)
    if ask.automatic:
        if (reason := _reason_not_to_ask(session, ask, view)) is not None:
            return reason
        await asyncio.sleep(_delay(session, ask, view))
    extent = choose_extent(view.prefix, view.suffix, document.language_id, ask.wanted)
    result = await _fill(session, ask, view, extent)
    if isinstance(result, Reason):
        return result
    chosen = _choose(session, ask, view, extent, result)
    if session.is_outdated(document):
        return Reason.SUPERSEDED
    return chosen if isinstance(chosen, Reason) else (view, chosen)


def _reason_not_to_ask(session: Session, ask: Ask, view: View) -> Reason | None:
    if not session.settings.automatic:
        return Reason.ON_DEMAND
    language = ask.document.language_id
    return reason_not_to_ask(Place(view.prefix, view.suffix, language, lone_deletion=ask.document.is_shortened))


def _delay(session: Session, ask: Ask, view: View) -> float:
    """Seconds to wait for the next key, whose request will supersede this one."""
    language = ask.document.language_id
    in_prose = is_prose(language) or scope_at(view.window.text, len(view.prefix), language) is Scope.COMMENT
    return next_delay(session.pace, base=session.settings.delay_ms / 1000, in_prose=in_prose)


async def _fill(session: Session, ask: Ask, view: View, extent: Extent) -> ResultEvent | Reason:
    """Asks the engine."""
    document, gap = ask.document, (len(view.prefix), len(view.prefix))
    neighbours = neighbours_of(session, document, view.window, gap)
    context = build_context(
        view.window.text,
        [gap],
        language=document.language,
        path=session.shown_path(document) if neighbours else None,
        neighbours=neighbours,
    )
    draft = session.memory.draft(document.uri, view.prefix, view.suffix)
    call = FillCall(
        context.segments,
        language=document.language,
        client=session.name,
        document=document.key,
        max_tokens=max(extent.max_tokens, 0 if draft is None else len(draft)),
        max_lines=extent.max_lines,
        num_candidates=ask.num_candidates,
        deadline_ms=session.settings.deadline_ms if ask.automatic else None,
        draft=None if draft is None else (draft,),
    )
    content_log.debug("Asked behind %r.", view.prefix[-80:])
    asked_at = time.monotonic()
    result = await session.connection.fill(call)
    if isinstance(result, ResultEvent):
        session.pace = session.pace.answered(time.monotonic() - asked_at)
    return result


def _choose(
    session: Session, ask: Ask, view: View, extent: Extent, result: ResultEvent
) -> tuple[Suggestion, ...] | Reason:
    """What of a result is worth showing. It is remembered, also for when the user has typed the beginning of it."""
    document, indentation = ask.document, indentation_of(view.window.text)
    reason: Reason = Reason.DEADLINE if result.stop_reason == "deadline" else Reason.EMPTY
    chosen: dict[str, Suggestion] = {}
    for fill in result.fills:
        content_log.debug("Got %r.", fill.texts)
        judged = suggestion_of(
            fill,
            view.prefix,
            view.suffix,
            document.language_id,
            extent,
            indentation,
            min_confidence=session.settings.min_confidence if ask.automatic else 0.0,
        )
        if isinstance(judged, Reason):
            reason = judged
        else:
            chosen.setdefault(judged.insert_text, judged)
    for suggestion in reversed(chosen.values()):
        session.memory.remember(document.uri, view.prefix, view.suffix, suggestion)
    return tuple(chosen.values()) or reason
