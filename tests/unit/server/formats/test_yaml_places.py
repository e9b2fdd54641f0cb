from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from lacuna_server.formats import yaml_places
from lacuna_server.formats.places import UNKNOWN
from lacuna_server.formats.yaml_places import yaml_place_at


def check(marked: str, path: list[Any] | None, before: str = "", after: str = "", is_flow: bool = False) -> None:
    """`<|>` is the gap."""
    left, _, right = marked.partition("<|>")
    place = yaml_place_at(left + right, len(left), len(left))
    found = None
    if place is not None:
        found = ([step.key for step in place.steps], place.before, place.after, place.is_flow)
    assert found == (None if path is None else (path, before, after, is_flow))


@pytest.mark.parametrize(
    ("marked", "path", "before", "after"),
    [
        ("a: <|>", ["a"], "", ""),
        ("a: <|>\n", ["a"], "", ""),
        ("a: de<|>\nb: 1\n", ["a"], "de", ""),
        ("a: 12<|>3 # many\n", ["a"], "12", "3"),
        ('a: "de<|>"\n', ["a"], '"de', '"'),
        ("a: 'de<|>bug'\n", ["a"], "'de", "bug'"),
        ('a: "de<|>\nb: "x"\n', ["a"], '"de', ""),
        ("a: '<|>", ["a"], "'", ""),
        ("a:\n  b:\n    c: <|>\n  d: 1\n", ["a", "b", "c"], "", ""),
        ("a:\n- 1\n- <|>\n- 3\n", ["a", 1], "", ""),
        ("- x: 1\n- y: 2\n  z: <|>\n", [1, "z"], "", ""),
        ("- - 1\n  - <|>\n", [0, 1], "", ""),
        ("on: <|>\n", ["on"], "", ""),
        ('"a b": <|>\n', ["a b"], "", ""),
        ("é😀: x\r\nb: d<|>\r\n", ["b"], "d", ""),
        ("a: <|>\nb: [\n", ["a"], "", ""),
        ("---\na: 1\n---\nb: <|>\n---\nc: 1\n", ["b"], "", ""),
        ("%YAML 1.2\n---\nb: <|>\n", ["b"], "", ""),
        ("? [1, 2]\n: 3\nb: <|>\n", ["b"], "", ""),
    ],
)
def test_a_value_is_found(marked: str, path: list[Any], before: str, after: str) -> None:
    check(marked, path, before, after)


@pytest.mark.parametrize(
    ("marked", "path", "before", "after"),
    [
        ("a: [1, <|>]\n", ["a", 1], "", ""),
        ("a: {b: x, c: <|>}\n", ["a", "c"], "", ""),
        ("a: {b: 'x<|>'}\n", ["a", "b"], "'x", "'"),
        ("a: [\n  1,\n  <|>\n]\n", ["a", 1], "", ""),
        ('{"a": {"b": "d<|>"}}\n', ["a", "b"], '"d', '"'),
    ],
)
def test_a_value_in_brackets_is_found(marked: str, path: list[Any], before: str, after: str) -> None:
    check(marked, path, before, after, is_flow=True)


@pytest.mark.parametrize(
    "marked",
    [
        "<|>",
        "a<|>: 1\n",
        "<|>: 1\n",
        "a: 1\nb<|>\n",
        "a: 1\nb<|>\nc: 2\n",
        "a: <|>word\n",
        "a: <|> [1]\n",
        "a: <|>{b: 1}\n",
        "a: <|>\n  b: 1\n",
        "a: <|>\n- b\n",
        "a: <|>\n  more\n",
        "a:<|>\n",
        "a:\n  <|>\n",
        "a:\n  b<|>\n",
        "# a: <|>\n",
        "a: 1 # <|>\n",
        "a: |\n  <|>\n",
        "a: |\n  b<|>\n",
        "a: >-\n  b<|> c\n",
        'a: "b"<|>\n',
        'a: "b\n  c<|>"\n',
        "a: &b <|>\n",
        "a: !t <|>\n",
        "a: *<|>\n",
        "a: b: c\nd: <|>\n",
        "? <|>\n: b\n",
        "[1]: {b: <|>}\n",
        "{a: 1, <|>}\n",
        "%<|>",
    ],
)
def test_where_no_value_belongs_there_is_none(marked: str) -> None:
    check(marked, None)


def test_a_parser_in_python_reads_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_places, "_PARSER", yaml.SafeLoader)
    check("é😀: [x]\na: {b: 'x<|>'}\n", ["a", "b"], "'x", "'", is_flow=True)
    check("a: 12<|>3 # many\n", ["a"], "12", "3")


def test_a_selected_value_is_looked_away_from() -> None:
    place = yaml_place_at("a: old\nb: 2\n", 3, 6)
    assert place is not None
    assert ([step.key for step in place.steps], place.before, place.after) == (["a"], "", "")


def test_members_on_both_sides_are_known() -> None:
    left = "kind: x\n'on': true\nnothing:\nin:\n  n: 1\n  text: '1'\n  v: "
    right = "\n  last: *a\nlist: [1]\n$schema: ./s.json\n"
    place = yaml_place_at(left + right, len(left), len(left))
    assert place is not None
    outer, inner = (step.members for step in place.steps)
    assert outer == {
        "kind": "x",
        "on": True,
        "nothing": None,
        "in": UNKNOWN,
        "list": UNKNOWN,
        "$schema": "./s.json",
    }
    assert inner == {"n": 1, "text": "1", "v": UNKNOWN, "last": UNKNOWN}


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("# yaml-language-server: $schema=./s.json\na: ", "./s.json"),
        ("$schema: t.json\n# yaml-language-server: $schema=./s.json\na: ", "./s.json"),
        ("$schema: t.json\na: ", "t.json"),
        ("b:\n  $schema: t.json\na: ", ""),
        ("$schema: t.json\n---\na: ", ""),
        ("$schema: 5\na: ", ""),
        ("a: ", ""),
    ],
)
def test_the_schema_is_named_by_a_comment_or_a_key(text: str, reference: str) -> None:
    place = yaml_place_at(text, len(text), len(text))
    assert place is not None
    assert place.reference == reference


@given(st.text(alphabet="{}[]:,\"'\\ \n-#&*!|>?%ab1\t\r\u2028é", max_size=40), st.integers(0, 40), st.integers(0, 40))
def test_any_text_has_a_place_or_none(text: str, first: int, second: int) -> None:
    start, end = sorted((min(first, len(text)), min(second, len(text))))
    place = yaml_place_at(text, start, end)
    if place is not None:
        assert text[:start].endswith(place.before)
        assert text[end:].startswith(place.after)
