"""The dynamic programme against enumeration: every string of a small vocabulary, both sides fixed."""

import itertools
import math
import re
from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lacuna_model.constraints.automaton import NOWHERE, TokenAutomaton
from lacuna_model.constraints.build_process import automaton_of
from lacuna_model.constraints.programme import Programme
from lacuna_model.constraints.token_classes import IMPOSSIBLE

TOKENS = (b"a", b"b", b"ab", b"1", b"-", "é".encode(), "é".encode()[:1], "é".encode()[1:])
DELETE = len(TOKENS)
VOCABULARY = (*TOKENS, b"")
PATTERNS = ("(ab)+", "a*b?", "[ab]{2,3}1?", "a|ab|b1", "(a|é)*-?", "[^-]+", "", "(a-)*a", "1?(ab|ba)*", ".*")
SIDES = ((b"", b""), (b"a", b""), (b"", b"b"), (b"a", b"b"), (b"ab", b"ab"), ("é".encode()[:1], b""), (b"", b"-a"))


@cache
def automaton(pattern: str) -> TokenAutomaton:
    return automaton_of(pattern, VOCABULARY)


def programme(pattern: str, before: bytes, after: bytes, deletes: int | None) -> Programme | None:
    machine = automaton(pattern)
    start = machine.read(before)
    ends = machine.accepting_before(after)
    return None if start == NOWHERE else Programme(machine, start, ends, ~ends & False, deletes)


def texts(pattern: str, before: bytes, after: bytes, num_slots: int, can_delete: bool) -> list[tuple[int, ...]]:
    """All token strings that the language allows."""
    allowed = []
    for length in range(num_slots + 1) if can_delete else (num_slots,):
        for ids in itertools.product(range(len(TOKENS)), repeat=length):
            whole = before + b"".join(TOKENS[token] for token in ids) + after
            try:
                if re.fullmatch(pattern, whole.decode()):
                    allowed.append(ids + (DELETE,) * (num_slots - length))
            except UnicodeDecodeError:
                pass
    return allowed


@st.composite
def cases(draw: st.DrawFn) -> tuple[str, tuple[bytes, bytes], int, bool, list[list[float]], list[int]]:
    num_slots = draw(st.integers(1, 3))
    values = st.floats(-8, 8, width=32)
    logits = draw(
        st.lists(
            st.lists(values, min_size=len(VOCABULARY), max_size=len(VOCABULARY)),
            min_size=num_slots,
            max_size=num_slots,
        )
    )
    given_tokens = draw(st.lists(st.sampled_from((NOWHERE, NOWHERE, 0, 1)), min_size=num_slots, max_size=num_slots))
    return (
        draw(st.sampled_from(PATTERNS)),
        draw(st.sampled_from(SIDES)),
        num_slots,
        draw(st.booleans()),
        logits,
        given_tokens,
    )


@settings(max_examples=300, deadline=None)
@given(cases())
def test_marginals_and_maximum_are_those_of_all_texts(
    case: tuple[str, tuple[bytes, bytes], int, bool, list[list[float]], list[int]],
) -> None:
    pattern, (before, after), num_slots, can_delete, rows, given_tokens = case
    logits = torch.tensor(rows)
    allowed = [
        ids
        for ids in texts(pattern, before, after, num_slots, can_delete)
        if all(token in (NOWHERE, ids[slot]) for slot, token in enumerate(given_tokens))
    ]
    maker = programme(pattern, before, after, DELETE if can_delete else None)
    solved = logits.numpy().copy()
    text = None if maker is None else maker.solve(solved, np.array(given_tokens))
    if not allowed:
        assert text is None
        return
    assert text is not None
    free = [slot for slot, token in enumerate(given_tokens) if token == NOWHERE]
    probabilities = logits.double().softmax(1)
    scores = [math.prod(float(probabilities[slot, ids[slot]]) for slot in free) for ids in allowed]
    marginals = torch.zeros(num_slots, len(VOCABULARY), dtype=torch.float64)
    for ids, score in zip(allowed, scores, strict=True):
        for slot, token in enumerate(ids):
            marginals[slot, token] += score / sum(scores)
    torch.testing.assert_close(torch.from_numpy(solved).double().exp(), marginals, atol=1e-5, rtol=1e-4)
    best = tuple(text.tolist())
    assert best in allowed
    assert scores[allowed.index(best)] == pytest.approx(max(scores), rel=1e-5)


@settings(max_examples=50, deadline=None)
@given(cases())
def test_lengths_are_those_of_all_texts(
    case: tuple[str, tuple[bytes, bytes], int, bool, list[list[float]], list[int]],
) -> None:
    pattern, (before, after), *_ = case
    maker = programme(pattern, before, after, None)
    expected = [length for length in range(4) if texts(pattern, before, after, length, can_delete=False)]
    assert [length for length in range(4) if maker is not None and maker.fits(length)] == expected


def test_draws_follow_the_joint_distribution() -> None:
    logits = torch.randn(3, len(VOCABULARY), generator=torch.Generator().manual_seed(1))
    maker = programme("a*b?", b"", b"", DELETE)
    assert maker is not None
    generator = torch.Generator().manual_seed(2)
    undecided = np.full(3, NOWHERE)
    counts: dict[tuple[int, ...], int] = {}
    for _ in range(4000):
        text = maker.solve(
            logits.numpy().copy(),
            undecided,
            lambda odds: int(torch.multinomial(torch.as_tensor(odds), 1, generator=generator)),
        )
        assert text is not None
        ids = tuple(text.tolist())
        counts[ids] = counts.get(ids, 0) + 1
    allowed = texts("a*b?", b"", b"", 3, can_delete=True)
    weights = [math.exp(sum(float(logits[slot, token]) for slot, token in enumerate(ids))) for ids in allowed]
    for ids, weight in zip(allowed, weights, strict=True):
        assert counts.get(ids, 0) / 4000 == pytest.approx(weight / sum(weights), abs=0.035)


def test_nothing_is_too_improbable() -> None:
    """All texts of the language lie at the very bottom of every slot's distribution, far below what floats can hold."""
    num_slots = 200
    logits = np.zeros((num_slots, len(VOCABULARY)), np.float32)
    logits[:, 0], logits[:, 3] = -60.0, 60.0
    maker = programme("a*|a*-", b"", b"", None)
    assert maker is not None
    text = maker.solve(logits, np.full(num_slots, NOWHERE))
    assert text is not None
    assert bytes(b"".join(TOKENS[token] for token in text.tolist())) == b"a" * (num_slots - 1) + b"-"
    assert np.exp(logits).sum(1).tolist() == pytest.approx([1.0] * num_slots, abs=1e-4)


@pytest.mark.parametrize("first", [0, 3])
def test_the_ways_of_a_hopeless_state_still_count(first: int) -> None:
    """Behind one token there is a single way on, behind the other the ways of 1,000 free slots: far more than floats
    can hold."""
    num_slots = 1000
    maker = programme("1-*|a[^-]*", b"", b"", None)
    assert maker is not None
    given_tokens = np.full(num_slots, NOWHERE)
    given_tokens[0] = first
    logits = np.zeros((num_slots, len(VOCABULARY)), np.float32)
    text = maker.solve(logits, given_tokens)
    assert text is not None
    assert text[0] == first
    assert np.exp(logits).sum(1).tolist() == pytest.approx([1.0] * num_slots, abs=1e-4)


@pytest.mark.parametrize("shift", [-1000.0, -50.0, 50.0, 1000.0])
def test_a_slots_logits_may_lie_anywhere(shift: float) -> None:
    logits = torch.randn(3, len(VOCABULARY), generator=torch.Generator().manual_seed(3)).numpy()
    maker = programme("a*b?", b"", b"", DELETE)
    assert maker is not None
    shifted = logits + np.float32(shift)
    undecided = np.full(3, NOWHERE)
    assert maker.solve(shifted, undecided) is not None
    assert maker.solve(logits, undecided) is not None
    np.testing.assert_allclose(np.exp(shifted), np.exp(logits), atol=1e-4)


def test_few_of_many_tokens_may_lie_anywhere() -> None:
    maker = programme("a", b"", b"", None)
    assert maker is not None
    logits = np.full((1, len(VOCABULARY)), 150.0, np.float32)
    assert maker.solve(logits, np.array([NOWHERE])) is not None
    assert np.exp(logits).max() == pytest.approx(1)


def test_what_no_text_has_is_impossible() -> None:
    maker = programme("ab", b"", b"", None)
    assert maker is not None
    logits = np.zeros((1, len(VOCABULARY)), np.float32)
    assert maker.solve(logits, np.array([NOWHERE])) is not None
    assert logits[0].tolist() == pytest.approx([IMPOSSIBLE, IMPOSSIBLE, 0.0] + [IMPOSSIBLE] * 6)
