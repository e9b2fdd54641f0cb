"""The automaton of a regular expression over bytes."""

from collections.abc import Mapping, Set
from dataclasses import dataclass

import numpy as np

from lacuna_model.constraints.automaton import NOWHERE, NUM_BYTES, BoolArray, IntArray

MAX_ROUNDS = 1000
"""Of telling states apart: as many as the longest of the texts that tell two states apart has bytes."""


@dataclass(frozen=True, slots=True, eq=False)
class ByteAutomaton:
    """Reads bytes. S states.

    Attributes:
        start: state before anything is read.
        accepting: states in which a text may end, (S,) bool.
        next_of_byte: where a byte leads, or NOWHERE, (S, 256) int64.
    """

    start: int
    accepting: BoolArray
    next_of_byte: IntArray

    @classmethod
    def of_edges(cls, start: int, accepting: Set[int], edges: Mapping[int, Mapping[int, int]]) -> "ByteAutomaton":
        """Numbers the states.

        Args:
            start: any number.
            accepting: states where a text may end.
            edges: for each state, where bytes lead.
        """
        states = sorted({start, *accepting, *edges, *(target for row in edges.values() for target in row.values())})
        number = {state: index for index, state in enumerate(states)}
        next_of_byte = np.full((len(states), NUM_BYTES), NOWHERE)
        for state, row in edges.items():
            for byte, target in row.items():
                next_of_byte[number[state], byte] = number[target]
        return cls(number[start], np.isin(states, list(accepting)), next_of_byte)

    def minimal(self) -> "ByteAutomaton":
        """The same with one state for all from which the same texts lead to an end.

        Moore's algorithm: states that differ in accepting are told apart, then those whose bytes lead to such as are
        told apart, until nothing changes. Where that takes too long, the automaton stays as it is.
        """
        different = {column.tobytes(): byte for byte, column in enumerate(self.next_of_byte.T)}
        columns = self.next_of_byte[:, list(different.values())]  # most bytes lead wherever another one does
        odd = np.random.default_rng(0).integers(0, 1 << 62, columns.shape[1] + 1) * 2 + 1
        block = self.accepting.astype(np.int64)
        first, num_blocks = np.unique(block, return_index=True)[1], 0
        for _ in range(MAX_ROUNDS):
            if len(first) == num_blocks:
                break
            num_blocks = len(first)
            signs = np.column_stack((np.where(columns == NOWHERE, NOWHERE, block[columns]), block))
            _, first, block = np.unique(signs @ odd, return_index=True, return_inverse=True)  # modulo 2^64
        if len(first) > num_blocks or (signs != signs[first[block]]).any():
            return self  # not done, or two signs have one number by chance
        next_of_byte = self.next_of_byte[first]
        return ByteAutomaton(
            start=int(block[self.start]),
            accepting=self.accepting[first],
            next_of_byte=np.where(next_of_byte == NOWHERE, NOWHERE, block[next_of_byte]),
        )
