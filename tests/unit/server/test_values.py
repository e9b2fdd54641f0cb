from dataclasses import replace

import pytest

from lacuna_server.engine.protocol import FillOut, TokenOut
from lacuna_server.reasons import Reason
from lacuna_server.suggestion import Suggestion
from lacuna_server.suggestion.values import Value, suggestion_of_value, with_tab_stops


@pytest.mark.parametrize(
    ("tokens", "snippet"),
    [
        ([], ""),
        ([("a", 0.9)], "a"),
        ([("a", 0.49)], "${1:a}"),
        ([("a", 0.5)], "a"),
        ([("a", 0.1), ("b", 0.2), ("-", 0.9), ("c", 0.3)], "${1:ab}-${2:c}"),
        ([("{$x}", 0.9)], "{\\$x\\}"),
        ([("\\$}", 0.1)], "${1:\\\\\\$\\}}"),
        ([("a", 0.9), ("  ", 0.1), ("\n", 0.1), ("b", 0.1)], "a${1:  \nb}"),
        ([("a", 0.9), (" ", 0.1), ("b", 0.9)], "a b"),
        ([(None, 0.1), ("b", 0.1)], "${1:b}"),
    ],
)
def test_uncertain_runs_are_tab_stops(tokens: list[tuple[str | None, float]], snippet: str) -> None:
    assert with_tab_stops([TokenOut(text, confidence) for text, confidence in tokens]) == snippet


def fill_of(text: str, *tokens: tuple[str, float]) -> FillOut:
    return FillOut((text,), (tuple(TokenOut(text, confidence) for text, confidence in tokens),), 0.0)


def test_a_value_whose_tokens_are_no_text_has_one_token() -> None:
    value = Value.of(fill_of("é", ("\ufffd", 0.2), ("\ufffd", 0.4)))
    assert [token.text for token in value.tokens] == ["é"]
    assert value.snippet == "${1:é}"


@pytest.mark.parametrize(
    ("fill", "expected"),
    [
        (fill_of("1 \n", ("1 \n", 0.6)), Suggestion("1 \n", 7, 7, (TokenOut("1 \n", 0.6),))),
        (fill_of(""), Reason.EMPTY),
        (fill_of(" ", (" ", 0.9)), Reason.EMPTY),
        (fill_of("1", ("1", 0.4)), Reason.LOW_CONFIDENCE),
        (
            replace(fill_of("1", ("1", 0.4)), probability=0.6),
            Suggestion("1", 7, 7, (TokenOut("1", 0.4),), probability=0.6),
        ),
    ],
)
def test_a_value_is_shown_as_it_is_or_not_at_all(fill: FillOut, expected: Suggestion | Reason) -> None:
    assert suggestion_of_value(fill, 7, 0.5) == expected
