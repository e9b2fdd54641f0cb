from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lacuna_server.formats.places import UNKNOWN, place_at


def check(marked: str, path: list[Any] | None, before: str = "", after: str = "") -> None:
    """`<|>` is the gap, `<` and `>` its ends if there is text in it."""
    left, _, right = marked.partition("<|>")
    place = place_at(left + right, len(left), len(left))
    found = None if place is None else ([step.key for step in place.steps], place.before, place.after)
    assert found == (None if path is None else (path, before, after))


@pytest.mark.parametrize(
    ("marked", "path", "before", "after"),
    [
        ('{"a": <|>}', ["a"], "", ""),
        ('{"a":<|>', ["a"], "", ""),
        ('{"a": "x<|>"}', ["a"], '"x', '"'),
        ('{"a": "<|>"}', ["a"], '"', '"'),
        ('{"a": "x<|>y", "b": 1}', ["a"], '"x', 'y"'),
        ('{"a": "x<|>, "b": 1}', ["a"], '"x', ""),
        ('{"a": "x<|>\n "b": 1}', ["a"], '"x', ""),
        ('{"a": "\\<|>" "}', ["a"], '"\\', '" "'),
        ('{"a": 12<|>3}', ["a"], "12", "3"),
        ('{"a": 1<|>}', ["a"], "1", ""),
        ('{"a": tr<|>\n}', ["a"], "tr", ""),
        ('{"a": -<|>', ["a"], "-", ""),
        ('{"a": [1, <|>]}', ["a", 1], "", ""),
        ('{"a": [<|>]}', ["a", 0], "", ""),
        ("[[1, 2], [3, <|>", [1, 1], "", ""),
        ('{"a": [{"b": 1}, {"c": {"d": <|>', ["a", 1, "c", "d"], "", ""),
        ('{\n "a": <|>\n "b": 1}', ["a"], "", ""),
        ('{"a": {"b": 1} "c": {"d": <|>}}', ["c", "d"], "", ""),
        ('{"a": 1 "b": <|>', ["b"], "", ""),
        ('// {"x": \n{"a": /* [ */ <|>}', ["a"], "", ""),
        ('{"a\\n\\u00e9": <|>}', ["a\né"], "", ""),
        ('{"a{": "}", "b": <|>}', ["b"], "", ""),
        ("<|>", [], "", ""),
    ],
)
def test_a_value_is_found(marked: str, path: list[Any], before: str, after: str) -> None:
    check(marked, path, before, after)


@pytest.mark.parametrize(
    "marked",
    [
        "{<|>}",
        '{"a<|>"}',
        '{"a" <|>: 1}',
        '{"a"<|>: 1}',
        '{"a": "b"<|>}',
        '{"a": "b" <|>}',
        '{"a": <|> "b"}',
        '{"a": <|>12}',
        '{"a": <|> {"b": 1}}',
        '{"a": 1, <|>}',
        "[1 <|>]",
        "// <|>",
        '{"a": /* <|>',
        '{x: {"a": 1}, {"b": <|>}}',
    ],
)
def test_where_no_value_belongs_there_is_none(marked: str) -> None:
    check(marked, None)


def test_a_selected_value_is_looked_away_from() -> None:
    text = '{"a": "old", "b": 2}'
    place = place_at(text, 6, 11)
    assert place is not None
    assert ([step.key for step in place.steps], place.before, place.after) == (["a"], "", "")


def test_members_on_both_sides_are_known() -> None:
    left, right = '{"kind": "x", "in": {"n": 1, "v": ', '}, "list": [1], "on": true, "$schema": "./s.json"}'
    place = place_at(left + right, len(left), len(left))
    assert place is not None
    outer, inner = (step.members for step in place.steps)
    assert outer == {"kind": "x", "in": UNKNOWN, "list": UNKNOWN, "on": True, "$schema": "./s.json"}
    assert inner == {"n": 1, "v": UNKNOWN}
    assert place.reference == "./s.json"


def test_only_the_document_itself_has_a_schema() -> None:
    text = '{"a": {"$schema": "./s.json"}, "b": '
    place = place_at(text, len(text), len(text))
    assert place is not None
    assert place.reference == ""


@given(st.text(alphabet='{}[]:,"\\ \n/*-1tax', max_size=40), st.integers(0, 40), st.integers(0, 40))
def test_any_text_has_a_place_or_none(text: str, first: int, second: int) -> None:
    start, end = sorted((min(first, len(text)), min(second, len(text))))
    place = place_at(text, start, end)
    if place is not None:
        assert text[:start].endswith(place.before)
        assert text[end:].startswith(place.after)
