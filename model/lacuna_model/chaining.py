"""Gaps that do not share a canvas, because they lie too far apart or gain nothing by it: one group after the other.

Inside a group the gaps are resolved together, each in sight of the others. From group to group knowledge flows to the
right alone: the fills of one stand in the prefix of the next. Gaps still to come are left out of the suffix, as if
nothing belonged there; were the suffix cut at the first of them, the model would take the cut for the text's end.
"""

import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from itertools import chain, zip_longest
from typing import TypeVar

from lacuna_model.config import DenoiserConfig
from lacuna_model.layout import MAX_CHARACTERS_PER_TOKEN, MIN_SUFFIX_TOKENS
from lacuna_model.request import InfillOptions, InfillRequest
from lacuna_model.result import DenoisingStep, Fill, InfillResult, Slot, StopReason, Timing
from lacuna_model.tokenizer import Tokenizer

USEFUL_SLOTS = 12
"""Slots that each gap must get for a canvas to be shared: most rests of a line are no longer."""

Steps = Generator[DenoisingStep, None, InfillResult]
"""A request being filled, step by step."""

Run = Callable[[InfillRequest, Callable[[], bool]], Steps]
"""Begins to fill a request; the second argument is asked whether it is cancelled."""

_WORST_FIRST: tuple[StopReason, ...] = ("cancelled", "deadline", "max_steps", "stable")

_PerGap = TypeVar("_PerGap")


def group_gaps(
    request: InfillRequest, tokenizer: Tokenizer, config: DenoiserConfig, num_needed: Sequence[int] | None = None
) -> list[range]:
    """Splits the gaps of a request into runs of neighbours, from left to right each as long as fits a canvas.

    A run fits if a canvas holds the text between its gaps, the head of the suffix, and for each gap as many slots as
    the one that needs most: `USEFUL_SLOTS`, or those of its draft or its constraint, and nowhere more than the gap's
    `max_tokens`. A single gap always fits.

    Args:
        request: all gaps.
        tokenizer: counts what stands between them.
        config: of the model whose canvas it is.
        num_needed: slots that each gap needs to obey its constraint; None: there are no constraints.
    """
    room = config.canvas_length - MIN_SUFFIX_TOKENS
    wanted = [
        min(most, max(USEFUL_SLOTS, _num_drafted(request, gap, tokenizer), num_needed[gap] if num_needed else 0))
        for gap, most in enumerate(request.max_tokens)
    ]
    groups = [range(1)]
    for gap in range(1, request.num_gaps):
        longer = range(groups[-1].start, gap + 1)
        level = max(wanted[each] for each in longer)
        num_slots = sum(min(request.max_tokens[each], level) for each in longer)
        if num_slots + _num_anchor_tokens(request, longer, room, tokenizer) <= room:
            groups[-1] = longer
        else:
            groups.append(range(gap, gap + 1))
    return groups


def run_chain(run: Run, request: InfillRequest, groups: Sequence[range], cancelled: Callable[[], bool]) -> Steps:
    """Fills group after group, from left to right, and yields all gaps after every step; later ones have no slots yet.

    Every group gets an equal share of the time and of the denoising steps that are left; a group that nothing is left
    for stays empty, unless it is the first or has a constraint to obey. What was filled is not changed any more: every
    candidate but the best differs from it in one group.

    Args:
        run: fills one group.
        request: all gaps.
        groups: runs of neighbouring gaps, from the first gap to the last.
        cancelled: handed on to `run`; once it answers True, the result is empty.
    """
    if len(groups) == 1:
        return (yield from run(request, cancelled))
    started = time.perf_counter()
    results: list[InfillResult] = []
    for number, group in enumerate(groups):
        best = [result.fills[0] for result in results]
        num_steps = sum(result.num_steps for result in results)
        elapsed_ms = 1000 * (time.perf_counter() - started)
        reason = _exhausted(request.options, elapsed_ms, num_steps)
        options = _share(request.options, len(groups) - number, elapsed_ms, num_steps)
        part = _part(request, group, best, options)
        if results and reason is not None and not any(part.constraints or ()):
            results.append(_unfilled(part.num_gaps, reason))
            continue
        steps = run(part, cancelled)
        result = yield from _among_all(steps, best, num_steps, request.num_gaps)
        results.append(result)
        if result.stop_reason == "cancelled":
            break
    return _joined(results, request.options.max_fills)


def _num_drafted(request: InfillRequest, gap: int, tokenizer: Tokenizer) -> int:
    draft = () if request.draft is None else request.draft[gap]
    return sum(1 if text is None else len(tokenizer.encode(text)) for text in draft)


def _num_anchor_tokens(request: InfillRequest, group: range, most: int, tokenizer: Tokenizer) -> int:
    """Tokens between the gaps of a group; of much too long texts only that they are more than `most`."""
    anchors = request.segments[group.start + 1 : group.stop]
    if sum(map(len, anchors)) > most * MAX_CHARACTERS_PER_TOKEN:
        return most + 1
    return sum(len(tokenizer.encode(text)) for text in anchors)


def _part(request: InfillRequest, group: range, best: Sequence[Fill], options: InfillOptions) -> InfillRequest:
    """The request for one group, the gaps before it filled, those behind it left out."""
    texts = [text for fill in best for text in fill.texts]
    before = "".join(chain.from_iterable(zip_longest(request.segments[: group.start + 1], texts, fillvalue="")))
    between = request.segments[group.start + 1 : group.stop]
    behind = "".join(request.segments[group.stop :])
    return replace(
        request,
        segments=(before, *between, behind),
        options=options,
        draft=_slice(request.draft, group),
        lengths=_slice(request.lengths, group),
        constraints=_slice(request.constraints, group),
    )


def _slice(per_gap: tuple[_PerGap, ...] | None, group: range) -> tuple[_PerGap, ...] | None:
    return None if per_gap is None else per_gap[group.start : group.stop]


def _exhausted(options: InfillOptions, elapsed_ms: float, num_steps: int) -> StopReason | None:
    """Which bound has been reached, if any."""
    if options.deadline_ms is not None and elapsed_ms >= options.deadline_ms:
        return "deadline"
    return "max_steps" if options.max_forwards is not None and num_steps >= options.max_forwards else None


def _share(options: InfillOptions, num_groups_left: int, elapsed_ms: float, num_steps: int) -> InfillOptions:
    """The options of a group: of what is left, one of so many equal shares."""
    deadline_ms, max_forwards = options.deadline_ms, options.max_forwards
    if deadline_ms is not None:
        deadline_ms = max(0.0, deadline_ms - elapsed_ms) / num_groups_left
    if max_forwards is not None:
        max_forwards = max(1, (max_forwards - num_steps) // num_groups_left)
    return replace(options, deadline_ms=deadline_ms, max_forwards=max_forwards)


def _among_all(steps: Steps, best: Sequence[Fill], num_steps: int, num_gaps: int) -> Steps:
    """Shows a group's steps together with the gaps before and behind it."""
    before = [tuple(Slot(token.text, token.confidence) for token in gap) for fill in best for gap in fill.tokens]
    while True:
        try:
            step = next(steps)
        except StopIteration as stop:
            result: InfillResult = stop.value
            return result
        behind = ((),) * (num_gaps - len(before) - len(step.gaps))
        yield DenoisingStep(num_steps + step.step, (*before, *step.gaps, *behind))


def _unfilled(num_gaps: int, reason: StopReason) -> InfillResult:
    return InfillResult(
        fills=(Fill(("",) * num_gaps, ((),) * num_gaps, 0.0),),
        num_steps=0,
        num_forwards=0,
        num_tokens=0,
        num_prefix_tokens=0,
        num_cached_tokens=0,
        stop_reason=reason,
        timing=Timing(0.0, 0.0, 0.0, 0.0),
    )


def _joined(results: Sequence[InfillResult], max_fills: int) -> InfillResult:
    """One result for all gaps: costs add up, and the worst reason to stop is told."""
    reasons = {result.stop_reason for result in results}
    stop_reason = next(reason for reason in _WORST_FIRST if reason in reasons)
    timings = [result.timing for result in results]
    fills = () if stop_reason == "cancelled" else _candidates([result.fills for result in results])[:max_fills]
    return InfillResult(
        fills=fills,
        num_steps=sum(result.num_steps for result in results),
        num_forwards=sum(result.num_forwards for result in results),
        num_tokens=sum(result.num_tokens for result in results) if fills else 0,
        num_prefix_tokens=sum(result.num_prefix_tokens for result in results),
        num_cached_tokens=sum(result.num_cached_tokens for result in results),
        stop_reason=stop_reason,
        timing=Timing(
            encode_ms=sum(timing.encode_ms for timing in timings),
            denoise_ms=sum(timing.denoise_ms for timing in timings),
            rank_ms=sum(timing.rank_ms for timing in timings),
            total_ms=sum(timing.total_ms for timing in timings),
        ),
    )


def _candidates(groups: Sequence[tuple[Fill, ...]]) -> tuple[Fill, ...]:
    """The best fill of every group, then what the alternatives of a single group make of it, best first."""
    best = [fills[0] for fills in groups]
    others = [
        _concatenated([*best[:number], alternative, *best[number + 1 :]])
        for number, fills in enumerate(groups)
        for alternative in fills[1:]
    ]
    return (_concatenated(best), *sorted(others, key=lambda fill: -fill.score))


def _concatenated(fills: Sequence[Fill]) -> Fill:
    return Fill(
        texts=tuple(text for fill in fills for text in fill.texts),
        tokens=tuple(gap for fill in fills for gap in fill.tokens),
        score=sum(fill.score for fill in fills),
        valid=_all_valid([fill.valid for fill in fills]),
    )


def _all_valid(judged: Sequence[bool | None]) -> bool | None:
    return False if False in judged else None if None in judged else True
