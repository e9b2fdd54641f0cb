from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lacuna_server.formats.places import Step, place_at
from lacuna_server.formats.subschemas import is_of_objects, subschema_at

PORT = {"type": "integer", "minimum": 1}
NAME = {"type": "string"}
TREE = {
    "$defs": {"node": {"type": "object", "properties": {"port": PORT, "next": {"$ref": "#/$defs/node"}}}},
    "properties": {"root": {"$ref": "#/$defs/node"}},
}
TAGGED = {
    "oneOf": [
        {"type": "object", "properties": {"kind": {"const": "tcp"}, "to": PORT}, "required": ["kind"]},
        {"type": "object", "properties": {"kind": {"enum": ["unix", "pipe"]}, "to": NAME}, "required": ["kind"]},
    ]
}
NEEDING = {
    "anyOf": [
        {"properties": {"url": NAME, "wait": PORT}, "required": ["url"]},
        {"properties": {"path": NAME, "wait": NAME}, "required": ["path"]},
    ]
}


def steps_at(marked: str) -> tuple[Step, ...]:
    left, _, right = marked.partition("<|>")
    place = place_at(left + right, len(left), len(left))
    assert place is not None
    return place.steps


@pytest.mark.parametrize(
    ("schema", "marked", "expected"),
    [
        ({"properties": {"a": PORT}}, '{"a": <|>}', PORT),
        ({"properties": {"a": {"properties": {"b": NAME}}}}, '{"a": {"b": <|>}}', NAME),
        ({"properties": {"a": PORT}}, '{"b": <|>}', None),
        ({"properties": {"a": True}}, '{"a": <|>}', None),
        ({"properties": {"a": False}}, '{"a": <|>}', None),
        (PORT, "<|>", PORT),
        (True, '{"a": <|>}', None),
        ({"patternProperties": {"^a": PORT}}, '{"ab": <|>}', PORT),
        ({"patternProperties": {"^a": PORT, "b$": {"maximum": 9}}}, '{"ab": <|>}', {"allOf": [PORT, {"maximum": 9}]}),
        ({"patternProperties": {"(": PORT}}, '{"ab": <|>}', None),
        ({"properties": {"a": NAME}, "additionalProperties": PORT}, '{"b": <|>}', PORT),
        ({"properties": {"a": NAME}, "additionalProperties": PORT}, '{"a": <|>}', NAME),
        ({"additionalProperties": False}, '{"b": <|>}', None),
        ({"items": PORT}, "[1, <|>]", PORT),
        ({"prefixItems": [NAME], "items": PORT}, "[<|>]", NAME),
        ({"prefixItems": [NAME], "items": PORT}, '["x", <|>]', PORT),
        ({"items": [NAME], "additionalItems": PORT}, '["x", <|>]', PORT),
        ({"items": [NAME], "additionalItems": False}, '["x", <|>]', None),
        ({"items": [NAME]}, '["x", <|>]', None),
        ({"allOf": [{"properties": {"a": PORT}}, {"required": ["a"]}]}, '{"a": <|>}', PORT),
        (TAGGED, '{"kind": "tcp", "to": <|>}', PORT),
        (TAGGED, '{"kind": "pipe", "to": <|>}', NAME),
        (TAGGED, '{"to": <|>, "kind": "unix"}', NAME),
        (TAGGED, '{"to": <|>}', None),
        (TAGGED, '{"kind": "other", "to": <|>}', None),
        (NEEDING, '{"url": "x", "wait": <|>}', PORT),
        (NEEDING, '{"path": <|>}', NAME),
        (NEEDING, '{"wait": <|>}', None),
        ({"anyOf": [{"items": NAME}, {"type": "object", "properties": {"a": PORT}}]}, '{"a": <|>}', PORT),
        ({"anyOf": [{"properties": {"a": PORT}}, {"properties": {"a": PORT}}]}, '{"a": <|>}', PORT),
        ({"anyOf": [{"required": ["a"]}, {"required": ["b"]}], "properties": {"a": PORT}}, '{"a": <|>}', PORT),
        ({"if": {}, "then": {}, "properties": {"a": PORT}}, '{"a": <|>}', None),
        ({"$ref": "https://example.org/x.json"}, '{"a": <|>}', None),
        ({"$ref": "#/nowhere"}, '{"a": <|>}', None),
        ({"$ref": "#"}, '{"a": <|>}', None),
        ({"allOf": [{"$ref": "#"}, {"$ref": "#"}]}, '{"a": <|>}', None),
        ({"oneOf": [{"$ref": "#"}, {"$ref": "#"}]}, '{"a": <|>}', None),
        (5, '{"a": <|>}', None),
        ({"properties": 5, "allOf": {}, "required": 7}, '{"a": <|>}', None),
        (
            TREE,
            '{"root": {"port": <|>}}',
            PORT,
        ),
        (
            TREE,
            '{"root": {"next": <|>}}',
            {
                "$ref": "#/$defs/0",
                "$defs": {
                    "0": {"type": "object", "properties": {"port": PORT, "next": {"$ref": "#/$defs/0"}}},
                },
            },
        ),
        (
            {
                "$schema": "http://json-schema.org/draft-04/schema#",
                "$id": "x",
                "properties": {"a": {"$ref": "#/d"}},
                "d": PORT,
            },
            '{"a": <|>}',
            {"$schema": "http://json-schema.org/draft-04/schema#", "$ref": "#/$defs/0", "$defs": {"0": PORT}},
        ),
        (
            {"properties": {"a": {"properties": {"$ref": NAME, "$defs": PORT}, "enum": [{"$ref": 1}]}}},
            '{"a": <|>}',
            {"properties": {"$ref": NAME, "$defs": PORT}, "enum": [{"$ref": 1}]},
        ),
        ({"properties": {"a": {"items": {"$ref": "https://example.org/x.json"}}}}, '{"a": <|>}', None),
    ],
)
def test_what_a_schema_says_at_a_place(schema: Any, marked: str, expected: Any) -> None:
    assert subschema_at(schema, steps_at(marked)) == expected


@pytest.mark.parametrize(
    ("schema", "is_so"),
    [
        ({"type": "object"}, True),
        ({"properties": {}}, True),
        (TREE["$defs"], False),
        ({"$ref": "#/$defs/0", "$defs": {"0": {"type": "object"}}}, True),
        ({"allOf": [{"title": "x"}, {"properties": {}}]}, True),
        ({"type": ["object", "string"]}, False),
        ({"type": "string", "properties": {}}, False),
        ({"anyOf": [{"type": "object"}, {"type": "null"}]}, False),
        ({"$ref": "#"}, False),
        ({"$ref": "#/nowhere"}, False),
        ({}, False),
    ],
)
def test_schemas_of_objects_are_known(schema: Any, is_so: bool) -> None:
    assert is_of_objects(schema) == is_so


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["#", "#/properties/a", "object", "a", "["]),
    lambda values: (
        st.lists(values, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["a", "$ref", "properties", "patternProperties", "allOf", "anyOf", "items", "required", "type", "enum"]
            ),
            values,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_any_json_says_something_or_nothing(schema: Any) -> None:
    for marked in ('{"a": <|>}', "[1, <|>]", '{"b": 1, "a": {"a": <|>}}'):
        found = subschema_at(schema, steps_at(marked))
        assert found is None or isinstance(found, dict)


@pytest.mark.parametrize(
    ("value", "is_valid"), [({"port": 1, "next": {"port": 2}}, True), ({"next": {"next": {"port": 0}}}, False)]
)
def test_a_schema_that_stands_alone_means_the_same(value: Any, is_valid: bool) -> None:
    found = subschema_at(TREE, steps_at('{"root": {"next": <|>}}'))
    assert jsonschema.Draft202012Validator(found).is_valid(value) == is_valid
