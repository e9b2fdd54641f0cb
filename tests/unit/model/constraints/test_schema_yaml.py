"""Values of a schema as YAML, read by a parser of YAML 1.1 and judged by the jsonschema package."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from jsonschema.validators import validator_for
from walks import Walks

from lacuna_model.constraints.schema import regex_of_schema
from lacuna_model.constraints.schema_notation import NOTATIONS
from lacuna_model.constraints.yaml_words import RESERVED, is_words, words
from lacuna_model.errors import ConstraintError

FIXTURES = Path(__file__).parents[3] / "fixtures" / "schemas" / "schemas.jsonl"
YAML = NOTATIONS["yaml"]
MAX_SCHEMA_BYTES = 2000
"""The walks of larger ones take seconds."""


def check(schema: dict[str, Any], accepted: list[str], rejected: list[str]) -> None:
    walks = Walks(regex_of_schema(schema, notation=YAML))
    assert [text for text in accepted if not walks.accepts(text)] == []
    assert [text for text in rejected if walks.accepts(text)] == []
    assert all(Draft202012Validator(schema).is_valid(value_of(text)) for text in accepted)


def value_of(text: str) -> Any:
    """What a text means as a member, which has to be the same as an item and between brackets."""
    block, flow = f"key: {text} # said\nnext: 1\n", f"- {{key: {text}}}\n- [{text}, 1]\n"
    value = yaml.safe_load(block)["key"]
    assert yaml.safe_load(block) == {"key": value, "next": 1}
    assert yaml.safe_load(flow) == [{"key": value}, [value, 1]]
    return value


@pytest.mark.parametrize(
    ("schema", "accepted", "rejected"),
    [
        ({"type": ["null", "boolean", "integer"]}, ["null", "true", "-7"], ["~", "yes", "0o7", "1_000"]),
        ({"type": "number"}, ["0", "-1.5"], ["1e5", "2.5E-10", ".5"]),
        ({"enum": ["debug", "no", 1, 1e22]}, ["debug", '"debug"', "'debug'", "'no'", "1", "1.0e+22"], ["no", "1e+22"]),
        ({"const": "it's a: b"}, ['"it\'s a: b"', "'it''s a: b'"], ["it's a: b"]),
        ({"const": "\u2028\x7f\n"}, [r'"\u2028\x7f\n"'], ['"\u2028\x7f\\n"', "'\u2028\x7f\n'"]),
        ({"const": "😀"}, ['"😀"', "'😀'"], [r'"\ud83d\ude00"']),
        ({"const": "2024-01-01"}, ['"2024-01-01"'], ["2024-01-01"]),
        (
            {"type": "string"},
            [
                "web",
                "nginx",
                "node",
                "yesterday",
                "Not at all",
                "my-app v1.2",
                "a@b.org",
                '"a: \\u00e9"',
                "'it''s'",
                "''",
            ],
            ["no", "Yes", "NULL", "true", "n", "1.5", "a: b", "a #b", "a  b", " a", "a ", "", "'it's'", '"\\/"'],
        ),
        ({"type": "string", "maxLength": 4}, ["web", "node", "noon", "'abcd'"], ["nodes", "null", "'abcde'", "a b"]),
        ({"type": "string", "minLength": 3}, ["web", "nop", "offs", '"abc"'], ["no", "off", "yes", "ab"]),
        ({"type": "string", "pattern": "^[0-9']+$"}, ['"1\'"', "'1'''"], ["1", "'1''"]),
        ({"type": "array", "items": {"enum": ["a", "on"]}}, ["[a, 'on']", "[]"], ["[on]", "[a,a]"]),
        (
            {"type": "object", "properties": {"port": {"const": 1}, "on": {"const": 2}}},
            ['{port: 1, "on": 2}', "{}"],
            ["{on: 2}", '{"port": 1}'],
        ),
        ({"type": "object", "additionalProperties": {"const": 1}}, ["{some.name: 1}"], ["{no: 1}", "{1: 1}"]),
        ({"const": {"a": [1, "no"]}}, ['{"a": [1, "no"]}'], ["{a: [1, no]}"]),
    ],
)
def test_texts_are_accepted_and_rejected(schema: dict[str, Any], accepted: list[str], rejected: list[str]) -> None:
    check(schema, accepted, rejected)


def test_half_a_character_cannot_be_written() -> None:
    with pytest.raises(ConstraintError, match="#: half a surrogate pair cannot be written in YAML"):
        regex_of_schema({"const": "\ud83d"}, notation=YAML)


@given(
    st.text("nofyestrulNOaz. -", max_size=7) | st.sampled_from(sorted(RESERVED)), st.integers(0, 7), st.integers(0, 7)
)
def test_words_are_strings_of_their_length(text: str, least: int, most: int) -> None:
    pattern = words(least, most)
    is_found = pattern is not None and re.fullmatch(pattern, text) is not None
    assert is_found == (is_words(text) and " " not in text and least <= len(text) <= most)
    if is_words(text):
        assert yaml.safe_load(text) == text
        is_surely_found = " " not in text or len(text.replace(" ", "")) > 5
        free = words(0, None)
        assert free is not None
        assert bool(re.fullmatch(free, text)) >= is_surely_found


def test_random_texts_of_real_schemas_are_valid() -> None:
    num_texts, invalid = 0, []
    for number, line in enumerate(FIXTURES.read_text(encoding="utf-8").splitlines()):
        entry = json.loads(line)
        schema = entry["schema"]
        if len(line) > MAX_SCHEMA_BYTES:
            continue
        try:
            walks = Walks(regex_of_schema(schema, notation=YAML, max_depth=2))
        except ConstraintError:
            continue
        kind = validator_for(schema, default=Draft202012Validator)
        validator = kind(schema, format_checker=kind.FORMAT_CHECKER)
        for text in walks.texts(seed=number, count=6):
            num_texts += 1
            if not validator.is_valid(value_of(text)):
                invalid.append((entry["name"], text))
    assert invalid == []
    assert num_texts > 1200
