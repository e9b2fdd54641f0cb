import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from lacuna_model.chaining import Steps
from lacuna_model.config import GenerationConfig
from lacuna_model.constraints.kinds import Choice
from lacuna_model.constraints.syntax import SyntaxCheck
from lacuna_model.errors import InputError
from lacuna_model.evaluation.documents import Document
from lacuna_model.evaluation.syntax_comparison import compare_syntax
from lacuna_model.infill import Infiller, never
from lacuna_model.request import InfillOptions, InfillRequest
from lacuna_model.result import DenoisingStep, Fill, InfillResult, Slot, StopReason, Timing, Token
from lacuna_model.syntax_rounds import NUM_CORRECTIONS, NUM_FILLS, NUM_SLOTS_OF_NAME, run_with_syntax
from lacuna_model.tokenizer import Tokenizer
from lacuna_model.transformer.denoiser import Denoiser

STEPS_PER_ROUND = 3
UNPREDICTED = Fill(("x",), ((Token("x", 0.0),),), 0.0, valid=True)


def fill(*texts: str, score: float = 0.0) -> Fill:
    """A fill with a token for every character."""
    return Fill(texts, tuple(tuple(Token(character, 0.5) for character in text) for text in texts), score)


class Script:
    """Answers each round as it was told, and remembers what it was asked."""

    def __init__(self, *rounds: Sequence[Fill], seconds: float = 0.0, stop_reason: StopReason = "stable") -> None:
        self.rounds = rounds
        self.seconds = seconds
        self.stop_reason = stop_reason
        self.requests: list[InfillRequest] = []

    def run(
        self, request: InfillRequest, cancelled: Callable[[], bool]
    ) -> Generator[DenoisingStep, None, InfillResult]:
        self.requests.append(request)
        fills = tuple(self.rounds[len(self.requests) - 1])
        for step in range(STEPS_PER_ROUND):
            if cancelled():
                return InfillResult((), step, step, 0, 7, 5, "cancelled", Timing(1, 2, 3, 6))
            time.sleep(self.seconds / STEPS_PER_ROUND)
            yield DenoisingStep(step + 1, ((Slot("x", 1.0),),))
        timing = Timing(1, 2 + 1000 * self.seconds, 3, 6)
        return InfillResult(fills, STEPS_PER_ROUND, 4, len(fills[0].tokens[0]), 7, 5, self.stop_reason, timing)


def drive(steps: Steps) -> tuple[list[DenoisingStep], InfillResult]:
    seen = []
    while True:
        try:
            seen.append(next(steps))
        except StopIteration as stop:
            return seen, stop.value


def ask(script: Script, segments: tuple[str, ...] = ("x = ", "\n"), **changes: Any) -> InfillResult:
    options = InfillOptions(**{"syntax": True, **changes})
    return drive(run_with_syntax(script.run, InfillRequest(segments, "python", options, "a.py"), never))[1]


def texts(result: InfillResult) -> list[str]:
    return [fill.texts[0] for fill in result.fills]


def test_a_sound_first_answer_costs_no_further_round() -> None:
    script = Script([fill("1")])
    result = ask(script)
    assert result.fills == (replace(fill("1"), valid=True),)
    assert len(script.requests) == 1
    assert script.requests[0].draft is None and not script.requests[0].options.syntax
    assert script.requests[0].document == "a.py"


def test_an_unknown_language_is_filled_as_ever() -> None:
    script = Script([fill("= =")])
    options = InfillOptions(syntax=True, num_candidates=2)
    _, result = drive(run_with_syntax(script.run, InfillRequest(("a ", "\n"), "text", options), never))
    assert result.fills == (fill("= ="),)
    assert script.requests == [InfillRequest(("a ", "\n"), "text", InfillOptions(num_candidates=2))]


def test_the_best_candidate_that_parses_comes_first() -> None:
    script = Script([fill("= 1"), fill("2"), fill("3"), fill("= 4")])
    result = ask(script, num_candidates=3)
    assert texts(result) == ["2", "3", "= 1"]
    assert [fill.valid for fill in result.fills] == [True, True, False]
    assert texts(ask(Script([fill("= 1"), fill("2")]))) == ["2"]


@pytest.mark.parametrize(
    ("suffix", "candidate", "expected"),
    [
        ("\n", "1\ny = 2\nz = = 3\nw = 4", "1\ny = 2"),
        ("z = 1\n", "1\ny = 2\nz = = 3\n", "1\ny = 2\n"),
        ("\n", "1\n= 2", "1"),
    ],
)
def test_whole_lines_of_a_candidate_are_enough(suffix: str, candidate: str, expected: str) -> None:
    script = Script([fill(candidate, score=2.0)])
    result = ask(script, ("x = ", suffix))
    assert result.fills == (replace(fill(expected, score=2.0), valid=True),)
    assert result.num_tokens == len(expected)
    assert len(script.requests) == 1


def test_what_comes_before_the_error_is_kept_for_the_next_round() -> None:
    script = Script([fill("first + second third"), fill("= 1")], [fill("first")])
    result = ask(script, max_tokens=24)
    assert texts(result) == ["first"]
    first, second = script.requests
    assert second.draft is not None
    ((kept, hole),) = second.draft
    assert kept is not None and hole is None
    assert "first + second ".startswith(kept) and kept.startswith("first")
    assert replace(second, draft=None, options=first.options) == first
    assert second.options.seed != first.options.seed
    assert second.options.max_fills == NUM_FILLS and second.options.max_tokens == 24


def test_with_several_gaps_only_the_faulty_one_is_opened() -> None:
    script = Script([fill("1", "f(a, b = = c", "")], [fill("1", "f(a, b)", "")])
    result = ask(script, ("x = ", "\ny = ", "\nz = 1", "\n"))
    assert result.fills[0].valid and result.fills[0].texts == ("1", "f(a, b)", "")
    draft = script.requests[1].draft
    assert draft is not None
    assert draft[0] == ("1",) and draft[2] == () and draft[1][-1] is None


def test_rounds_end_and_their_costs_add_up() -> None:
    rounds = [[fill("= = 1")]] * (NUM_CORRECTIONS + 1)
    script = Script(*rounds)
    request = InfillRequest(("x = ", "\n"), "python", InfillOptions(syntax=True))
    steps, result = drive(run_with_syntax(script.run, request, never))
    assert [step.step for step in steps] == list(range(1, STEPS_PER_ROUND * len(rounds) + 1))
    assert result.fills == (UNPREDICTED,)
    assert (result.num_steps, result.num_forwards) == (len(rounds) * STEPS_PER_ROUND, len(rounds) * 4)
    assert (result.num_prefix_tokens, result.num_cached_tokens) == (7, 5)
    timing = result.timing
    assert (timing.encode_ms, timing.denoise_ms, timing.rank_ms) == (len(rounds), 2 * len(rounds), 3 * len(rounds))


@pytest.mark.parametrize(
    ("segments", "candidate", "draft", "simplest"),
    [
        (
            ("def f(q):\n    y = q\n", "\n        return y\n"),
            "    z = f(",
            ("    ", *[None] * NUM_SLOTS_OF_NAME, ":"),
            "    if x:",
        ),
        (
            ("def f(q):\n", "\n        y = q\n    except E:\n        return\n"),
            "    else:",
            (*[None] * NUM_SLOTS_OF_NAME, "    try:"),
            "    try:",
        ),
        (("import a\n", "\nimport c\n"), "= b", (None,), "pass"),
        (("if f(", "\n    y = 1\n"), "= g", (*[None] * NUM_SLOTS_OF_NAME, "):"), "):"),
        (("x = [\n    [f(a", "\n    [b],\n]\n"), "= =", (*[None] * NUM_SLOTS_OF_NAME, ")]"), ")]"),
    ],
)
def test_the_last_round_is_given_what_the_gap_demands(
    segments: tuple[str, ...], candidate: str, draft: tuple[str | None, ...], simplest: str
) -> None:
    script = Script(*[[fill(candidate)]] * (NUM_CORRECTIONS + 1))
    best, second = ask(script, segments, num_candidates=2).fills
    asked = script.requests[-1].draft
    assert len(script.requests) == NUM_CORRECTIONS + 1 and asked == (draft,)
    assert best.texts == (simplest,) and best.valid
    assert best.tokens == ((Token(simplest, 0.0),),), "nobody predicted it"
    assert second.texts == (candidate,) and second.valid is False


def test_a_simple_fill_has_no_more_lines_than_are_allowed() -> None:
    segments = ("try:\n    f()\n", "\ny = 1\n")
    rounds = [[fill("else:")]] * (NUM_CORRECTIONS + 1)
    assert texts(ask(Script(*rounds), segments)) == ["except x:\n pass"]
    assert texts(ask(Script(*rounds), segments, max_lines=1)) == ["else:"]


def test_a_sound_beginning_is_better_than_nothing() -> None:
    result = ask(Script(*[[fill("f + 1 = = 2")]] * (NUM_CORRECTIONS + 1)))
    assert result.fills[0] == replace(fill("f + 1"), valid=True)
    assert result.num_tokens == len("f + 1")


def test_brackets_that_a_beginning_leaves_open_are_closed_without_confidence() -> None:
    result = ask(Script(*[[fill("f([a b")]] * (NUM_CORRECTIONS + 1)))
    assert texts(result) == ["f([a])"]
    assert result.fills[0].valid and result.fills[0].tokens[0][-1] == Token("])", 0.0)


def test_a_gap_of_one_token_is_not_corrected() -> None:
    script = Script([fill("abcdef g")])
    assert ask(script, max_tokens=1).fills[0].texts == ("abcdef",)
    assert len(script.requests) == 1


def test_what_obeys_a_constraint_is_asked_for_anew_and_never_cut() -> None:
    script = Script(*[[fill("1\n= 2")]] * (NUM_CORRECTIONS + 1))
    request = InfillRequest(
        ("x = ", "\n"), "python", InfillOptions(syntax=True), constraints=(Choice(("1\n= 2", "= = 1")),)
    )
    _, result = drive(run_with_syntax(script.run, request, never))
    assert result.fills == (replace(fill("1\n= 2"), valid=False),)
    assert len(script.requests) == NUM_CORRECTIONS + 1
    assert all(asked.draft is None and asked.constraints == request.constraints for asked in script.requests)


def test_without_time_the_first_answer_is_returned() -> None:
    script = Script([fill("= 1")], seconds=0.03)
    result = ask(script, deadline_ms=1.0)
    assert len(script.requests) == 1
    assert texts(result) == ["= 1"] and result.fills[0].valid is False


def test_limits_hold_for_all_rounds_together() -> None:
    script = Script(*[[fill("= 1")]] * (NUM_CORRECTIONS + 1))
    ask(script, deadline_ms=60_000.0, max_forwards=STEPS_PER_ROUND + 1)
    first, second = (request.options for request in script.requests)
    assert (first.max_forwards, second.max_forwards) == (STEPS_PER_ROUND + 1, 1)
    assert first.deadline_ms == 60_000.0 and second.deadline_ms is not None and second.deadline_ms < 60_000.0


@pytest.mark.parametrize("num_asked", [1, 2, 4, 5])
def test_a_cancellation_in_any_round_leaves_nothing(num_asked: int) -> None:
    answers = iter([False] * (num_asked - 1) + [True])
    script = Script(*[[fill("= 1")]] * 3)
    request = InfillRequest(("x = ", "\n"), "python", InfillOptions(syntax=True))
    steps, result = drive(run_with_syntax(script.run, request, lambda: next(answers)))
    assert result.stop_reason == "cancelled" and result.fills == ()
    assert result.num_steps == len(steps) == num_asked - 1


def test_only_the_first_rounds_input_error_is_the_users() -> None:
    class Refusing(Script):
        def run(
            self, request: InfillRequest, cancelled: Callable[[], bool]
        ) -> Generator[DenoisingStep, None, InfillResult]:
            if len(self.requests) == len(self.rounds):
                raise InputError("too long")
            return (yield from super().run(request, cancelled))

    assert texts(ask(Refusing([fill("= 1")]), num_candidates=2)) == ["x", "= 1"]
    with pytest.raises(InputError, match="too long"):
        ask(Refusing())


@pytest.mark.parametrize("segments", [("x = ", "\n"), ("def f():\n    ", "\n\ny = ", "\n")])
def test_around_a_real_infiller(
    tiny_denoiser: Callable[..., Denoiser], byte_tokenizer: Tokenizer, segments: tuple[str, ...]
) -> None:
    infiller = Infiller(tiny_denoiser(), byte_tokenizer, GenerationConfig(num_denoising_steps=2))
    check = SyntaxCheck.of(segments, "python")
    assert check is not None
    options = InfillOptions(max_tokens=12, num_candidates=2, syntax=True)
    steps, result = drive(run_with_syntax(infiller.run, InfillRequest(segments, "python", options), never))
    assert [step.step for step in steps] == list(range(1, result.num_steps + 1))
    assert 1 <= len(result.fills) <= 2
    assert result.num_forwards >= result.num_steps
    for filled in result.fills:
        assert filled.valid is (check.fault(filled.texts) is None)
    again = drive(run_with_syntax(infiller.run, InfillRequest(segments, "python", options), never))[1]
    assert [filled.texts for filled in again.fills] == [filled.texts for filled in result.fills]


def test_the_comparison_fills_every_gap_of_a_sound_file_twice(
    tiny_denoiser: Callable[..., Denoiser], byte_tokenizer: Tokenizer
) -> None:
    infiller = Infiller(tiny_denoiser(), byte_tokenizer, GenerationConfig(num_denoising_steps=1))
    sound = Document("def first(a):\n    b = a\n    return b\n", "python", "", "first.py")
    broken = Document("let = = 1;\nlet x = 1;\n", "javascript", "", "broken.js")
    report = compare_syntax(
        infiller, [sound, broken], num=2, kinds=("line", "block"), options=InfillOptions(max_tokens=4)
    )
    assert [row.group for row in report.rows] == [
        "python line, without",
        "python line, with",
        "python block, without",
        "python block, with",
    ]
    assert [row.num_gaps for row in report.rows] == [2, 2, 1, 1]
    console = Console(record=True, width=120)
    report.render(console)
    assert "python block, with" in console.export_text()
    with pytest.raises(InputError, match="no gaps"):
        compare_syntax(infiller, [broken])
