"""Finite automata over the tokens of a vocabulary, as arrays."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

NOWHERE = -1
UNREACHED = 1 << 40
"""More steps than any automaton has states, or any gap slots."""

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
    def of_steps(
        cls,
        start: int,
        accepting: BoolArray,
        next_of_byte: IntArray,
        steps: tuple[IntArray, IntArray, IntArray],
        vocab_size: int,
    ) -> "TokenAutomaton":
        """Groups the tokens.

        Args:
            start: see above.
            accepting: see above.
            next_of_byte: see above.
            steps: sources, tokens and targets of all steps, (E,) each; the sources of each token rising.
            vocab_size: V.
        """
        return cls(start, accepting, next_of_byte, *_grouped(*steps, vocab_size))

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
        """The fewest tokens from each state to one of `ends`, (S,) bool; `UNREACHED` where none leads, (S,) int64."""
        return depths(self.edges[:, 1], self.edges[:, 0], ends)


def depths(sources: IntArray, targets: IntArray, firsts: BoolArray) -> IntArray:
    """In how many steps each state is reached from one of some first states: a breadth-first search.

    Args:
        sources: state that each step leaves, (E,) int64.
        targets: state that it enters, (E,) int64.
        firsts: (S,) bool.

    Returns:
        `UNREACHED` where a state never is, (S,) int64.
    """
    order = np.argsort(sources, kind="stable")
    ordered = targets[order]
    begins = np.searchsorted(sources[order], np.arange(len(firsts) + 1))
    found = np.where(firsts, 0, UNREACHED)
    latest, depth = np.flatnonzero(firsts), 0
    while len(latest):
        depth += 1
        num_steps = begins[latest + 1] - begins[latest]
        offsets = np.arange(num_steps.sum()) - np.repeat(num_steps.cumsum() - num_steps, num_steps)
        reached = ordered[np.repeat(begins[latest], num_steps) + offsets]
        latest = np.unique(reached[found[reached] == UNREACHED])
        found[latest] = depth
    return found


def _grouped(sources: IntArray, tokens: IntArray, targets: IntArray, vocab_size: int) -> tuple[IntArray, IntArray]:
    """Groups tokens by where they lead.

    Returns:
        The class of each token, (V,), and every (source, target, class) once, sorted, (E, 3).
    """
    order = np.argsort(tokens, kind="stable")
    columns = np.stack((sources[order], targets[order]), axis=1)
    present, begins = np.unique(tokens[order], return_index=True)
    class_of_token = np.full(vocab_size, NOWHERE)
    known: dict[bytes, int] = {}
    kept: list[IntArray] = [np.empty((0, 3), np.int64)]
    for token, column in zip(present.tolist(), np.split(columns, begins[1:]) if len(present) else (), strict=True):
        number = known.setdefault(column.tobytes(), len(known))
        class_of_token[token] = number
        if number == len(kept) - 1:  # a new one
            kept.append(np.column_stack((column, np.full(len(column), number))))
    edges = np.concatenate(kept)
    return class_of_token, edges[np.lexsort(edges.T[::-1])]
