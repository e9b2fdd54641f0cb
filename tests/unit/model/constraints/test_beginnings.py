"""A language behind given bytes against enumeration: what its tokens spell, and nothing else."""

import itertools
import re

import pytest

from lacuna_model.constraints.automaton import NOWHERE, TokenAutomaton
from lacuna_model.constraints.beginnings import Beginnings
from lacuna_model.constraints.build_process import automaton_of

VOCABULARY = (b"a", b"b", b"ab", b"ba", b"aba", b"1", b"", b" a", b" ")


def spelled(automaton: TokenAutomaton, max_tokens: int) -> set[tuple[int, ...]]:
    """Token strings that an automaton reads to an accepting state, by its edges."""
    found = set()
    for length in range(max_tokens + 1):
        for ids in itertools.product(range(len(VOCABULARY)), repeat=length):
            state = automaton.start
            for token in ids:
                sources, targets, classes = automaton.edges.T
                number = automaton.class_of_token[token]
                reached = targets[(sources == state) & (classes == number) & (number != NOWHERE)].tolist()
                assert len(reached) <= 1
                state = reached[0] if reached else NOWHERE
            if state != NOWHERE and automaton.accepting[state]:
                found.add(ids)
    return found


@pytest.mark.parametrize("pattern", ["(ab)+", "b?a*", "[ab]{2}1", "1", "", None])
@pytest.mark.parametrize("word", ["a", "ab", " ab", "aba", "1a"])
def test_texts_are_the_word_and_a_text(pattern: str | None, word: str) -> None:
    beginnings = Beginnings(VOCABULARY)
    then = beginnings.anything if pattern is None else automaton_of(pattern, VOCABULARY)
    automaton = beginnings.before(word.encode(), then, then.start)
    whole = re.compile(re.escape(word) + ("[ab1 ]*" if pattern is None else f"(?:{pattern})"))
    expected = {
        ids
        for length in range(5)
        for ids in itertools.product([token for token in range(len(VOCABULARY)) if VOCABULARY[token]], repeat=length)
        if whole.fullmatch(b"".join(VOCABULARY[token] for token in ids).decode())
    }
    assert spelled(automaton, 4) == expected
    assert {*automaton.edges[:, 2].tolist()} <= {*automaton.class_of_token.tolist()}


def test_part_of_a_text_may_stand_before_the_word() -> None:
    """As where a value has begun before the gap, and its last word is cut."""
    then = automaton_of("2[0-9]ab", VOCABULARY)
    automaton = Beginnings(VOCABULARY).before(b"1", then, then.read(b"21"))
    assert spelled(automaton, 3) == {(5, 0, 1), (5, 2)}
