"""The dynamic programme over the slots of a gap: exact marginals and the most probable text of a regular language.

Without a constraint a denoising step gives every slot a distribution of its own. Under one, what counts is their
product over all token strings that the automaton reads from its start to an accepting state. Sum-product gives the
marginals of that distribution, max-product (Viterbi) its most probable string, as in Suresh et al., "DINGO: Constrained
Inference for Diffusion LLMs" (2025), which has the latter. The sums are taken relative to the best way on from each
state, so none vanishes, however improbable all texts of the language are.

A delete counts as no token, and behind one there are only deletes: so texts may be shorter than their gap.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lacuna_model.constraints.automaton import NOWHERE, BoolArray, IntArray, TokenAutomaton
from lacuna_model.constraints.class_sets import ClassSets
from lacuna_model.constraints.token_classes import Draw, FloatArray, LogitArray, TokenClasses


class Programme:
    """A language between two sides, for one gap.

    States and classes are numbered by how many tokens it takes to get there, and the start is 0: at a slot, what can be
    reached is the beginning of each array.

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
        depths = _depths(edges[:, 0], edges[:, 1], np.arange(len(stops)) == start)
        is_useful = (depths < len(stops)) & (_depths(edges[:, 1], edges[:, 0], stops) < len(stops))
        edges = edges[is_useful[edges[:, 0]] & is_useful[edges[:, 1]]]
        order = np.argsort(depths, kind="stable")  # of the states
        edges[:, :2] = np.argsort(order)[edges[:, :2]]
        edges = edges[np.lexsort(edges.T[::-1])]
        pairs, firsts = np.unique(edges[:, :2], axis=0, return_index=True)
        kept, first_edges, classes = np.unique(edges[:, 2], return_index=True, return_inverse=True)  # (C,), (C,), (E,)
        nearest = np.argsort(first_edges)
        self.ends, self.sources, self.targets = stops[order], pairs[:, 0], pairs[:, 1]
        self._states, self._firsts_of_state = np.unique(self.sources, return_index=True)
        self._depths_of_sources = depths[order][self.sources]
        self._depths_of_classes = depths[order][edges[first_edges[nearest], 0]]
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
        with np.errstate(divide="ignore"):
            best, sums = self._sets.best(reading.best), self._sets.sums(reading.sums)  # (N, U)
            reaches = self._reaches(len(logits))
            ways = self._look_ahead(best, np.log(sums), reaches)
            if not np.isfinite(ways.ahead[0, 0]):
                return None
            flow = self._flow(ways, reaches)  # (N, U)
            common = np.log(self._sets.per_class(np.divide(flow, sums, out=flow, where=sums > 0)))  # (N, C)
        path = self._path(ways, best, draw)
        of_class = reading.best if draw is None else reading.sums
        tokens = [
            self._token(logits[slot], of_class[slot], transition, draw) if given[slot] == NOWHERE else given[slot]
            for slot, transition in enumerate(path)
        ]
        self._classes.spread(logits, given, reading.peaks, common)
        return np.array(tokens)

    def _look_ahead(self, best: FloatArray, log_sums: FloatArray, reaches: Sequence[tuple[int, int]]) -> "_Ways":
        """Goes through the slots from the last to the first, with figures of each set of classes, (N, U)."""
        num_slots = len(best)
        ahead = np.full((num_slots + 1, len(self.ends)), -np.inf)
        ahead[-1, self.ends] = 0.0
        sums = np.zeros_like(ahead)
        sums[-1, self.ends] = 1.0
        weights = np.empty((num_slots, len(self.sources)))
        floor = np.full(len(self.ends), np.inf)
        for slot in reversed(range(num_slots)):
            reach, num_states = reaches[slot]
            targets, sets = self.targets[:reach], self._sets.set_of_transition[:reach]
            states, firsts = self._states[:num_states], self._firsts_of_state[:num_states]
            further = ahead[slot + 1].take(targets)
            here = np.maximum.reduceat(best[slot].take(sets) + further, firsts)
            ahead[slot, states] = here
            floor[states] = np.where(np.isfinite(here), here, np.inf)  # of a state without a way on nothing is left
            relative = log_sums[slot].take(sets) + further - floor.take(self.sources[:reach])
            weight = np.exp(relative, out=weights[slot, :reach])
            through = np.add.reduceat(weight * sums[slot + 1].take(targets), firsts)
            sums[slot, states] = through / (through.max() or 1.0)
        return _Ways(ahead, weights, sums)

    def _flow(self, ways: "_Ways", reaches: Sequence[tuple[int, int]]) -> FloatArray:
        """The probability that the token of a slot makes a transition by one of a set of classes, (N, U)."""
        flow = np.zeros((len(ways.weights), self._sets.num_sets))
        here = np.zeros(len(self.ends))
        here[0] = 1.0
        for slot, (weight, (reach, _)) in enumerate(zip(ways.weights, reaches, strict=True)):
            targets = self.targets[:reach]
            through = here.take(self.sources[:reach]) * weight[:reach]
            here = np.bincount(targets, through, len(self.ends)).astype(np.float64)
            here /= here.max()
            through *= ways.sums[slot + 1].take(targets)
            through /= through.sum()
            flow[slot] = np.bincount(self._sets.set_of_transition[:reach], through, self._sets.num_sets)
        return flow

    def _reaches(self, num_slots: int) -> list[tuple[int, int]]:
        """How many transitions can be made at each slot, and how many states they leave."""
        reach = np.searchsorted(self._depths_of_sources, np.arange(num_slots), side="right")
        return list(zip(reach.tolist(), np.searchsorted(self._firsts_of_state, reach).tolist(), strict=True))

    def _path(self, ways: "_Ways", best: FloatArray, draw: Draw | None) -> list[int]:
        """The transitions of the most probable text, or of one drawn from the joint distribution."""
        path, state = [], 0
        for slot in range(len(best)):
            on = slice(*np.searchsorted(self.sources, (state, state + 1)).tolist())
            if draw is None:
                further = ways.ahead[slot + 1, self.targets[on]]
                chosen = int((best[slot, self._sets.set_of_transition[on]] + further).argmax())
            else:
                odds = ways.weights[slot, on] * ways.sums[slot + 1, self.targets[on]]
                chosen = draw(odds / odds.sum())
            path.append(on.start + chosen)
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
        ahead: the log-probability of the best way from a state to an end, (N + 1, S).
        weights: of each transition, relative to the best way on from its source, (N, T).
        sums: over all ways from a state to an end, relative to the best one, up to a factor, (N + 1, S).
    """

    ahead: FloatArray
    weights: FloatArray
    sums: FloatArray


def _depths(sources: IntArray, targets: IntArray, firsts: BoolArray) -> IntArray:
    """In how many steps each state is reached from one of `firsts`, (S,) bool; S where it never is."""
    depths = np.where(firsts, 0, len(firsts))
    for depth in range(1, len(firsts)):
        reached = targets[depths[sources] == depth - 1]
        reached = reached[depths[reached] > depth]
        if not len(reached):
            break
        depths[reached] = depth
    return depths
