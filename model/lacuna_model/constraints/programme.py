"""The dynamic programme over the slots of a gap: exact marginals and the most probable text of a regular language.

Without a constraint a denoising step gives every slot a distribution of its own. Under one, what counts is their
product over all token strings that the automaton reads from its start to an accepting state. Sum-product gives the
marginals of that distribution, max-product (Viterbi) its most probable string, as in Suresh et al., "DINGO: Constrained
Inference for Diffusion LLMs" (2025), which has the latter. The sums are taken relative to the best way on from each
state, so none vanishes, however improbable all texts of the language are.

A delete counts as no token, and behind one there are only deletes: so texts may be shorter than their gap.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lacuna_model.constraints.automaton import NOWHERE, BoolArray, IntArray, TokenAutomaton
from lacuna_model.constraints.class_sets import ClassSets, FloatArray, LogitArray

MAX_LOGIT_GAP = 60.0
"""Nats by which a token may lie below the best one: a finite probability keeps every text of the language possible."""

IMPOSSIBLE = -1e30
"""Logit of a token that cannot stand in a slot."""

Draw = Callable[[FloatArray], int]
"""Draws an index with given probabilities."""


@dataclass(frozen=True, slots=True)
class Solution:
    """What a constraint makes of a step's logits for the N slots of a gap.

    Attributes:
        logits: log of every token's exact marginal, (N, V) float32; `IMPOSSIBLE` where no text has it.
        tokens: a text of the language, (N,) int64.
    """

    logits: LogitArray
    tokens: IntArray


class Programme:
    """A language between two sides, for one gap.

    Attributes:
        start: state at the gap's beginning.
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
        self.start, self.ends = start, ends | goes_on
        if deletes is not None:
            over, delete = automaton.num_states, int(edges[:, 2].max(initial=NOWHERE)) + 1
            quits = np.append(np.flatnonzero(ends), over)
            edges = np.concatenate((edges, np.stack(np.broadcast_arrays(quits, over, delete), axis=1)))
            class_of_token = np.where(np.arange(len(class_of_token)) == deletes, delete, class_of_token)
            self.ends = np.append(self.ends, True)
        edges = edges[_is_useful(edges, start, self.ends)]
        edges = edges[np.lexsort(edges.T[::-1])]
        pairs, firsts = np.unique(edges[:, :2], axis=0, return_index=True)
        self.sources, self.targets = pairs[:, 0], pairs[:, 1]
        self._states, self._firsts_of_state = np.unique(self.sources, return_index=True)
        kept, classes = np.unique(edges[:, 2], return_inverse=True)  # (C,), (E,)
        self._sets = ClassSets.of(classes, firsts)
        is_live = np.isin(class_of_token, kept)
        self._class_of_token = np.where(is_live, np.searchsorted(kept, class_of_token), len(kept))  # (V,)
        live = np.flatnonzero(is_live)
        self._live = live[np.argsort(self._class_of_token[live], kind="stable")]  # class after class
        self._begins = np.searchsorted(self._class_of_token[self._live], np.arange(len(kept) + 1))  # (C + 1,)

    def fits(self, num_slots: int) -> bool:
        """Whether some text of the language fills so many slots."""
        reached = np.arange(len(self.ends)) == self.start
        for _ in range(num_slots):
            ahead = np.zeros_like(reached)
            ahead[self.targets[reached[self.sources]]] = True
            reached = ahead
        return bool((reached & self.ends).any())

    def solve(self, logits: LogitArray, given: IntArray, draw: Draw | None = None) -> Solution | None:
        """Combines a step's logits with the language.

        Args:
            logits: of every slot, (N, V) float32.
            given: token that a slot holds already, or `NOWHERE`, (N,) int64.
            draw: draws the text from the exact joint distribution; None: the most probable one.

        Returns:
            None where no text of the language has so many tokens with the given ones among them.
        """
        if not len(self.sources):
            return None  # the language has no text but the empty one
        table, peaks = self._read(logits, given)
        with np.errstate(divide="ignore", invalid="ignore"):
            best_of_class = np.maximum.reduceat(table, self._begins[:-1], 1)  # (N, C)
            best = self._sets.best(best_of_class)  # (N, T)
            ahead = self._best_ahead(best)
            if not np.isfinite(ahead[0, self.start]):
                return None
            sum_of_class = np.add.reduceat(np.exp(table), self._begins[:-1], 1)  # (N, C)
            sums = self._sets.sums(sum_of_class)  # (N, T)
            relative = ahead[1:, self.targets] - ahead[:-1, self.sources]
            weights = np.where(np.isfinite(relative), sums * np.exp(relative), 0.0)
            backward = self._sums_ahead(weights)
            flow = self._flow(weights, backward)
            common = np.log(self._sets.per_class(np.where(sums > 0, flow / sums, 0.0)))  # (N, C)
        path = self._best_path(best, ahead) if draw is None else self._drawn_path(weights, backward, draw)
        of_class = best_of_class if draw is None else sum_of_class
        tokens = [self._token(*each, draw) for each in zip(table, of_class, path, strict=True)]
        return Solution(self._marginals(logits, given, peaks, common), np.array(tokens))

    def _read(self, logits: LogitArray, given: IntArray) -> tuple[LogitArray, LogitArray]:
        """The logits of the live tokens, class after class, relative to the greatest, which comes second.

        Slot by slot: that stays in the processor's cache.
        """
        table, peaks = np.empty((len(logits), len(self._live)), np.float32), np.empty(len(logits), np.float32)
        for slot, row in enumerate(table):
            np.take(logits[slot], self._live, out=row, mode="clip")
            peaks[slot] = row.max()
            row -= peaks[slot]
            np.maximum(row, -MAX_LOGIT_GAP, out=row)
            if given[slot] != NOWHERE:
                row[:] = np.where(self._live == given[slot], 0.0, -np.inf)
        return table, peaks

    def _marginals(self, logits: LogitArray, given: IntArray, peaks: LogitArray, common: FloatArray) -> LogitArray:
        """Adds to the logits, (N, V), what all tokens of a class have in common, (N, C)."""
        marginals = np.empty_like(logits)
        factors = np.full((len(common), common.shape[1] + 1), IMPOSSIBLE, np.float32)
        np.maximum(common, IMPOSSIBLE, out=factors[:, :-1], casting="same_kind")
        for slot, row in enumerate(marginals):
            if given[slot] != NOWHERE:
                row[:] = IMPOSSIBLE
                row[given[slot]] = 0.0
                continue
            np.take(factors[slot], self._class_of_token, out=row, mode="clip")
            row += np.maximum(logits[slot] - peaks[slot], -MAX_LOGIT_GAP)
        return marginals

    def _best_ahead(self, best: FloatArray) -> FloatArray:
        """The log-probability of the best way from each state to an end, (N + 1, S)."""
        ahead = np.full((len(best) + 1, len(self.ends)), -np.inf)
        ahead[-1, self.ends] = 0.0
        for slot in reversed(range(len(best))):
            through = best[slot] + ahead[slot + 1, self.targets]
            ahead[slot, self._states] = np.maximum.reduceat(through, self._firsts_of_state)
        return ahead

    def _sums_ahead(self, weights: FloatArray) -> FloatArray:
        """The sum over all ways from each state to an end, relative to the best one, up to a factor, (N + 1, S)."""
        backward = np.zeros((len(weights) + 1, len(self.ends)))
        backward[-1, self.ends] = 1.0
        for slot in reversed(range(len(weights))):
            through = np.add.reduceat(weights[slot] * backward[slot + 1, self.targets], self._firsts_of_state)
            backward[slot, self._states] = through / through.max()
        return backward

    def _flow(self, weights: FloatArray, backward: FloatArray) -> FloatArray:
        """The probability of taking a transition at a slot, (N, T)."""
        flow = np.empty_like(weights)
        here = np.zeros(len(self.ends))
        here[self.start] = 1.0
        for slot, weight in enumerate(weights):
            through = here[self.sources] * weight
            here = np.bincount(self.targets, through, len(self.ends)).astype(np.float64)
            here /= here.max()
            flow[slot] = through * backward[slot + 1, self.targets]
            flow[slot] /= flow[slot].sum()
        return flow

    def _best_path(self, best: FloatArray, ahead: FloatArray) -> list[int]:
        """The transitions of the most probable text."""
        path, state = [], self.start
        for slot in range(len(best)):
            ways = self._ways(state)
            path.append(ways.start + int((best[slot, ways] + ahead[slot + 1, self.targets[ways]]).argmax()))
            state = int(self.targets[path[-1]])
        return path

    def _drawn_path(self, weights: FloatArray, backward: FloatArray, draw: Draw) -> list[int]:
        """The transitions of a text drawn from the joint distribution."""
        path, state = [], self.start
        for slot in range(len(weights)):
            ways = self._ways(state)
            odds = weights[slot, ways] * backward[slot + 1, self.targets[ways]]
            path.append(ways.start + draw(odds / odds.sum()))
            state = int(self.targets[path[-1]])
        return path

    def _ways(self, state: int) -> slice:
        """The transitions that leave a state."""
        return slice(*np.searchsorted(self.sources, (state, state + 1)).tolist())

    def _token(self, row: LogitArray, of_class: LogitArray, transition: int, draw: Draw | None) -> int:
        """A token that makes a transition, the best or a drawn one.

        Args:
            row: logits of the live tokens.
            of_class: the greatest one of each class, or, for a draw, the sum of their exponentials, (C,).
            transition: what is made.
            draw: draws; None: the best.
        """
        classes = self._sets.classes_of(transition)
        chosen = classes[_choose(of_class[classes], draw)]
        begin, end = self._begins[chosen : chosen + 2]
        return int(self._live[begin + _choose(row[begin:end] if draw is None else np.exp(row[begin:end]), draw)])


def _choose(odds: LogitArray, draw: Draw | None) -> int:
    """The place of the greatest one, or a drawn one."""
    if draw is None:
        return int(odds.argmax())
    exact = odds.astype(np.float64)
    return draw(exact / exact.sum())


def _is_useful(edges: IntArray, start: int, ends: BoolArray) -> BoolArray:
    """Which edges lie on a way from `start` to one of `ends`, (E,) bool."""
    ahead = np.arange(len(ends)) == start
    back = ends.copy()
    for reached, near, far in ((ahead, edges[:, 0], edges[:, 1]), (back, edges[:, 1], edges[:, 0])):
        num_before = 0
        while (num_reached := int(reached.sum())) > num_before:
            num_before = num_reached
            reached[far[reached[near]]] = True
    return np.asarray(ahead[edges[:, 0]] & back[edges[:, 1]])
