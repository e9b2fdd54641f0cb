from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lacuna_model.chaining import USEFUL_SLOTS, group_gaps, run_chain
from lacuna_model.config import DenoiserConfig, GenerationConfig
from lacuna_model.constraints.kinds import Choice, Constraint
from lacuna_model.errors import InputError
from lacuna_model.infill import Infiller, never
from lacuna_model.layout import MIN_SUFFIX_TOKENS, lay_out, share_slots
from lacuna_model.prefix_cache import PrefixCache
from lacuna_model.request import InfillOptions, InfillRequest
from lacuna_model.result import DenoisingStep, Fill, InfillResult, Slot, StopReason, Timing, Token
from lacuna_model.tokenizer import Tokenizer
from lacuna_model.transformer.denoiser import Denoiser

CANVAS = 64  # 48 positions for slots and the text between gaps
GENERATION = GenerationConfig(num_denoising_steps=8, t_min=0.0, t_max=0.0, confidence=0.05)
ConfigFactory = Callable[..., DenoiserConfig]


def ask(
    *segments: str, lengths: tuple[int | None, ...] | None = None, draft: Any = None, **options: Any
) -> InfillRequest:
    return InfillRequest(segments, "python", InfillOptions(**options), "document", draft, lengths)


def exhaust(steps: Generator[DenoisingStep, None, InfillResult]) -> tuple[list[DenoisingStep], InfillResult]:
    found = []
    while True:
        try:
            found.append(next(steps))
        except StopIteration as stop:
            return found, stop.value


def singles(request: InfillRequest) -> list[range]:
    return [range(gap, gap + 1) for gap in range(request.num_gaps)]


def fill(*texts: str, score: float = 0.0) -> Fill:
    return Fill(texts, tuple((Token(text, 0.5),) if text else () for text in texts), score)


def result(*fills: Fill, num_steps: int = 2, stop_reason: StopReason = "stable") -> InfillResult:
    num_tokens = sum(map(len, fills[0].tokens)) if fills else 0
    return InfillResult(fills, num_steps, num_steps + 1, num_tokens, 10, 4, stop_reason, Timing(1.0, 2.0, 3.0, 6.0))


@dataclass
class Script:
    """Answers with results that were written down, each after as many milliseconds as were given."""

    results: Sequence[InfillResult]
    durations_ms: Sequence[float] = ()
    requests: list[InfillRequest] = field(default_factory=list)
    now: float = 1000.0

    def run(
        self, request: InfillRequest, cancelled: Callable[[], bool]
    ) -> Generator[DenoisingStep, None, InfillResult]:
        number = len(self.requests)
        self.requests.append(request)
        answer = self.results[number]
        for step in range(1, answer.num_steps + 1):
            yield DenoisingStep(step, ((Slot(None, 0.0),),) * request.num_gaps)
        self.now += self.durations_ms[number] / 1000 if self.durations_ms else 0.0
        return answer


@pytest.fixture
def infiller(tiny_config: ConfigFactory, tiny_denoiser: Callable[..., Denoiser], byte_tokenizer: Tokenizer) -> Infiller:
    return Infiller(tiny_denoiser(tiny_config(canvas_length=CANVAS)), byte_tokenizer, GENERATION)


@pytest.mark.parametrize(
    ("request_", "sizes"),
    [
        (ask("a", "b"), [1]),
        (ask("a", "b" * 1_000_000, "c"), [1, 1]),
        (ask("a", "b" * 24, "c"), [2]),
        (ask("a", "b" * 25, "c"), [1, 1]),
        (ask("", "", "", "", ""), [4]),
        (ask("", "", "", "", "", ""), [4, 1]),
        (ask("a", "b" * 25, "c", "d" * 24, "e"), [1, 2, 1]),
        (ask("a", "b", "c" * 50, "d", "e"), [2, 2]),
        (ask("a", "b" * 38, "c", max_tokens=5), [2]),
        (ask("a", "b" * 39, "c", max_tokens=5), [1, 1]),
        (ask("a", "b" * 33, "c", lengths=(3, None)), [2]),
        (ask("a", "b" * 34, "c", lengths=(3, None)), [1, 1]),
        (ask("a", "b" * 24, "c", lengths=(30, 30)), [2]),
        (ask("a", "b" * 8, "c", draft=(("x" * 20,), (None,))), [2]),
        (ask("a", "b" * 9, "c", draft=(("x" * 20,), (None,))), [1, 1]),
        (ask("a", "b" * 25, "c", draft=(("x" * 20,), (None,)), lengths=(None, 3)), [2]),
    ],
)
def test_neighbours_share_a_canvas_that_has_room_for_them(
    request_: InfillRequest, sizes: list[int], tiny_config: ConfigFactory, byte_tokenizer: Tokenizer
) -> None:
    groups = group_gaps(request_, byte_tokenizer, tiny_config(canvas_length=CANVAS))
    assert [len(group) for group in groups] == sizes
    assert [gap for group in groups for gap in group] == list(range(request_.num_gaps))


@pytest.mark.parametrize(("num_needed", "num_groups"), [((0, 0), 1), ((20, 0), 1), ((21, 0), 2), ((60, 0), 2)])
def test_a_constraint_gets_the_slots_it_needs(
    num_needed: tuple[int, int], num_groups: int, tiny_config: ConfigFactory, byte_tokenizer: Tokenizer
) -> None:
    config = tiny_config(canvas_length=CANVAS)
    assert len(group_gaps(ask("a", "b" * 8, "c"), byte_tokenizer, config, num_needed)) == num_groups
    assert len(group_gaps(ask("a", "b" * 8, "c", max_tokens=20), byte_tokenizer, config, num_needed)) == 1


@given(
    anchors=st.lists(st.integers(0, 40), max_size=7),
    lengths=st.lists(st.none() | st.integers(1, 40), min_size=8, max_size=8),
    max_tokens=st.integers(1, 48),
)
def test_every_shared_canvas_has_useful_slots_and_room_for_the_suffix(
    tiny_config: ConfigFactory,
    byte_tokenizer: Tokenizer,
    anchors: list[int],
    lengths: list[int | None],
    max_tokens: int,
) -> None:
    segments = ["p", *("-" * length for length in anchors), "s" * 100]
    request = ask(*segments, lengths=tuple(lengths[: len(anchors) + 1]), max_tokens=max_tokens)
    config = tiny_config(canvas_length=CANVAS)
    for group in group_gaps(request, byte_tokenizer, config):
        part = ask(*segments[group.start : group.stop + 1], lengths=request.max_tokens[group.start : group.stop])
        layout = lay_out(part, byte_tokenizer, config, GENERATION, 2048)
        canvas, num_suffix_tokens = layout.canvas([layout.max_slots], torch.device("cpu"))
        slots = [int((canvas.gaps == gap).sum()) for gap in range(part.num_gaps)]
        assert all(num >= min(most, USEFUL_SLOTS) for num, most in zip(slots, part.max_tokens, strict=True))
        assert all(num <= most for num, most in zip(slots, part.max_tokens, strict=True))
        if group.stop < request.num_gaps:  # otherwise the suffix may be all of the text
            continue
        assert canvas.ids.shape[1] == CANVAS and int(num_suffix_tokens[0]) >= MIN_SUFFIX_TOKENS


@given(st.data())
def test_given_text_never_changes(data: st.DataObject) -> None:
    words = st.text(alphabet="ab\n", max_size=4)
    segments = tuple(data.draw(st.lists(words, min_size=2, max_size=8)))
    num_gaps = len(segments) - 1
    cuts = sorted({0, num_gaps, *data.draw(st.sets(st.integers(1, num_gaps)))})
    groups = [range(start, stop) for start, stop in pairwise(cuts)]
    texts = [f"<{gap}>" for gap in range(num_gaps)]
    script = Script([result(fill(*(texts[gap] for gap in group))) for group in groups])
    _, joined = exhaust(run_chain(script.run, ask(*segments), groups, never))
    assert joined.fills[0].texts == tuple(texts)
    for group, part in zip(groups, script.requests, strict=True):
        assert part.num_gaps == len(group)
        given_text = "".join(part.segments)
        for gap in range(group.start):
            given_text = given_text.replace(texts[gap], "", 1)
        assert given_text == "".join(segments)
        first = "".join(map("".join, zip(segments, texts[: group.start], strict=False))) + segments[group.start]
        assert part.segments[0] == first
        assert part.segments[1:-1] == segments[group.start + 1 : group.stop]


def test_what_fits_one_canvas_is_asked_as_it_is() -> None:
    request, answer = ask("a", "b", "c", deadline_ms=5.0), result(fill("x", "y"), fill("z", "y"))
    script = Script([answer])
    steps, joined = exhaust(run_chain(script.run, request, [range(2)], never))
    assert script.requests[0] is request and joined is answer
    assert [step.step for step in steps] == [1, 2]


def test_a_model_fills_one_canvas_as_without_a_chain(infiller: Infiller) -> None:
    request = ask("a = ", "\n", "b", max_tokens=5, num_candidates=3)
    groups = group_gaps(request, infiller.tokenizer, infiller.denoiser.config)
    steps, chained = exhaust(run_chain(infiller.run, request, groups, never))
    expected_steps, expected = exhaust(infiller.run(request))
    assert steps == expected_steps and chained.fills == expected.fills


def test_a_model_sees_the_fills_of_earlier_groups(infiller: Infiller) -> None:
    segments = ("def f(", "\n" + "#" * 60 + "\n", ")\n")
    request = ask(*segments, max_tokens=6)
    groups = group_gaps(request, infiller.tokenizer, infiller.denoiser.config)
    assert groups == [range(1), range(1, 2)]
    infiller.cache = PrefixCache(infiller.denoiser, 1 << 30, block_size=1)
    _, chained = exhaust(run_chain(infiller.run, request, groups, never))
    first = infiller.infill(ask(segments[0], segments[1] + segments[2], max_tokens=6)).fills[0].texts[0]
    second = infiller.infill(ask(segments[0] + first + segments[1], segments[2], max_tokens=6)).fills[0].texts[0]
    assert chained.fills[0].texts == (first, second)
    assert chained.num_cached_tokens > 0


def test_costs_add_up_and_the_worst_reason_is_told() -> None:
    answers = [result(fill("x")), result(fill("y"), num_steps=3, stop_reason="max_steps"), result(fill(""))]
    request = ask("a", "b", "c", "d")
    _, joined = exhaust(run_chain(Script(answers).run, request, singles(request), never))
    assert (joined.num_steps, joined.num_forwards, joined.num_tokens) == (7, 10, 2)
    assert (joined.num_prefix_tokens, joined.num_cached_tokens) == (30, 12)
    assert joined.timing == Timing(3.0, 6.0, 9.0, 18.0)
    assert joined.stop_reason == "max_steps"
    assert joined.fills[0].texts == ("x", "y", "")
    assert [len(tokens) for tokens in joined.fills[0].tokens] == [1, 1, 0]


def test_steps_show_all_gaps() -> None:
    request = ask("a", "b", "c", "d")
    script = Script([result(fill("x", "y"), num_steps=1), result(fill("z"))])
    steps, _ = exhaust(run_chain(script.run, request, [range(2), range(2, 3)], never))
    masked, known = (Slot(None, 0.0),), [(Slot(text, 0.5),) for text in "xy"]
    assert [step.step for step in steps] == [1, 2, 3]
    assert [step.gaps for step in steps] == [(masked, masked, ()), (*known, masked), (*known, masked)]


def test_alternatives_differ_from_the_best_in_one_group() -> None:
    answers = [
        result(fill("a", score=-1.0), fill("b", score=-3.0)),
        result(fill("c", score=-2.0), fill("d", score=-2.5)),
    ]
    expected = [(("a", "c"), -3.0), (("a", "d"), -3.5), (("b", "c"), -5.0)]
    for most in (1, 2, 3, 9):
        request = ask("", "", "", num_candidates=most)
        _, joined = exhaust(run_chain(Script(answers).run, request, singles(request), never))
        assert [(each.texts, each.score) for each in joined.fills] == expected[:most]


@pytest.mark.parametrize(
    ("judged", "expected"),
    [((True, True), True), ((True, False), False), ((None, True), None), ((None, False), False), ((None, None), None)],
)
def test_a_fill_is_valid_if_all_its_groups_are(judged: tuple[bool | None, ...], expected: bool | None) -> None:
    answers = [result(replace(fill("x"), valid=valid)) for valid in judged]
    request = ask("a", "b", "c")
    _, joined = exhaust(run_chain(Script(answers).run, request, singles(request), never))
    assert joined.fills[0].valid is expected


def test_drafts_and_lengths_go_with_their_gaps() -> None:
    draft = (("x",), (None,), ("y", None))
    request = ask("a", "b", "c", "d", draft=draft, lengths=(3, None, 5), max_tokens=9)
    script = Script([result(fill("1", "2")), result(fill("3"))])
    exhaust(run_chain(script.run, request, [range(2), range(2, 3)], never))
    assert [part.draft for part in script.requests] == [draft[:2], draft[2:]]
    assert [part.max_tokens for part in script.requests] == [(3, 9), (5,)]
    assert all(part.options == request.options for part in script.requests)
    assert {(part.document, part.language) for part in script.requests} == {("document", "python")}


@pytest.mark.parametrize(
    ("deadline_ms", "durations_ms", "shares", "texts", "stop_reason"),
    [
        (300.0, (100.0, 100.0, 100.0), [100.0, 100.0, 100.0], ("x", "y", "z"), "stable"),
        (300.0, (20.0, 40.0, 10.0), [100.0, 140.0, 240.0], ("x", "y", "z"), "stable"),
        (300.0, (200.0, 150.0, 0.0), [100.0, 50.0], ("x", "y", ""), "deadline"),
        (0.0, (50.0, 0.0, 0.0), [0.0], ("x", "", ""), "deadline"),
    ],
)
def test_groups_share_the_time(
    monkeypatch: pytest.MonkeyPatch,
    deadline_ms: float,
    durations_ms: tuple[float, ...],
    shares: list[float],
    texts: tuple[str, ...],
    stop_reason: StopReason,
) -> None:
    script = Script([result(fill(text)) for text in "xyz"], durations_ms)
    monkeypatch.setattr("lacuna_model.chaining.time.perf_counter", lambda: script.now)
    request = ask("a", "b", "c", "d", deadline_ms=deadline_ms)
    _, joined = exhaust(run_chain(script.run, request, singles(request), never))
    assert [part.options.deadline_ms for part in script.requests] == pytest.approx(shares)
    assert (joined.fills[0].texts, joined.stop_reason) == (texts, stop_reason)
    assert joined.fills[0].tokens[2] == (() if not texts[2] else (Token("z", 0.5),))


@pytest.mark.parametrize(
    ("max_forwards", "nums_steps", "shares", "texts", "stop_reason"),
    [
        (9, (3, 3, 3), [3, 3, 3], ("x", "y", "z"), "stable"),
        (9, (1, 2, 6), [3, 4, 6], ("x", "y", "z"), "stable"),
        (2, (1, 1, 1), [1, 1], ("x", "y", ""), "max_steps"),
    ],
)
def test_groups_share_the_forward_passes(
    max_forwards: int,
    nums_steps: tuple[int, ...],
    shares: list[int],
    texts: tuple[str, ...],
    stop_reason: StopReason,
) -> None:
    script = Script([result(fill(text), num_steps=num) for text, num in zip("xyz", nums_steps, strict=True)])
    request = ask("a", "b", "c", "d", max_forwards=max_forwards)
    _, joined = exhaust(run_chain(script.run, request, singles(request), never))
    assert [part.options.max_forwards for part in script.requests] == shares
    assert (joined.fills[0].texts, joined.stop_reason) == (texts, stop_reason)
    assert joined.num_steps <= max_forwards


def test_time_that_is_up_leaves_later_gaps_of_a_model_empty(infiller: Infiller) -> None:
    request = ask("a", "-" * 60, "-" * 60, "d", deadline_ms=0.0, max_tokens=6)
    groups = group_gaps(request, infiller.tokenizer, infiller.denoiser.config)
    _, joined = exhaust(run_chain(infiller.run, request, groups, never))
    assert (joined.num_steps, joined.stop_reason, joined.fills[0].texts[1:]) == (1, "deadline", ("", ""))


def test_a_constraint_is_obeyed_even_when_time_is_up() -> None:
    constraints: tuple[Constraint | None, ...] = (None, Choice(("y", "z")), None)
    request = replace(ask("a", "b", "c", "d", max_forwards=1), constraints=constraints)
    script = Script([result(fill("x"), num_steps=1), result(fill("y"), num_steps=1)])
    _, joined = exhaust(run_chain(script.run, request, singles(request), never))
    assert [part.constraints for part in script.requests] == [(None,), (Choice(("y", "z")),)]
    assert joined.fills[0].texts == ("x", "y", "")


def test_cancelling_ends_the_chain() -> None:
    answers = [result(fill("x")), result(stop_reason="cancelled", num_steps=1), result(fill("z"))]
    script = Script(answers)
    request = ask("a", "b", "c", "d")
    _, joined = exhaust(run_chain(script.run, request, singles(request), lambda: len(script.requests) == 2))
    assert len(script.requests) == 2
    assert (joined.fills, joined.stop_reason, joined.num_steps, joined.num_tokens) == ((), "cancelled", 3, 0)


@given(st.lists(st.integers(1, 60), min_size=1, max_size=8), st.integers(-50, 200))
def test_slots_are_shared_without_waste(max_tokens: list[int], room: int) -> None:
    share = share_slots(max_tokens, room)
    taken = sum(min(most, share) for most in max_tokens)
    assert share <= max(max_tokens)
    if share > 8:
        assert taken <= room
    if share < max(max_tokens):
        assert share >= 8 and sum(min(most, share + 1) for most in max_tokens) > room
    uniform = [max_tokens[0]] * len(max_tokens)
    assert share_slots(uniform, room) == min(uniform[0], max(room // len(uniform), 8))


def test_a_gap_of_few_tokens_leaves_its_slots_to_the_others(
    tiny_config: ConfigFactory, byte_tokenizer: Tokenizer
) -> None:
    request = ask("a", "-" * 8, "z" * 100, lengths=(4, None))
    layout = lay_out(request, byte_tokenizer, tiny_config(canvas_length=CANVAS), GENERATION, 2048)
    canvas, _ = layout.canvas([layout.max_slots, 2], torch.device("cpu"))
    assert [(row == 0).sum().item() for row in canvas.gaps] == [4, 2]
    assert [(row == 1).sum().item() for row in canvas.gaps] == [32, 2]


@pytest.mark.parametrize("lengths", [(4,), (4, 4, 4), (4, 0), (-1, 4)])
def test_lengths_that_are_not_of_these_gaps_are_refused(lengths: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="length"):
        ask("a", "b", "c", lengths=lengths)


def test_a_draft_longer_than_its_gap_is_refused() -> None:
    with pytest.raises(InputError, match="longer than max_tokens, 2"):
        ask("a", "b", "c", draft=((None,), (None, None, None)), lengths=(None, 2))
