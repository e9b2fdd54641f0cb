"""Fills that keep a program's syntax: ask, judge, and let the denoiser correct what is wrong, for a few rounds."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import accumulate, chain, islice

from lacuna_model.chaining import Run, Steps
from lacuna_model.constraints.syntax import Fault, SyntaxCheck, pieces_of
from lacuna_model.errors import InputError
from lacuna_model.request import InfillRequest
from lacuna_model.result import Fill, InfillResult, Timing, Token

NUM_FILLS = 4
"""Fills of each round, of which one has to parse."""

NUM_CORRECTIONS = 2
"""Rounds after the first."""

NUM_TOKENS_BEFORE_FAULT = 3
"""Tokens before a fault that are masked with it: a parser notices an error behind its cause."""

NUM_SLOTS_OF_NAME = 4
"""Open slots for each name in a simple fill, with more to spare where the model can delete."""

NUM_CUTS = 8
"""Beginnings of each candidate that are tried when no round has brought one that parses."""


def run_with_syntax(run: Run, request: InfillRequest, cancelled: Callable[[], bool]) -> Steps:
    """Fills the gaps of a request with what keeps the text's syntax, and yields the canvas after every step.

    In the first round the candidates are judged that have competed anyway. The best that parses is taken, or else the
    longest run of whole lines of one. If there is none, a further round masks the best candidate again from a little
    before its error on, so that the denoiser corrects itself. The last round gives what the text around the gap
    demands, as the simplest fill shows it: an indentation, a header's colon, brackets. The denoiser writes the rest.
    Limits of the request hold for all rounds together.

    If no round brings a fill that parses, a beginning of one is taken, or at last a simple fill that nobody predicted.

    Args:
        run: fills a request without regard to its syntax.
        request: the text and its gaps.
        cancelled: asked before every step; once it answers True, the result is empty.

    Returns:
        The fills, those that parse first, and what all rounds have cost.
    """
    check = SyntaxCheck.of(request.segments, request.language)
    options = replace(request.options, syntax=False)
    if check is None:
        return (yield from run(replace(request, options=options), cancelled))
    rounds = _Rounds(request, check)
    options = replace(options, num_spares=max(0, NUM_FILLS - options.num_candidates))
    asked: InfillRequest | None = replace(request, options=options)
    while asked is not None:
        try:
            result = yield from _numbered(run(asked, cancelled), rounds.num_steps)
        except InputError:
            if not rounds.results:
                raise
            break  # a draft that is longer, tokenised apart, than its gap may get
        rounds.add(result)
        if result.stop_reason == "cancelled":
            return rounds.result(())
        asked = rounds.next_request(asked)
    return rounds.result(rounds.best())


def _numbered(steps: Steps, num_before: int) -> Steps:
    """Counts the steps of a round after those of the rounds before."""
    while True:
        try:
            step = next(steps)
        except StopIteration as stop:
            result: InfillResult = stop.value
            return result
        yield replace(step, step=num_before + step.step)


@dataclass(slots=True)
class _Rounds:
    """What the rounds of one request have brought so far."""

    request: InfillRequest
    check: SyntaxCheck
    started: float = field(default_factory=time.perf_counter)
    results: list[InfillResult] = field(default_factory=list)
    valid: list[Fill] = field(default_factory=list)
    broken: list[tuple[Fill, Fault]] = field(default_factory=list)
    num_broken_before: int = 0

    @property
    def is_constrained(self) -> bool:
        """Whether fills obey constraints of their own: then they are asked for anew, and never cut or continued."""
        return any(self.request.constraints or ())

    @property
    def num_steps(self) -> int:
        return sum(result.num_steps for result in self.results)

    def add(self, result: InfillResult) -> None:
        """Judges the fills of a round."""
        self.results.append(result)
        self.num_broken_before = len(self.broken)
        shorter: list[Fill] = []
        for fill in result.fills if len(self.results) == 1 else map(_unjudged, result.fills):
            fault = self.check.fault(fill.texts)
            if fault is None:
                self.valid.append(replace(fill, valid=True))
            else:
                self.broken.append((replace(fill, valid=False), fault))
                if not self.is_constrained:
                    shorter += self._longest_sound_lines(fill, fault.gap)
        if not self.valid:
            self.valid = shorter

    def _longest_sound_lines(self, fill: Fill, gap: int) -> Iterator[Fill]:
        for text in _whole_lines(fill.texts[gap], self.request.segments[gap + 1]):
            if self.check.fault((*fill.texts[:gap], text, *fill.texts[gap + 1 :])) is None:
                yield _cut(fill, gap, text)
                return

    def next_request(self, asked: InfillRequest) -> InfillRequest | None:
        """The next round's request; None if there is enough, or no time or pass left for more."""
        fresh = self.broken[self.num_broken_before :]
        if self.valid or not fresh or len(self.results) > NUM_CORRECTIONS:
            return None
        options, last = self.request.options, self.results[-1]
        ms_left, max_forwards = self._ms_left(), options.max_forwards
        if ms_left is not None and ms_left < (last.timing.denoise_ms + last.timing.rank_ms) / max(1, last.num_steps):
            return None
        if max_forwards is not None:
            max_forwards -= self.num_steps
            if max_forwards < 1:
                return None
        fill, fault = fresh[0]
        options = replace(
            asked.options,
            deadline_ms=ms_left,
            max_forwards=max_forwards,
            seed=(options.seed + len(self.results)) % 2**63,
        )
        try:
            return replace(asked, options=options, draft=None if self.is_constrained else self._draft(fill, fault))
        except InputError:
            return None  # the gap may not even hold what would be kept and one token

    def _draft(self, fill: Fill, fault: Fault) -> tuple[tuple[str | None, ...], ...]:
        """The fill, its faulty gap open from a little before the fault on; in the last round with a simple end."""
        start, end = _kept(fill, fault), ""
        if len(self.results) == NUM_CORRECTIONS:
            start, end = self._simple(fill, fault) or (start, end)
        drafts: list[tuple[str | None, ...]] = [(text,) if text else () for text in fill.texts]
        drafts[fault.gap] = ((start,) if start else ()) + _opened(end)
        return tuple(drafts)

    def _simple(self, fill: Fill, fault: Fault) -> tuple[str, str] | None:
        """What to keep of a faulty gap's text, if anything, and a simple end with which it parses; None if unknown."""
        kept, max_lines = _kept(fill, fault), self.request.options.max_lines
        for start in (kept, "") if kept.strip() else ("",):
            end = self.check.completion((*fill.texts[: fault.gap], start, *fill.texts[fault.gap + 1 :]), fault.gap)
            if end is not None and (max_lines is None or (start + end).count("\n") < max_lines):
                return start, end
        return None

    def _ms_left(self) -> float | None:
        deadline_ms = self.request.options.deadline_ms
        return None if deadline_ms is None else deadline_ms - 1000 * (time.perf_counter() - self.started)

    def best(self) -> tuple[Fill, ...]:
        """Distinct fills, as many as were asked for, valid ones first."""
        valid = self.valid or ([] if self.is_constrained else self._sound_beginning() or self._simplest())
        fills: dict[tuple[str, ...], Fill] = {}
        for fill in (*valid, *(fill for fill, _ in self.broken)):
            fills.setdefault(fill.texts, fill)
        return tuple(fills.values())[: self.request.options.max_fills]

    def _sound_beginning(self) -> list[Fill]:
        """What is left of a candidate that is cut before its fault, if anything sound is found in time."""
        beginnings = (
            (fill, fault.gap, text)
            for fill, fault in self.broken
            for text in islice(_beginnings(fill, fault), NUM_CUTS)
        )
        for fill, gap, text in beginnings:
            ms_left = self._ms_left()
            if ms_left is not None and ms_left < 0:
                break
            sound = self._closed(_cut(fill, gap, text), gap)
            if sound is not None:
                return [sound]
        return []

    def _simplest(self) -> list[Fill]:
        """A beginning of a candidate with a simple end, or that end alone, if there is time left to find it."""
        for fill, fault in self.broken:
            ms_left = self._ms_left()
            if ms_left is not None and ms_left < 0:
                break
            if (simple := self._simple(fill, fault)) is not None:
                start, end = simple
                return [_continued(_cut(fill, fault.gap, start), fault.gap, end)]
        return []

    def _closed(self, fill: Fill, gap: int) -> Fill | None:
        """The fill if it is sound, or else with the brackets that one gap leaves open closed, if it is sound then."""
        for closing in ("", *self.check.closings(fill.texts, gap)):
            closed = _continued(fill, gap, closing)
            if self.check.fault(closed.texts) is None:
                return closed
        return None

    def result(self, fills: tuple[Fill, ...]) -> InfillResult:
        """Sums up."""
        first, last = self.results[0], self.results[-1]
        timings = [result.timing for result in self.results]
        return InfillResult(
            fills=fills,
            num_steps=self.num_steps,
            num_forwards=sum(result.num_forwards for result in self.results),
            num_tokens=sum(len(gap) for gap in fills[0].tokens) if fills else 0,
            num_prefix_tokens=first.num_prefix_tokens,
            num_cached_tokens=first.num_cached_tokens,
            stop_reason=last.stop_reason,
            timing=Timing(
                encode_ms=sum(timing.encode_ms for timing in timings),
                denoise_ms=sum(timing.denoise_ms for timing in timings),
                rank_ms=sum(timing.rank_ms for timing in timings),
                total_ms=1000 * (time.perf_counter() - self.started),
            ),
        )


def _whole_lines(text: str, following: str) -> Iterator[str]:
    """The text without its last lines, longest first, as long as it holds any."""
    lines = text.split("\n")
    for num_lines in range(len(lines) - 1, 0, -1):
        cut = "\n".join(lines[:num_lines])
        if cut.strip():
            yield cut if following.startswith("\n") else cut + "\n"


def _cut(fill: Fill, gap: int, text: str) -> Fill:
    """A valid fill of which one gap's text is only a beginning."""
    starts = _starts(fill, gap)
    num_tokens = next((number for number, start in enumerate(starts) if start >= len(text)), len(starts) - 1)
    return Fill(
        texts=(*fill.texts[:gap], text, *fill.texts[gap + 1 :]),
        tokens=(*fill.tokens[:gap], fill.tokens[gap][:num_tokens], *fill.tokens[gap + 1 :]),
        score=fill.score,
        valid=True,
        probability=_unjudged(fill).probability,
    )


def _continued(fill: Fill, gap: int, end: str) -> Fill:
    """A fill with one gap's text continued by what nobody predicted."""
    added = (Token(end, 0.0),) if end else ()
    return replace(
        _unjudged(fill),
        texts=(*fill.texts[:gap], fill.texts[gap] + end, *fill.texts[gap + 1 :]),
        tokens=(*fill.tokens[:gap], fill.tokens[gap] + added, *fill.tokens[gap + 1 :]),
    )


def _unjudged(fill: Fill) -> Fill:
    """A fill whose text was corrected: what could be told of it held for what the denoiser wrote by itself."""
    return replace(fill, log_following=None, probability=None if fill.probability is None else 0.0)


def _starts(fill: Fill, gap: int) -> list[int]:
    """Where each token of a gap begins in its text, and where the last one ends."""
    return [0, *accumulate(len(token.text) for token in fill.tokens[gap])]


def _beginnings(fill: Fill, fault: Fault) -> Iterator[str]:
    """The gap's text up to each token before the fault's end, longest first, as long as it holds any."""
    text = fill.texts[fault.gap]
    for start in reversed(_starts(fill, fault.gap)):
        if start <= fault.end and (beginning := text[:start].rstrip()):
            yield beginning


def _kept(fill: Fill, fault: Fault) -> str:
    """The faulty gap's text up to a little before its fault."""
    starts = _starts(fill, fault.gap)
    num_sound = sum(start <= fault.start for start in starts) - 1
    return fill.texts[fault.gap][: starts[max(0, num_sound - NUM_TOKENS_BEFORE_FAULT)]]


def _opened(end: str) -> tuple[str | None, ...]:
    """A simple end as a draft, open where anything may stand."""
    *pieces, last = pieces_of(end)
    slots = chain.from_iterable((None,) * NUM_SLOTS_OF_NAME if piece is None else (piece,) for piece in pieces)
    return (*slots, last)
