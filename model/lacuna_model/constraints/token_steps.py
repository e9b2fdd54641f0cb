"""Where the tokens of a vocabulary lead from each state of an automaton that reads bytes.

The vocabulary is a trie, and all states walk down it at once, a level at a time. Where no text goes on, the walk ends
with all the tokens below: so a state costs as much as it has ways on, not as much as the vocabulary is large.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from lacuna_model.constraints.automaton import NOWHERE, IntArray


class TokenSteps(NamedTuple):
    """Steps from a state by a token to a state, (E,) int64 each."""

    sources: IntArray
    tokens: IntArray
    targets: IntArray


def token_steps(next_of_byte: IntArray, vocabulary: Sequence[bytes], most: int) -> TokenSteps:
    """Finds all steps.

    Args:
        next_of_byte: where a byte leads, or NOWHERE, (S, 256).
        vocabulary: bytes of every token; none for a token that stands for no text.
        most: number of steps that is not too large.

    Raises:
        OverflowError: there are more steps.
    """
    sources = states = np.arange(len(next_of_byte))
    nodes = np.zeros_like(sources)  # where each walk is in the trie, by the number on its level
    found = [TokenSteps(*np.empty((3, 0), np.int64))]
    for level in _levels(vocabulary):
        walk, nodes = _spread(nodes, level.children)
        states = next_of_byte[states[walk], level.last_byte[nodes]]
        goes_on = states != NOWHERE
        sources, states, nodes = sources[walk[goes_on]], states[goes_on], nodes[goes_on]
        walk, tokens = _spread(nodes, level.tokens)
        found.append(TokenSteps(sources[walk], level.ids[tokens], states[walk]))
        if sum(len(steps.tokens) for steps in found) > most:
            raise OverflowError
    return TokenSteps(*map(np.concatenate, zip(*found, strict=True)))


class _Level(NamedTuple):
    """A level of the trie.

    Attributes:
        last_byte: of each node, (M,).
        children: for each node of the level above, where its children begin among these nodes, and at last M.
        tokens: for each node, where its tokens begin among those that end here, and at last their number, (M + 1,).
        ids: of these tokens.
    """

    last_byte: IntArray
    children: IntArray
    tokens: IntArray
    ids: IntArray


def _levels(vocabulary: Sequence[bytes]) -> Iterator[_Level]:
    """The levels of the trie of a vocabulary, from the first bytes on."""
    ids = np.array(sorted(filter(vocabulary.__getitem__, range(len(vocabulary))), key=vocabulary.__getitem__), np.int64)
    lengths = np.array([len(vocabulary[token]) for token in ids.tolist()], np.int64)
    width = int(lengths.max(initial=0))
    padded = b"".join(vocabulary[token].ljust(width, b"\0") for token in ids.tolist())
    spelling = np.frombuffer(padded, np.uint8).reshape(len(ids), width)
    is_new = np.arange(len(ids)) == 0  # whether a token's beginning is not that of the token before it
    above = np.zeros(1, np.int64)
    for depth in range(width):
        is_new[1:] |= spelling[1:, depth] != spelling[:-1, depth]
        firsts = np.flatnonzero(is_new & (lengths > depth))  # the first token of each node
        ending = np.flatnonzero(lengths == depth + 1)
        yield _Level(
            last_byte=spelling[firsts, depth].astype(np.int64),
            children=np.append(np.searchsorted(firsts, above), len(firsts)),
            tokens=np.append(np.searchsorted(ending, firsts), len(ending)),
            ids=ids[ending],
        )
        above = firsts


def _spread(nodes: IntArray, begins: IntArray) -> tuple[IntArray, IntArray]:
    """Goes from each walk to all that belongs to its node.

    Args:
        nodes: of the walks, (W,).
        begins: where what belongs to a node begins; it ends where that of the next one begins.

    Returns:
        For everything that is reached: the number of the walk, and its own number.
    """
    num_reached = begins[nodes + 1] - begins[nodes]
    walk = np.repeat(np.arange(len(nodes)), num_reached)
    offset = np.arange(len(walk)) - np.repeat(np.cumsum(num_reached) - num_reached, num_reached)
    return walk, begins[nodes][walk] + offset
