"""Values that the cursor cuts anywhere, with the tokens of the embedded checkpoint, which do not end where a cut is."""

import re
from functools import cache
from itertools import combinations_with_replacement

import pytest

from lacuna_model.constraints.kinds import Choice, Constraint, JsonSchema, Regex
from lacuna_model.infill import Infiller
from lacuna_model.request import InfillOptions, InfillRequest

LEVELS = ("warning", "warming", "evening", "wing", "日本語", "日語")


@cache
def infiller() -> Infiller:
    return Infiller.load(device="cpu")


def fill_of(constraint: Constraint) -> str:
    segments = f'{{"level": {constraint.before}', f"{constraint.after}, "
    request = InfillRequest(segments, "json", InfillOptions(max_tokens=24), constraints=(constraint,))
    return infiller().infill(request).fills[0].texts[0]


@pytest.mark.parametrize("value", ["warning", "日本語"])
def test_wherever_a_value_is_cut_its_two_sides_are_joined(value: str) -> None:
    for first, last in combinations_with_replacement(range(len(value) + 1), 2):
        before, after = value[:first], value[last:]
        assert before + fill_of(Choice(LEVELS, before, after)) + after in LEVELS


@pytest.mark.parametrize(("before", "after"), [("retu", "_value"), ("", "ssert_equal"), ("x", "x"), ("_" * 30, "é")])
def test_words_of_any_kind_are_joined(before: str, after: str) -> None:
    assert re.fullmatch(r"\w+", before + fill_of(Regex(r"\w+", before, after)) + after)


@pytest.mark.parametrize(("before", "after"), [("'wa", "g'"), ("'", "'"), ("war", "ing"), ('"wa', 'ning"')])
def test_quotes_of_yaml_are_those_that_stand_there(before: str, after: str) -> None:
    constraint = JsonSchema.of({"enum": [*LEVELS]}, before, after, "yaml")
    assert (before + fill_of(constraint) + after).strip("'\"") in LEVELS
