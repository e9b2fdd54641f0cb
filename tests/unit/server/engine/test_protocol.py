import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted_engine import result, step

from lacuna_server.engine.protocol import (
    MAX_NAME,
    FillCall,
    Refusal,
    Status,
    WarmCall,
    decode,
    decode_event,
    encode,
)
from lacuna_server.errors import UserError

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
CALLS = st.builds(
    FillCall,
    segments=st.lists(TEXT, min_size=2, max_size=2).map(tuple),
    language=TEXT,
    client=TEXT,
    document=TEXT,
    max_tokens=st.integers(8, 512),
    max_lines=st.none() | st.integers(1, 10**9),
    num_candidates=st.integers(1, 64),
    deadline_ms=st.none() | st.floats(0, 1e9),
    seed=st.integers(0, 2**63 - 1),
    draft=st.none() | st.tuples(st.lists(st.none() | TEXT, max_size=8).map(tuple)),
    steps=st.booleans(),
    syntax=st.booleans(),
)
OBEYING = st.builds(
    FillCall,
    segments=st.just(("", "", "")),
    constraints=st.none()
    | st.tuples(*2 * [st.none() | st.dictionaries(TEXT, st.none() | TEXT | st.floats(0, 1) | st.lists(TEXT))]),
)


def nested(depth: int) -> dict[str, Any]:
    """An object of so many levels."""
    document: dict[str, Any] = {}
    for _ in range(depth - 1):
        document = {"not": document}
    return document


@given(CALLS | OBEYING)
def test_calls_come_over_unchanged(call: FillCall) -> None:
    assert decode(encode(call), FillCall) == call
    assert b"\n" not in encode(call)


@pytest.mark.parametrize(
    "message",
    [
        WarmCall("é\u2028", document="x"),
        Status("1", 2, "failed", message="\n"),
        replace(result("a", "b"), num_steps=0),
        result("a", probability=0.25),
    ],
)
def test_messages_come_over_unchanged(message: Any) -> None:
    assert decode(encode(message), type(message)) == message


@pytest.mark.parametrize("event", [step(1, ["a", None], []), result("\u2028"), Refusal("busy", "wait")])
def test_events_tell_what_they_are(event: Any) -> None:
    assert decode_event(encode(event)) == event


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"segments": "ab"}, "must be a list @ FillCall.segments"),
        ({"segments": ["a", 1]}, "must be a string @ FillCall.segments[1]"),
        ({"segments": ["a", None]}, "must be a string @ FillCall.segments[1]"),
        ({"segments": ["a", "\ud800"]}, "holds half of a surrogate pair @ FillCall.segments[1]"),
        ({"segments": {"a": "b"}}, "must be a list @ FillCall.segments"),
        ({"segments": ["a"]}, "the number of segments must be between 2 and 257, not 1."),
        ({"segments": ["a"] * 258}, "the number of segments must be between 2 and 257, not 258."),
        ({"max_tokens": "5"}, "must be a whole number @ FillCall.max_tokens"),
        ({"max_tokens": 5.0}, "must be a whole number @ FillCall.max_tokens"),
        ({"max_tokens": True}, "must be a whole number @ FillCall.max_tokens"),
        ({"max_tokens": 0}, "max_tokens must be between 1 and 4096, not 0."),
        ({"max_tokens": 4097}, "max_tokens must be between 1 and 4096, not 4097."),
        ({"max_lines": 0}, "max_lines must be at least 1, not 0."),
        ({"num_candidates": 65}, "num_candidates must be between 1 and 64, not 65."),
        ({"num_candidates": 64, "max_tokens": 513}, "x gaps may be 32768, not 32832; ask for fewer of them."),
        ({"segments": ["a"] * 10, "max_tokens": 4096}, "x gaps may be 32768, not 36864; ask for fewer of them."),
        ({"seed": -1}, "seed must be between 0 and 9223372036854775807, not -1."),
        ({"deadline_ms": -0.5}, "deadline_ms must be at least 0, not -0.5."),
        ({"deadline_ms": "5"}, "must be a finite number @ FillCall.deadline_ms"),
        ({"deadline_ms": True}, "must be a finite number @ FillCall.deadline_ms"),
        ({"deadline_ms": float("nan")}, "must be a finite number @ FillCall.deadline_ms"),
        ({"deadline_ms": float("inf")}, "must be a finite number @ FillCall.deadline_ms"),
        ({"steps": 1}, "must be true or false @ FillCall.steps"),
        ({"client": 1}, "must be a string @ FillCall.client"),
        ({"client": "x" * (MAX_NAME + 1)}, f"client and document may be {MAX_NAME} characters long."),
        ({"draft": []}, "the number of gaps in draft must be between 1 and 1, not 0."),
        ({"draft": ["ab"]}, "must be a list @ FillCall.draft[0]"),
        ({"draft": [[1]]}, "must be a string @ FillCall.draft[0][0]"),
        ({"max_tokens": 1, "draft": [["a", "b"]]}, "the length of a draft must be between 0 and 1, not 2."),
        ({"syntax": 1}, "must be true or false @ FillCall.syntax"),
        ({"constraints": {}}, "must be a list @ FillCall.constraints"),
        ({"constraints": []}, "the number of constraints must be between 1 and 1, not 0."),
        ({"constraints": ["[0-9]"]}, "must be an object @ FillCall.constraints[0]"),
        ({"constraints": [[]]}, "must be an object @ FillCall.constraints[0]"),
        ({"constraints": [{"regex": "\ud800"}]}, "holds half of a surrogate pair @ FillCall.constraints[0]"),
        ({"constraints": [{"a": [{"\ud800": 1}]}]}, "holds half of a surrogate pair @ FillCall.constraints[0]"),
        ({"constraints": [{"schema": {"minimum": float("nan")}}]}, "must be a finite number @ FillCall.constraints[0]"),
        ({"constraints": [nested(101)]}, "must not be nested more than 100 levels deep @ FillCall.constraints[0]"),
        ({"constraints": [{}], "max_lines": 1}, "A call with constraints can have neither a draft nor max_lines."),
        ({"constraints": [{}], "draft": [["a"]]}, "A call with constraints can have neither a draft nor max_lines."),
        ({"temperature": 1}, "unknown field 'temperature' @ FillCall"),
    ],
)
def test_mistakes_are_named(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError) as error:
        decode(json.dumps({"segments": ["a", "b"]} | changes), FillCall)
    assert problem in str(error.value)


@pytest.mark.parametrize("data", ["", "{", "[]", "null", "1", '"x"', "{}", "[" * 100_000, b"\xff", "1" * 5000])
def test_what_is_no_call_is_a_value_error(data: bytes | str) -> None:
    with pytest.raises(ValueError):
        decode(data, FillCall)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
        lambda values: (
            st.lists(values, max_size=3)
            | st.dictionaries(st.sampled_from(["segments", "draft", "constraints"]), values)
        ),
    )
)
def test_any_json_is_a_call_or_a_value_error(document: Any) -> None:
    try:
        call = decode(json.dumps(document), FillCall)
    except ValueError:
        return
    assert len(call.segments) >= 2


@pytest.mark.parametrize("data", ["{}", '{"type": []}', '{"type": "call"}', '{"type": "error", "kind": "no"}', "[]"])
def test_unknown_events_are_value_errors(data: str) -> None:
    with pytest.raises(ValueError):
        decode_event(data)


def test_mistakes_do_not_quote_what_is_wrong() -> None:
    with pytest.raises(ValueError) as error:
        decode('{"segments": ["my_secret"], "client": ["my_secret"], "language": 5}', FillCall)
    assert "my_secret" not in str(error.value)


def test_a_call_out_of_range_cannot_be_made() -> None:
    with pytest.raises(UserError, match="max_tokens must be between 1 and 4096"):
        FillCall(("", ""), max_tokens=5000)
