"""Finite automata over bytes and over the tokens of a vocabulary, as arrays."""

from collections.abc import Mapping, Set
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

NOWHERE = -1
NUM_BYTES = 256


@dataclass(frozen=True, slots=True, eq=False)
class TokenAutomaton:
    """The automaton of a regular expression that reads whole tokens. S states, C classes of tokens, E edges.

    Tokens that lead from every state to the same place form a class.

    Attributes:
        start: state before anything is read.
        accepting: states in which a text may end, (S,) bool.
        next_of_byte: where a byte leads, or NOWHERE, (S, 256) int64.
        class_of_token: (V,) int64; NOWHERE for tokens that no text of the language is made of.
        edges: each step's source, target and class of tokens, sorted, (E, 3) int64.
    """

    start: int
    accepting: BoolArray
    next_of_byte: IntArray
    class_of_token: IntArray
    edges: IntArray

    @classmethod
    def of_edges(
        cls, start: int, accepting: Set[int], edges: Mapping[int, Mapping[int, int]], vocab_size: int
    ) -> "TokenAutomaton":
        """Numbers the states and groups the tokens.

        Args:
            start: any number.
            accepting: states where a text may end.
            edges: for each state, where tokens lead; `vocab_size + byte` stands for a single byte.
            vocab_size: V.
        """
        states = sorted({start, *accepting, *edges, *(state for row in edges.values() for state in row.values())})
        number = {state: index for index, state in enumerate(states)}
        rows = [
            np.array([(number[state], token, number[target]) for token, target in row.items()], np.int64).reshape(-1, 3)
            for state, row in edges.items()
        ]
        sources, tokens, targets = np.concatenate([np.empty((0, 3), np.int64), *rows]).T
        is_byte = tokens >= vocab_size
        next_of_byte = np.full((len(states), NUM_BYTES), NOWHERE)
        next_of_byte[sources[is_byte], tokens[is_byte] - vocab_size] = targets[is_byte]
        class_of_token, grouped = _grouped(sources[~is_byte], tokens[~is_byte], targets[~is_byte], vocab_size)
        return cls(
            start=number[start],
            accepting=np.isin(states, list(accepting)),
            next_of_byte=next_of_byte,
            class_of_token=class_of_token,
            edges=grouped,
        )

    @property
    def num_states(self) -> int:
        """S."""
        return len(self.accepting)

    def read(self, text: bytes, state: int | None = None) -> int:
        """The state after a text, from the start or another state on; NOWHERE if no text of the language goes so."""
        state = self.start if state is None else state
        for byte in text:
            if state == NOWHERE:
                break
            state = int(self.next_of_byte[state, byte])
        return state

    def accepts(self, text: bytes) -> bool:
        """Whether a text is in the language."""
        state = self.read(text)
        return state != NOWHERE and bool(self.accepting[state])

    def accepting_before(self, suffix: bytes) -> BoolArray:
        """States from which a text may end with `suffix`, (S,) bool."""
        states = np.arange(self.num_states)
        for byte in suffix:
            states = np.where(states == NOWHERE, NOWHERE, self.next_of_byte[states, byte])
        return np.asarray((states != NOWHERE) & self.accepting[states])

    def distances(self, ends: BoolArray) -> IntArray:
        """The fewest tokens from each state to one of `ends`, (S,) bool; more than there are states where none leads.

        Returns:
            (S,) int64.
        """
        distance = np.where(ends, 0, self.num_states + 1)
        while True:
            nearer = distance.copy()
            np.minimum.at(nearer, self.edges[:, 0], distance[self.edges[:, 1]] + 1)
            if (nearer == distance).all():
                return distance
            distance = nearer


def _grouped(sources: IntArray, tokens: IntArray, targets: IntArray, vocab_size: int) -> tuple[IntArray, IntArray]:
    """Groups tokens by where they lead.

    Returns:
        The class of each token, (V,), and every (source, target, class) once, sorted, (E, 3).
    """
    order = np.lexsort((sources, tokens))
    sources, tokens, targets = sources[order], tokens[order], targets[order]
    present, begins, lengths = np.unique(tokens, return_index=True, return_counts=True)
    class_of_token = np.full(vocab_size, NOWHERE)
    known: dict[bytes, int] = {}
    kept: list[IntArray] = []
    columns = np.stack((sources, targets), axis=1)
    for token, begin, length in zip(present.tolist(), begins.tolist(), lengths.tolist(), strict=True):
        column = columns[begin : begin + length]
        number = known.setdefault(column.tobytes(), len(known))
        class_of_token[token] = number
        if number == len(known) - 1 and len(kept) < len(known):
            kept.append(np.column_stack((column, np.full(len(column), number))))
    edges = np.concatenate([np.empty((0, 3), np.int64), *kept])
    return class_of_token, edges[np.lexsort(edges.T[::-1])]
