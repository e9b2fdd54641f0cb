"""From a place in a document to suggestions, or to the reason why there are none: a function for each stage."""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from lacuna_server.delay import next_delay
from lacuna_server.document_formats import format_at
from lacuna_server.documents import OpenDocument
from lacuna_server.engine.errors import EngineRefusedError
from lacuna_server.engine.protocol import FillCall, FillOut, ResultEvent
from lacuna_server.extent import Extent, Wanted, choose_extent
from lacuna_server.logs import content_log
from lacuna_server.mirror import Point, Window
from lacuna_server.neighbourhood import context_of
from lacuna_server.reasons import Reason
from lacuna_server.reuse import Found, Kept
from lacuna_server.session import Session
from lacuna_server.suggestion import Suggestion, indentation_of, suggestion_of
from lacuna_server.suggestion.values import suggestion_of_value
from lacuna_server.syntax import Scope, is_prose, scope_at
from lacuna_server.triggers import Place, reason_not_to_ask
from lacuna_server.values import fill_value

logger = logging.getLogger(__name__)


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


def typed_through(session: Session, ask: Ask) -> tuple[View, tuple[Suggestion, ...]] | Reason:
    """What is left of a suggestion that the user is typing, where none is to be made by itself."""
    if (reason := session.reason_to_leave_alone(ask.document)) is not None:
        return reason
    view = view_of(ask.document, ask.cursor)
    known = _recalled(session, ask, view, must_be_typed=True)
    return Reason.ON_DEMAND if known is None else (view, (known,))


async def suggest(session: Session, ask: Ask) -> tuple[View, tuple[Suggestion, ...]] | Reason:
    """Suggestions for a place, best first, and the view that they were made for."""
    document = ask.document
    if (reason := session.reason_to_leave_alone(document)) is not None:
        return reason
    view = view_of(document, ask.cursor)
    if (known := _recalled(session, ask, view)) is not None:
        return view, (known,)
    if ask.automatic:
        if (reason := _reason_not_to_ask(ask, view)) is not None:
            return reason
        await asyncio.sleep(_delay(session, ask, view))
    chosen = await _values(session, ask, view)
    if chosen is None:
        chosen = await _texts(session, ask, view)
    if session.is_outdated(document):
        return Reason.SUPERSEDED
    return chosen if isinstance(chosen, Reason) else (view, chosen)


def _recalled(session: Session, ask: Ask, view: View, must_be_typed: bool = False) -> Suggestion | None:
    """What memory holds of what would be suggested.

    Somebody who asks for it gets nothing that a deadline left coarse, and nothing of another length. What was shown
    for whatever reason may be typed through.
    """

    def is_wanted(found: Found) -> bool:
        kept = found.kept
        if not ask.automatic:
            return kept.is_final and kept.wanted == ask.wanted
        is_sure = kept.suggestion.is_sure(session.settings_of(ask.document).min_confidence)
        return bool(found.typed) or (not must_be_typed and kept.wanted == ask.wanted and is_sure)

    if ask.num_candidates > 1:
        return None
    return session.memory.recall(ask.document.uri, view.prefix, view.suffix, is_wanted)


def _reason_not_to_ask(ask: Ask, view: View) -> Reason | None:
    document = ask.document
    is_deletion = document.deleted_at == ask.cursor
    return reason_not_to_ask(
        Place(view.prefix, view.suffix, document.language_id, document.num_cursors, lone_deletion=is_deletion)
    )


def _delay(session: Session, ask: Ask, view: View) -> float:
    """Seconds to wait for the next key, whose request will supersede this one."""
    language = ask.document.language_id
    in_prose = is_prose(language) or scope_at(view.window.text, len(view.prefix), language) is Scope.COMMENT
    return next_delay(session.pace, base=session.settings_of(ask.document).delay_ms / 1000, in_prose=in_prose)


async def _values(session: Session, ask: Ask, view: View) -> tuple[Suggestion, ...] | Reason | None:
    """Values of the format that the document gives to the place; None where it gives none, or none that can be used."""
    document, cursor = ask.document, len(view.prefix)
    constraint = format_at(session, document, view.window, (cursor, cursor))
    if constraint is None:
        return None
    try:
        result = await fill_value(
            session,
            document,
            view.window,
            (cursor, cursor),
            constraint,
            key=document.key,
            num_candidates=ask.num_candidates,
            deadline_ms=session.settings_of(document).deadline_ms if ask.automatic else None,
        )
    except EngineRefusedError as error:
        logger.info("The schema of a document cannot be used at the cursor; it is filled without.")
        content_log.info("The schema cannot be used: %s", error)
        return None
    if isinstance(result, Reason):
        return result
    return _choose(session, ask, view, result, lambda fill: suggestion_of_value(fill, cursor, _least(session, ask)))


async def _texts(session: Session, ask: Ask, view: View) -> tuple[Suggestion, ...] | Reason:
    """What belongs there, as much of it as is wanted."""
    extent = choose_extent(view.prefix, view.suffix, ask.document.language_id, ask.wanted)
    result = await _fill(session, ask, view, extent)
    if isinstance(result, Reason):
        return result
    indentation = indentation_of(view.window.text, ask.document.language_id)

    def judge(fill: FillOut) -> Suggestion | Reason:
        return suggestion_of(
            fill,
            view.prefix,
            view.suffix,
            ask.document.language_id,
            extent,
            indentation,
            min_confidence=_least(session, ask),
        )

    return _choose(session, ask, view, result, judge)


def _least(session: Session, ask: Ask) -> float:
    """The confidence that a suggestion must have."""
    return session.settings_of(ask.document).min_confidence if ask.automatic else 0.0


async def _fill(session: Session, ask: Ask, view: View, extent: Extent) -> ResultEvent | Reason:
    """Asks the engine."""
    document, cursor = ask.document, len(view.prefix)
    context = await context_of(session, document, view.window, [(cursor, cursor)])
    draft = session.memory.draft(document.uri, view.prefix, view.suffix)
    call = FillCall(
        context.segments,
        language=document.language,
        client=session.name,
        document=document.key,
        max_tokens=max(extent.max_tokens, 0 if draft is None else len(draft)),
        max_lines=extent.max_lines,
        num_candidates=ask.num_candidates,
        deadline_ms=session.settings_of(document).deadline_ms if ask.automatic else None,
        draft=None if draft is None else (draft,),
        syntax=True,
    )
    content_log.debug("Asked behind %r.", view.prefix[-80:])
    asked_at = time.monotonic()
    result = await session.connection.fill(call)
    if isinstance(result, ResultEvent):
        session.pace = session.pace.answered(time.monotonic() - asked_at)
    return result


def _choose(
    session: Session, ask: Ask, view: View, result: ResultEvent, judge: Callable[[FillOut], Suggestion | Reason]
) -> tuple[Suggestion, ...] | Reason:
    """What of a result is worth showing. It is remembered, also for when the user has typed the beginning of it."""
    is_final = result.stop_reason != "deadline"
    reason: Reason = Reason.EMPTY if is_final else Reason.DEADLINE
    chosen: dict[str, Suggestion] = {}
    for fill in result.fills:
        content_log.debug("Got %r.", fill.texts)
        judged = judge(fill)
        if isinstance(judged, Reason):
            reason = judged
        else:
            chosen.setdefault(judged.insert_text, judged)
    for suggestion in reversed(chosen.values()):
        session.memory.remember(ask.document.uri, view.prefix, view.suffix, Kept(suggestion, ask.wanted, is_final))
    return tuple(chosen.values()) or reason
