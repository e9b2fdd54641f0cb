import re
import string
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lacuna_model.constraints import build_process, building
from lacuna_model.constraints.automaton import NOWHERE, UNREACHED, depths
from lacuna_model.constraints.build_process import automaton_of, without_null
from lacuna_model.constraints.building import AutomatonBuilder
from lacuna_model.constraints.token_steps import token_steps
from lacuna_model.errors import ConstraintError

VOCABULARY = (*(character.encode() for character in string.printable), b"ab", b"foo", "é".encode(), b"")


@pytest.mark.parametrize(
    ("pattern", "accepted", "rejected"),
    [
        ("(ab)+", ("ab", "abab"), ("", "a", "aba")),
        ("a|ab", ("a", "ab"), ("b",)),
        ("é+", ("é", "éé"), ("", "e")),
        (".", ("a", "é", "\t"), ("\n", "", "aa")),
        ("(?s).", ("\n",), ("",)),
        ("[^]a]*x", ("x", "bx"), ("ax", "]x")),
        (r"\D\.\W", ("a.-",), ("1.-", "a.a")),
        (r"[\]\[]+", ("[]",), ("a",)),
        (r"[a[0-9]-]+", ("a0-",), ("b",)),
        (r"\P{L}", ("1",), ("a",)),
        ("", ("",), ("a",)),
        ("[a-z][a-z0-9]{0,60}", ("a", "a" + "0" * 60), ("", "0", "a" + "0" * 61)),
        ('"[^"]{0,40}"', ('""', '"' + "é" * 40 + '"'), ('"' + "é" * 41 + '"', '"""')),
    ],
)
def test_languages(pattern: str, accepted: tuple[str, ...], rejected: tuple[str, ...]) -> None:
    automaton = automaton_of(pattern, VOCABULARY)
    assert [text for text in accepted if not automaton.accepts(text.encode())] == []
    assert [text for text in rejected if automaton.accepts(text.encode())] == []


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(("(ab)+", "[^a]b?", ".{2,4}", r"\w+-\d*", "(foo|fob)[a-c]*")),
    st.lists(st.sampled_from([token for token in VOCABULARY if token]), max_size=4),
)
def test_tokens_lead_where_their_bytes_do(pattern: str, tokens: list[bytes]) -> None:
    automaton = automaton_of(pattern, VOCABULARY)
    state = automaton.start
    for token in tokens:
        edges = automaton.edges
        group = automaton.class_of_token[VOCABULARY.index(token)]
        targets = edges[(edges[:, 0] == state) & (edges[:, 2] == group), 1]
        expected = automaton.read(token, state)
        if expected != NOWHERE and automaton.distances(automaton.accepting)[expected] < UNREACHED:
            assert targets.tolist() == [expected]
            state = expected
        else:
            assert group == NOWHERE or len(targets) == 0 or targets.tolist() == [expected]
            return


@pytest.mark.parametrize(
    ("pattern", "num_states"),
    [("a|b", 2), ("abc|xbc|ybc", 4), ("(ab)+", 3), ("a{3}|a{4}", 5), ("[ab]*", 1), ("[0-9]{4}-[0-9]{2}", 8)],
)
def test_no_two_states_have_the_same_texts_before_them(pattern: str, num_states: int) -> None:
    assert automaton_of(pattern, [bytes([byte]) for byte in range(128)]).num_states == num_states


@pytest.mark.parametrize("pattern", ["(", "a)|(b", "a)", "(?x)a) # (", "[z-a]"])
def test_what_is_no_expression_is_none_inside_of_another(pattern: str) -> None:
    with pytest.raises(ValueError):
        automaton_of(pattern, VOCABULARY)


def test_too_many_steps_are_refused() -> None:
    automaton = automaton_of("[a-z]*", VOCABULARY)
    num_steps = len(token_steps(automaton.next_of_byte, VOCABULARY, 100).tokens)
    with pytest.raises(OverflowError):
        token_steps(automaton.next_of_byte, VOCABULARY, num_steps - 1)


def test_many_values_are_quickly_built() -> None:
    values = [f"value-{number * 7919 % 10_000:04}-{number}" for number in range(4000)]
    began = time.process_time()
    automaton = automaton_of("|".join(values), VOCABULARY)
    assert time.process_time() - began < 7  # five times what it takes
    assert all(automaton.accepts(value.encode()) for value in values[::100])


@pytest.mark.parametrize(
    ("pattern", "rewritten"),
    [
        ("a.b", r"a[^\n\x00]b"),
        (r"\.\\.", r"\.\\[^\n\x00]"),
        ("[^ab]", r"[[^ab]--\x00]"),
        ("[]a.]", r"[[]a.]--\x00]"),
        (r"[\].]", r"[[\].]--\x00]"),
        (r"\S\s", r"[\S--\x00]\s"),
        (r"\P{Lu}", r"[\P{Lu}--\x00]"),
        ("(?s)a.", "(?s)a."),
        ("(?x)a [#.] # .", "(?x)a [#.] # ."),
        ("a{2}(?:b|c)", "a{2}(?:b|c)"),
    ],
)
def test_nulls_are_taken_out(pattern: str, rewritten: str) -> None:
    assert without_null(pattern) == rewritten


def test_an_automaton_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = AutomatonBuilder(VOCABULARY, tmp_path).build("(ab)+c")
    monkeypatch.setattr("subprocess.run", _never)
    again = AutomatonBuilder(VOCABULARY, tmp_path).build("(ab)+c")
    assert np.array_equal(first.edges, again.edges) and first.start == again.start
    with pytest.raises(AssertionError):
        AutomatonBuilder((*VOCABULARY, b"c"), tmp_path).build("(ab)+c")  # another vocabulary, another automaton


@pytest.mark.parametrize("damage", [lambda data: b"", lambda data: data[:100], lambda data: b"x" + data[1:]])
def test_a_damaged_file_is_made_anew(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    AutomatonBuilder(VOCABULARY, tmp_path).build("a")
    (file,) = tmp_path.glob("*.npz")
    file.write_bytes(damage(file.read_bytes()))
    assert AutomatonBuilder(VOCABULARY, tmp_path).build("a").accepts(b"a")


def test_where_nothing_can_be_kept_it_works_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert AutomatonBuilder(VOCABULARY, tmp_path / "file" / "folder").build("a").accepts(b"a")


def test_the_oldest_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    builder = AutomatonBuilder(VOCABULARY, tmp_path)
    builder.build("a")
    (size,) = (file.stat().st_size for file in tmp_path.iterdir())
    monkeypatch.setattr(building, "MAX_KEPT_BYTES", int(1.5 * size))
    builder.build("b")
    assert len(list(tmp_path.iterdir())) == 1
    assert AutomatonBuilder(VOCABULARY, tmp_path)._path("b").exists()


def test_what_python_warns_of_is_no_message_for_users(tmp_path: Path) -> None:
    with warnings.catch_warnings(action="error"), pytest.raises(ConstraintError, match="it matches nothing"):
        AutomatonBuilder(VOCABULARY, tmp_path).build("[a&&b]")


def test_what_explodes_ends_with_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "MAX_SECONDS", 3.0)
    with pytest.raises(ConstraintError, match=re.escape("too large to prepare: ((a{300}){300}){300}.")):
        AutomatonBuilder(VOCABULARY, tmp_path).build("((a{300}){300}){300}")


def test_there_may_not_be_too_many_states(monkeypatch: pytest.MonkeyPatch) -> None:
    assert automaton_of("a{6}", VOCABULARY).num_states == 7
    monkeypatch.setattr(build_process, "MAX_STATES", 6)
    with pytest.raises(OverflowError):
        automaton_of("a{6}", VOCABULARY)


@given(st.integers(1, 8), st.data())
def test_depths_are_those_of_a_walk_in_all_directions(num_states: int, data: st.DataObject) -> None:
    states = st.integers(0, num_states - 1)
    steps = data.draw(st.lists(st.tuples(states, states), max_size=16))
    firsts = data.draw(st.sets(states))
    expected = dict.fromkeys(firsts, 0)
    for depth in range(1, num_states):
        for source, target in steps:
            if expected.get(source) == depth - 1:
                expected.setdefault(target, depth)
    sources, targets = np.array(steps, np.int64).reshape(-1, 2).T
    found = depths(sources, targets, np.isin(np.arange(num_states), list(firsts)))
    assert found.tolist() == [expected.get(state, UNREACHED) for state in range(num_states)]


def test_what_has_failed_is_not_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    builder = AutomatonBuilder(VOCABULARY, tmp_path)
    with pytest.raises(ConstraintError) as first:
        builder.build("(a")
    monkeypatch.setattr("subprocess.run", _never)
    with pytest.raises(ConstraintError, match=re.escape(str(first.value))):
        builder.build("(a")


def _never(*_: object, **__: object) -> None:
    raise AssertionError("nothing is to be built")
