import json
import re
from collections import Counter
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from jsonschema.protocols import Validator
from jsonschema.validators import validator_for
from walks import Walks

from lacuna_model.constraints.schema import SUPPORTED_KEYWORDS, regex_of_schema
from lacuna_model.constraints.schema_numbers import Bound, integers, numbers
from lacuna_model.constraints.schema_strings import string
from lacuna_model.errors import ConstraintError

FIXTURES = Path(__file__).parents[3] / "fixtures" / "schemas" / "schemas.jsonl"

TREE = {"type": "object", "properties": {"name": {"const": "n"}, "next": {"$ref": "#"}}, "additionalProperties": False}


def check(schema: dict[str, Any], accepted: list[str], rejected: list[str], max_depth: int = 3) -> None:
    walks = Walks(regex_of_schema(schema, max_depth=max_depth))
    assert [text for text in accepted if not walks.accepts(text)] == []
    assert [text for text in rejected if walks.accepts(text)] == []


@pytest.mark.parametrize(
    ("schema", "accepted", "rejected"),
    [
        ({"type": "null"}, ["null"], ["nul", "true", " null"]),
        ({"type": ["boolean", "integer"]}, ["true", "-7", "0"], ["01", "1.5", '"a"']),
        ({"type": "number"}, ["0", "-1.5", "1e5", "2.5E-10"], [".5", "1.", "+1", "NaN"]),
        ({"enum": ["a b", 1, None, "é\n"]}, ['"a b"', "1", "null", '"é\\n"'], ['"a"', "2"]),
        ({"type": "string", "enum": ["a", 1]}, ['"a"'], ["1"]),
        ({"enum": ["a", "abc"], "minLength": 2, "not": {"const": "b"}}, ['"abc"'], ['"a"']),
        ({"const": {"a": [1, "x.y"]}}, ['{"a": [1, "x.y"]}'], ['{"a": [1, "x-y"]}']),
        ({"type": "string"}, ['""', '"\\u00e9 é \\ud83d\\ude00 /\\/"'], ['"\\ud83d"', '"\n"', '"\\x"', '"a']),
        ({"type": "string", "minLength": 2, "maxLength": 2}, ['"ab"', '"\\u0061é"', '"😀\\""'], ['"a"', '"abc"']),
        ({"type": "string", "pattern": "b"}, ['"abc"', '"b"'], ['"a"', '""']),
        ({"type": "string", "pattern": "^b"}, ['"bc"'], ['"abc"']),
        ({"type": "string", "pattern": '^["\\\\\\n]$'}, ['"\\""', '"\\\\"', '"\\n"'], ['"a"', '"""', '"n"']),
        ({"type": "string", "pattern": "^[a-z]([a-z-]*[a-z])?$", "maxLength": 3}, ['"a"', '"a-b"'], ['"abcd"', '"a-"']),
        ({"type": "string", "format": "date"}, ['"2024-02-29"'], ['"2023-02-29"', '"0000-01-01"', '"2024-4-01"']),
        ({"type": "string", "format": "hostname"}, ['"a-b.example"'], ['"-a"', '"a..b"', '"a_b"']),
        ({"type": "integer", "minimum": -3, "exclusiveMaximum": 12}, ["-3", "0", "11"], ["-4", "12", "1.0"]),
        ({"type": "number", "minimum": 0.5, "maximum": 1}, ["0.5", "1", "0.75", "1.0"], ["0.49", "1.01", "-1"]),
        (
            {"type": "array", "items": {"type": "null"}, "minItems": 1, "maxItems": 2},
            ["[null, null]"],
            ["[]", "[null,null]"],
        ),
        ({"type": "array", "prefixItems": [{"const": 1}], "items": {"const": 2}}, ["[]", "[1]", "[1, 2, 2]"], ["[2]"]),
        ({"type": "array", "prefixItems": [{"const": 1}], "items": False, "minItems": 1}, ["[1]"], ["[]", "[1, 1]"]),
        (
            {
                "type": "object",
                "properties": {"a": {"const": 1}, "b": {"const": 2}, "c": {"const": 3}},
                "required": ["b"],
            },
            ['{"a": 1, "b": 2, "c": 3}', '{"b": 2}', '{"b": 2, "c": 3}'],
            ['{"a": 1}', '{"b": 2, "a": 1}', '{"b": 2, }', '{"a": 1"b": 2}'],
        ),
        (
            {"type": "object", "properties": {"a": {"const": 1}, "b": {"const": 2}, "c": {"const": 3}}},
            ["{}", '{"a": 1}', '{"c": 3}', '{"a": 1, "c": 3}', '{"b": 2, "c": 3}'],
            ['{, "c": 3}', '{"a": 1, }', '{"c": 3, "a": 1}'],
        ),
        ({"type": "object", "additionalProperties": {"const": 1}}, ["{}", '{"x": 1, "": 1}'], ['{"x": 2}']),
        ({"type": "object", "required": ["x"], "additionalProperties": {"const": 1}}, ['{"x": 1}'], ["{}"]),
        (TREE, ["{}", '{"name": "n", "next": {"next": {}}}'], ['{"name": "m"}']),
        ({"anyOf": [{"const": 1}, {"type": "null"}]}, ["1", "null"], ["2"]),
        ({"oneOf": [{"type": "integer"}, {"type": "string", "maxLength": 1}]}, ["1", '"a"'], ['"ab"']),
        ({"allOf": [{"minimum": 3}, {"maximum": 5}], "type": "integer"}, ["3", "5"], ["2", "6"]),
        ({"allOf": [{"type": "number"}, {"type": ["integer", "string"]}]}, ["3"], ["3.5", '"a"']),
        ({"$ref": "#/$defs/a~1b%20c", "$defs": {"a/b c": {"const": 1}}}, ["1"], ["2"]),
        ({"minLength": 2, "type": ["string", "integer"]}, ['"ab"', "1"], ['"a"']),
        ({}, ["1", "[]", '{"a": 1}', '"x"'], ["[1,2]", ""]),
    ],
)
def test_texts_are_accepted_and_rejected(schema: dict[str, Any], accepted: list[str], rejected: list[str]) -> None:
    check(schema, accepted, rejected)
    validator = validator_of(schema)
    assert all(validator.is_valid(json.loads(text)) for text in accepted)


@pytest.mark.parametrize("depth", [1, 2])
def test_a_recursion_ends_at_the_depth(depth: int) -> None:
    texts = ["{}", '{"next": {}}', '{"next": {"next": {}}}', '{"next": {"next": {"next": {}}}}']
    check(TREE, texts[: depth + 1], texts[depth + 1 :], max_depth=depth)


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"not": {}}, "#/not: the keyword 'not' is not supported"),
        ({"properties": {"a/b": {"multipleOf": 2}}}, "#/properties/a~1b/multipleOf: the keyword 'multipleOf'"),
        ({"anyOf": [{"type": "null"}, {"if": {}}]}, "#/anyOf/1/if: the keyword 'if'"),
        ({"type": "array", "uniqueItems": True}, "#/uniqueItems"),
        ({"format": "duration"}, "#/format: the format 'duration' is not supported; there are date, "),
        ({"$ref": "http://example.com/a.json"}, "only references such as '#/$defs/name'"),
        ({"$ref": "#/$defs/none"}, "there is nothing at '#/$defs/none'"),
        ({"pattern": "(?=a)b"}, "look-around"),
        ({"pattern": r"(a)\1"}, r"the escape \\1"),
        ({"pattern": r"\bword\b"}, r"the escape \\b"),
        ({"pattern": "a", "maxLength": 5}, "cannot be combined with these lengths"),
        ({"pattern": "^a", "format": "date"}, "two patterns or formats"),
        ({"oneOf": [{"type": "number"}, {"type": "integer"}]}, "#/oneOf: its alternatives are not known to exclude"),
        ({"type": "number", "minimum": 1e300}, "bounds of more than 14 digits"),
        ({"type": "object", "required": ["a"], "additionalProperties": False}, "accepts no value at all"),
        ({"allOf": [{"type": "null"}, {"type": "string"}]}, "accepts no value at all"),
        ({"type": "integer", "minimum": 3, "maximum": 2}, "accepts no value at all"),
        ({"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]}, "nothing that ends within a depth"),
        ({"type": "strnig"}, "Not a JSON Schema: at #/type"),
        ({"minimum": "1"}, "Not a JSON Schema: at #/minimum"),
    ],
)
def test_what_cannot_be_translated_is_named(schema: dict[str, Any], message: str) -> None:
    with pytest.raises(ConstraintError, match=re.escape(message).replace(r"\\\\", r"\\")):
        regex_of_schema(schema)


@pytest.mark.parametrize(
    ("schema", "accepted", "rejected"),
    [
        ({"type": "string", "maxLength": 10**6}, "a" * 100, "a" * 101),
        ({"type": "string", "minLength": 110, "maxLength": 10**6}, "a" * 110, "a" * 111),
        ({"type": "string", "pattern": "^a*$", "maxLength": 200}, "a" * 200, "a" * 201),
        ({"type": "array", "items": {"const": 1}, "maxItems": 10**6}, [1] * 20, [1] * 21),
        ({"type": "array", "prefixItems": [{"const": 1}] * 22, "maxItems": 10**6}, [1] * 22, [1] * 23),
    ],
)
def test_where_a_large_bound_would_explode_shorter_values_are_written(
    schema: dict[str, Any], accepted: Any, rejected: Any
) -> None:
    check(schema, [json.dumps(accepted)], [json.dumps(rejected)])


def test_annotations_have_no_effect() -> None:
    plain = {"type": "integer"}
    annotated = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "a", "x-own": 1, "default": 2}
    assert regex_of_schema({**annotated, **plain}) == regex_of_schema(plain)


def test_a_schema_that_explodes_is_refused() -> None:
    node = {"type": "object", "properties": {name: {"$ref": "#"} for name in "abcdefghij"}}
    with pytest.raises(ConstraintError, match="too large for a regular expression"):
        regex_of_schema(node, max_depth=9)


bounds = st.none() | st.builds(Bound, st.decimals(-2000, 2000, places=2), st.booleans())


def lies_within(value: Decimal, lower: Bound | None, upper: Bound | None) -> bool:
    is_above = lower is None or (value > lower.value if lower.is_open else value >= lower.value)
    return is_above and (upper is None or (value < upper.value if upper.is_open else value <= upper.value))


@settings(deadline=None)
@given(bounds, bounds, st.lists(st.integers(-3000, 3000), max_size=30))
def test_integers_are_those_within_the_bounds(lower: Bound | None, upper: Bound | None, values: list[int]) -> None:
    pattern = integers(lower, upper)
    edges = [round(bound.value) + step for bound in (lower, upper) if bound for step in (-1, 0, 1)]
    for value in (*values, *edges):
        is_matched = pattern is not None and re.fullmatch(pattern, str(value)) is not None
        assert is_matched == lies_within(Decimal(value), lower, upper)


@settings(deadline=None)
@given(bounds, bounds, st.lists(st.decimals(-3000, 3000, places=4), max_size=30))
def test_numbers_are_those_within_the_bounds(lower: Bound | None, upper: Bound | None, values: list[Decimal]) -> None:
    pattern = numbers(lower, upper)
    edges = [bound.value + step * Decimal("0.0001") for bound in (lower, upper) if bound for step in (-1, 0, 1)]
    for value in (*values, *edges):
        is_matched = pattern is not None and re.fullmatch(pattern, f"{value:f}") is not None
        assert not is_matched or lies_within(value, lower, upper)
        if value == value.to_integral_value() or f"{value:f}"[-1] != "0":  # trailing zeros need not be written
            plain = f"{value.normalize():f}"
            is_plain_matched = pattern is not None and re.fullmatch(pattern, plain) is not None
            assert is_plain_matched == lies_within(value, lower, upper)


@pytest.mark.parametrize(
    "pattern",
    [
        "a",
        "^a",
        "a$",
        "^a|b$",
        "^(?:a|bb)*$",
        "(^a|b)c",
        "^[^a]{2,3}$",
        "^$",
        "a{2}",
        r"^\w+$",
        r"^\S \S$",
        "^(a|^b)",
        "[ab-]c?",
        "^.$",
    ],
)
@settings(deadline=None)
@given(text=st.text(alphabet='abc -"\\\n', max_size=5), least=st.integers(0, 2))
def test_patterns_search_as_python_does(pattern: str, text: str, least: int) -> None:
    try:
        written = string((pattern,), least, None)
    except ConstraintError:
        assert least > 0  # lengths are not always expressible
        return
    is_matched = written is not None and re.fullmatch(written, json.dumps(text)) is not None
    is_found = re.search(pattern.replace("$", r"\Z"), text) is not None
    assert is_matched == (is_found and len(text) >= least)


Entry = dict[str, Any]


@cache
def translated() -> tuple[list[tuple[Entry, str]], list[tuple[Entry, str]]]:
    """The fixtures with their regular expressions, and those that are refused with what was said."""
    supported, refused = [], []
    for line in FIXTURES.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        try:
            supported.append((entry, regex_of_schema(entry["schema"], max_depth=2)))
        except ConstraintError as error:
            refused.append((entry, str(error)))
    return supported, refused


def validator_of(schema: dict[str, Any]) -> Validator:
    kind = validator_for(schema, default=Draft202012Validator)
    return kind(schema, format_checker=kind.FORMAT_CHECKER)


def test_enough_real_schemas_are_supported() -> None:
    is_suite = [entry["source"].startswith("JSON-Schema-Test-Suite") for entry, _ in translated()[0]]
    assert len(is_suite) >= 270
    assert is_suite.count(False) >= 120


def test_random_texts_of_real_schemas_are_valid() -> None:
    invalid = []
    for number, (entry, pattern) in enumerate(translated()[0]):
        validator = validator_of(entry["schema"])
        for text in Walks(pattern).texts(seed=number, count=8):
            if not validator.is_valid(json.loads(text)):
                invalid.append((entry["source"], entry["name"], text))
    assert invalid == []


def test_instances_of_the_test_suite() -> None:
    num_valid = num_accepted = 0
    for entry, pattern in translated()[0]:
        for value in entry.get("invalid", ()):
            assert not re.fullmatch(pattern, json.dumps(value, ensure_ascii=False)), (entry["name"], value)
        valid = [json.dumps(value, ensure_ascii=False) for value in entry.get("valid", ())]
        num_valid += len(valid)
        num_accepted += sum(re.fullmatch(pattern, text) is not None for text in valid)
    assert num_accepted / num_valid > 0.8


def test_a_refusal_names_what_is_in_the_schema() -> None:
    reasons = Counter[str]()
    for entry, message in translated()[1]:
        place = re.match("JSON Schema, #(.*?): ", message, re.DOTALL)
        if place is None:
            assert re.match("The JSON Schema accepts n|Not a JSON Schema", message), message
            continue
        value, keyword = entry["schema"], ""
        for raw in place[1].split("/")[1:]:
            keyword = raw.replace("~1", "/").replace("~0", "~")
            value = value[int(keyword)] if isinstance(value, list) else value[keyword]
        if "is not supported; remove" in message:
            assert keyword not in SUPPORTED_KEYWORDS
            reasons[keyword] += 1
    assert reasons["unevaluatedProperties"] > 10
