import time
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from judging import CURSOR, LANGUAGES, code, filled, judge

from lacuna_server.engine.protocol import FillOut, TokenOut
from lacuna_server.extent import choose_extent
from lacuna_server.reasons import Reason
from lacuna_server.suggestion import Indentation, Suggestion, indentation_of, suggestion_of
from lacuna_server.suggestion.closers import is_subsequence
from lacuna_server.suggestion.tokens import text_of

confidences = st.floats(0, 1)


@pytest.mark.parametrize(
    ("confidence", "is_shown"),
    [((0.9, 0.9, 0.9), True), ((0.9, 0.1, 0.9), True), ((0.4, 1.0, 1.0), False), ((0.9, 0.1, 0.1), False)],
)
def test_the_mean_and_the_first_token_must_be_sure(confidence: tuple[float, ...], is_shown: bool) -> None:
    suggestion = judge("x = <|>", filled("aaabbbccc", *confidence), min_confidence=0.5)
    assert suggestion is Reason.LOW_CONFIDENCE or (isinstance(suggestion, Suggestion) and is_shown)
    assert isinstance(suggestion, Suggestion) is is_shown


@pytest.mark.parametrize(
    ("probability", "confidence", "min_confidence", "is_shown"),
    [
        (0.3, 0.9, 0.25, True),
        (0.25, 0.1, 0.25, True),
        (0.2, 0.9, 0.25, False),
        (0.0, 0.0, 0.0, True),
        (None, 0.3, 0.25, True),
        (None, 0.2, 0.25, False),
    ],
)
def test_the_probability_of_the_fill_decides_where_the_model_tells_it(
    probability: float | None, confidence: float, min_confidence: float, is_shown: bool
) -> None:
    fill = replace(filled("abc", confidence), probability=probability)
    suggestion = judge("x = <|>", fill, min_confidence=min_confidence)
    if is_shown:
        assert isinstance(suggestion, Suggestion) and suggestion.probability == probability
    else:
        assert suggestion is Reason.LOW_CONFIDENCE


def test_tokens_that_are_cut_off_do_not_count() -> None:
    fill = FillOut(("1\nrest",), ((TokenOut("1\n", 0.8), TokenOut("rest", 0.0)),), 0.0)
    suggestion = judge("x = <|>", fill, min_confidence=0.5)
    assert isinstance(suggestion, Suggestion)
    assert suggestion.tokens == (TokenOut("1", 0.8),)
    assert suggestion.confidence == 0.8


def test_a_fill_without_gaps_is_empty() -> None:
    assert judge("x = <|>", FillOut((), (), 0.0)) is Reason.EMPTY


@given(st.builds(filled, code, confidences, confidences), code, code, st.sampled_from(LANGUAGES), st.booleans())
@example(filled("a"), "f(", ")", "python", True)
def test_every_suggestion_can_be_shown(fill: FillOut, prefix: str, suffix: str, language: str, tabs: bool) -> None:
    prefix, suffix = prefix.replace("\r", ""), suffix.replace("\r", "")
    for wanted in ("auto", "line", "block", 2):
        extent = choose_extent(prefix, suffix, language, wanted)
        indentation = indentation_of(prefix + suffix, language) or (Indentation(tabs=True) if tabs else None)
        suggestion = suggestion_of(fill, prefix, suffix, language, extent, indentation, min_confidence=0.3)
        if isinstance(suggestion, Reason):
            continue
        replaced = (prefix + suffix)[suggestion.start : suggestion.end]
        assert suggestion.start == len(prefix)
        assert "\n" not in replaced
        assert suffix.startswith(replaced)
        assert is_subsequence(replaced, suggestion.insert_text)
        assert suggestion.insert_text.strip()
        assert "\r" not in suggestion.insert_text
        assert text_of(suggestion.tokens) == suggestion.insert_text
        assert suggestion.confidence >= 0.3 - 1e-9


def test_long_fills_are_judged_in_time() -> None:
    text = "\n".join(f"    value_{i} = compute({i}, [{i}])" for i in range(200))
    other = text.replace("7", "8")
    start = time.perf_counter()
    judge(f"def f():<|>\n{other}\n", "\n" + text, wanted="block")
    judge("x = (" * 2000 + CURSOR + ")" * 2000, "a" + ")" * 2000, wanted="block")
    assert time.perf_counter() - start < 2


@pytest.mark.parametrize("line", ["a" * 2_000_000, "(" * 2_000_000, "# " + ")" * 2_000_000, '"' * 2_000_000])
def test_long_lines_take_linear_time(line: str) -> None:
    start = time.perf_counter()
    judge(f"{line}{CURSOR}{line}\n{line[:-1]}", "x)" + line[:50])
    assert time.perf_counter() - start < 3
