"""Languages whose texts begin with given bytes, which heal a word that a gap has cut in two.

A model that has read "retu" as a text of its own does not know the tokens that go on from there: it has always seen the
word as one. So the cut word is taken from the prefix, and the gap has to begin with it, in whatever tokens.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from lacuna_model.constraints.automaton import NOWHERE, NUM_BYTES, IntArray, TokenAutomaton


class Beginnings:
    """Puts given bytes before languages over one vocabulary.

    Attributes:
        anything: the automaton that reads all texts.
    """

    def __init__(self, vocabulary: Sequence[bytes]) -> None:
        """Sorts the vocabulary, which holds the bytes of every token; none for a token that stands for no text."""
        self.anything = TokenAutomaton(
            start=0,
            accepting=np.array([True]),
            next_of_byte=np.zeros((1, NUM_BYTES), np.int64),
            class_of_token=np.array([0 if token else NOWHERE for token in vocabulary]),
            edges=np.zeros((1, 3), np.int64),
        )
        self._sorted = sorted((token, number) for number, token in enumerate(vocabulary) if token)

    def before(self, text: bytes, automaton: TokenAutomaton, start: int) -> TokenAutomaton:
        """An automaton that reads a text, which is not empty, and goes on with what another one reads from a state on.

        Its states are those of the other one, and behind them a state before each byte of the text.
        """
        num_states = automaton.num_states
        next_of_byte = np.full((num_states + len(text), NUM_BYTES), NOWHERE)
        next_of_byte[:num_states] = automaton.next_of_byte
        states = [*range(num_states, num_states + len(text)), start]
        next_of_byte[states[:-1], list(text)] = states[1:]
        steps: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for index, state in enumerate(states[:-1]):
            for token, number in self._compatible(text[index:]):
                rest = token[len(text) - index :]
                target = automaton.read(rest, start) if rest else states[index + len(token)]
                if target != NOWHERE:
                    steps[number].append((state, target))
        class_of_token, edges = _with_steps(automaton, steps)
        accepting = np.append(automaton.accepting, np.zeros(len(text), bool))
        return TokenAutomaton(states[0], accepting, next_of_byte, class_of_token, edges)

    def compatible(self, text: bytes) -> list[int]:
        """Tokens that begin with a text or that the text begins with."""
        return [number for _, number in self._compatible(text)]

    def spell(self, text: bytes) -> list[int]:
        """Tokens that are a text, always the longest that goes on in it; as far as the vocabulary can spell it."""
        spelled: list[int] = []
        while text and (fitting := [pair for pair in self._compatible(text) if text.startswith(pair[0])]):
            token, number = max(fitting, key=lambda pair: len(pair[0]))
            spelled.append(number)
            text = text[len(token) :]
        return spelled

    def _compatible(self, text: bytes) -> Iterator[tuple[bytes, int]]:
        """Tokens that begin with a text or that the text begins with."""
        for length in range(1, len(text)):
            yield from self._between(text[:length], text[:length] + b"\0")
        yield from self._between(text, text[:-1] + bytes([text[-1] + 1]))

    def _between(self, first: bytes, end: bytes) -> Sequence[tuple[bytes, int]]:
        return self._sorted[bisect_left(self._sorted, (first, 0)) : bisect_left(self._sorted, (end, 0))]


def _with_steps(automaton: TokenAutomaton, steps: dict[int, list[tuple[int, int]]]) -> tuple[IntArray, IntArray]:
    """Splits classes of tokens by further steps, (source, target), that their tokens make."""
    class_of_token = automaton.class_of_token.copy()
    numbers: dict[tuple[int, tuple[tuple[int, int], ...]], int] = {}
    num_classes = int(automaton.edges[:, 2].max(initial=NOWHERE)) + 1
    for token, of_token in steps.items():
        key = int(class_of_token[token]), tuple(of_token)
        class_of_token[token] = numbers.setdefault(key, num_classes + len(numbers))
    edges = [automaton.edges[np.isin(automaton.edges[:, 2], class_of_token)]]  # no class is left without tokens
    for (old, pairs), number in numbers.items():
        own = automaton.edges[automaton.edges[:, 2] == old, :2]
        both = np.concatenate((own, np.array(pairs).reshape(-1, 2)))
        edges.append(np.column_stack((both, np.full(len(both), number))))
    return class_of_token, np.concatenate(edges)
