"""The dynamic programme over the slots of a gap: exact marginals and the most probable text of a regular language.

Without a constraint a denoising step gives every slot a distribution of its own. Under one, what counts is their
product over all token strings that the automaton reads from its start to an accepting state. Sum-product gives the
marginals of that distribution, max-product (Viterbi) its most probable string, as in Suresh et al., "DINGO: Constrained
Inference for Diffusion LLMs" (2025), which has the latter. None of the sums vanishes, however improbable all texts of
the language are (`scaled_sums.py`).

A delete counts as no token, and behind one there are only deletes: so texts may be shorter than their gap.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lacuna_model.constraints.automaton import NOWHERE, UNREACHED, BoolArray, IntArray, TokenAutomaton, depths
from lacuna_model.constraints.class_sets import ClassSets
from lacuna_model.constraints.scaled_sums import ScaledSums
from lacuna_model.constraints.token_classes import Draw, FloatArray, LogitArray, TokenClasses

NAT = 1 << 30
"""Scores are whole numbers, 2 ** -30 nats each: they add up exactly, and numpy finds their maxima faster."""

NO_WAY = -(1 << 50)
"""Score of what leads to no end: far below all others, and its sum over thousands of slots fits into 64 bits."""


class Programme:
    """A language between two sides, for one gap.

    States and classes are numbered by how many tokens it takes to get there, and the start is 0: at a slot, what can be
    reached is the beginning of each array. Behind all others come the states that no token leaves.

    Attributes:
        ends: states at which the slots may end, (S,) bool.
        sources: state that each transition leaves, rising, (T,) int64. A transition is a pair of states; tokens of
            several classes may make it.
        targets: state that it enters, (T,) int64.
    """

    def __init__(
        self, automaton: TokenAutomaton, start: int, ends: BoolArray, goes_on: BoolArray, deletes: int | None
    ) -> None:
        """Prepares the programme.

        Args:
            automaton: of the language.
            start: state at the gap's beginning.
            ends: states at which the text may end, (S,) bool.
            goes_on: states at which a further canvas can go on, (S,) bool.
            deletes: the delete token; None: every slot has to be filled.
        """
        edges, class_of_token = automaton.edges, automaton.class_of_token
        stops = ends | goes_on
        if deletes is not None:
            over, delete = automaton.num_states, int(edges[:, 2].max(initial=NOWHERE)) + 1
            quits = np.append(np.flatnonzero(ends), over)
            edges = np.concatenate((edges, np.stack(np.broadcast_arrays(quits, over, delete), axis=1)))
            class_of_token = np.where(np.arange(len(class_of_token)) == deletes, delete, class_of_token)
            stops = np.append(stops, True)
        num_before = depths(edges[:, 0], edges[:, 1], np.arange(len(stops)) == start)
        is_useful = (num_before < UNREACHED) & (depths(edges[:, 1], edges[:, 0], stops) < UNREACHED)
        edges = edges[is_useful[edges[:, 0]] & is_useful[edges[:, 1]]]
        is_last = np.bincount(edges[:, 0], minlength=len(stops)) == 0
        order = np.lexsort((num_before, is_last))  # of the states
        edges[:, :2] = np.argsort(order)[edges[:, :2]]
        edges = edges[np.lexsort(edges.T[::-1])]
        pairs, firsts = np.unique(edges[:, :2], axis=0, return_index=True)
        kept, first_edges, classes = np.unique(edges[:, 2], return_index=True, return_inverse=True)  # (C,), (C,), (E,)
        nearest = np.argsort(first_edges)
        self.ends, self.sources, self.targets = stops[order], pairs[:, 0], pairs[:, 1]
        _, self._begins, self._fan_outs = np.unique(self.sources, return_index=True, return_counts=True)
        self._begin_of_state = np.searchsorted(self.sources, np.arange(len(stops) + 1)).tolist()
        self._depths_of_sources = num_before[order][self.sources]
        self._depths_of_classes = num_before[order][edges[first_edges[nearest], 0]]
        self._sets = ClassSets.of(np.argsort(nearest)[classes], firsts)
        self._classes = TokenClasses.of(class_of_token, kept[nearest])

    def fits(self, num_slots: int) -> bool:
        """Whether some text of the language fills so many slots."""
        reached = np.arange(len(self.ends)) == 0
        for _ in range(num_slots):
            ahead = np.zeros_like(reached)
            ahead[self.targets[reached[self.sources]]] = True
            reached = ahead
        return bool((reached & self.ends).any())

    def solve(self, logits: LogitArray, given: IntArray, draw: Draw | None = None) -> IntArray | None:
        """Combines a step's logits with the language.

        Args:
            logits: of every slot, (N, V) float32. They become the logs of every token's exact marginal; `IMPOSSIBLE`
                where no text has it.
            given: token that a slot holds already, or `NOWHERE`, (N,) int64.
            draw: draws the text from the exact joint distribution; None: the most probable one.

        Returns:
            The tokens of a text, (N,) int64. None where no text of the language has so many tokens with the given ones
            among them.
        """
        if not len(self.sources):
            return None  # the language has no text but the empty one
        num_classes = np.searchsorted(self._depths_of_classes, np.arange(len(logits)), side="right")
        reading = self._classes.read(logits, given, num_classes)
        best, sums = self._sets.best(reading.best), self._sets.sums(reading.sums)  # (N, U)
        reaches = self._reaches(len(logits))
        ways = self._look_ahead(best, sums, reaches)
        if ways is None:
            return None
        path = self._path(ways, draw)
        flow = self._flow(ways.odds, reaches)  # (N, U)
        with np.errstate(divide="ignore"):
            common = np.log(self._sets.per_class(np.divide(flow, sums, out=flow, where=sums > 0)))  # (N, C)
        of_class = reading.best if draw is None else reading.sums
        tokens = given.copy()

        def choose(slot: int) -> None:
            tokens[slot] = self._token(logits[slot], of_class[slot], path[slot], draw)

        self._classes.spread(logits, given, reading.bases, common, choose)
        return tokens

    def _look_ahead(self, best: FloatArray, sums: FloatArray, reaches: Sequence[tuple[int, int]]) -> "_Ways | None":
        """Goes through the slots from the last to the first.

        Args:
            best: the greatest logit of a set of classes, (N, U).
            sums: the sum of the exponentials of its logits, (N, U).
            reaches: see `_reaches`.

        Returns:
            None where no way leads to an end.
        """
        scores = np.maximum(best * NAT, NO_WAY).astype(np.int64)
        best_ways = np.empty((len(best) + 1, len(self.ends)), np.int64)
        best_ways[:] = NO_WAY
        best_ways[-1, self.ends] = 0
        all_ways = ScaledSums(self.ends, sums)
        odds = np.empty((len(best), len(self.sources)))
        for slot in reversed(range(len(best))):
            reach, num_states = reaches[slot]
            targets, sets = self.targets[:reach], self._sets.set_of_transition[:reach]
            begins, fan_outs = self._begins[:num_states], self._fan_outs[:num_states]
            score = scores[slot].take(sets)
            score += best_ways[slot + 1].take(targets)
            np.maximum.reduceat(score, begins, out=best_ways[slot, :num_states])
            weights = np.multiply(sums[slot].take(sets), all_ways.values.take(targets), out=odds[slot, :reach])
            all_ways.add(slot, weights, targets, begins, fan_outs)
        return _Ways(scores, best_ways, odds) if all_ways.values[0] else None

    def _flow(self, odds: FloatArray, reaches: Sequence[tuple[int, int]]) -> FloatArray:
        """The probability that the token of a slot makes a transition by one of a set of classes, (N, U)."""
        flow = np.zeros((len(odds), self._sets.num_sets))
        here = np.zeros(len(self.ends))
        here[0] = 1.0
        for slot, (reach, num_states) in enumerate(reaches):
            through = here[:num_states].repeat(self._fan_outs[:num_states])
            through *= odds[slot, :reach]
            here = np.zeros(len(self.ends))
            np.add.at(here, self.targets[:reach], through)
            np.add.at(flow[slot], self._sets.set_of_transition[:reach], through)
        return flow

    def _reaches(self, num_slots: int) -> list[tuple[int, int]]:
        """How many transitions can be made at each slot, and how many states they leave."""
        reach = np.searchsorted(self._depths_of_sources, np.arange(num_slots), side="right")
        return list(zip(reach.tolist(), np.searchsorted(self._begins, reach).tolist(), strict=True))

    def _path(self, ways: "_Ways", draw: Draw | None) -> list[int]:
        """The transitions of the most probable text, or of one drawn from the joint distribution."""
        path, state = [], 0
        for slot, odds in enumerate(ways.odds):
            begin, end = self._begin_of_state[state : state + 2]
            if draw is None:
                scores = ways.scores[slot].take(self._sets.set_of_transition[begin:end])
                path.append(begin + int((scores + ways.best[slot + 1].take(self.targets[begin:end])).argmax()))
            else:
                path.append(begin + draw(odds[begin:end]))
            state = int(self.targets[path[-1]])
        return path

    def _token(self, row: LogitArray, of_class: LogitArray, transition: int, draw: Draw | None) -> int:
        """A token that makes a transition, the best or a drawn one.

        Args:
            row: a slot's logits, (V,).
            of_class: the greatest one of each class, or, for a draw, the sum of their exponentials, (C,).
            transition: what is made.
            draw: draws; None: the best.
        """
        classes = self._sets.classes_of(transition)
        if draw is None:
            return self._classes.best_token(row, int(classes[of_class[classes].argmax()]))
        odds = of_class[classes].astype(np.float64)
        return self._classes.drawn_token(row, int(classes[draw(odds / odds.sum())]), draw)


@dataclass(frozen=True, slots=True, eq=False)
class _Ways:
    """The ways on from each state.

    Attributes:
        scores: how probable the best token of each set of classes is, (N, U) int64; see `NAT`.
        best: how probable the best way from a state to an end is, (N + 1, S) int64.
        odds: the probability of a transition where its source is left, over all ways to an end, (N, T).
    """

    scores: IntArray
    best: IntArray
    odds: FloatArray
