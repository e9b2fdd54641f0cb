"""Sums over the ways from each state to an end, over any number of slots: their range is beyond that of floats."""

import math

import numpy as np

from lacuna_model.constraints.automaton import BoolArray, IntArray
from lacuna_model.constraints.token_classes import FloatArray

LEVEL = 600.0
"""Nats that a float has to hold. What lies further below the greatest sum is kept relative to a lower level."""

NO_LEVEL = -1e30
SMALLEST = float(np.finfo(np.float64).tiny)


class ScaledSums:
    """The sums from all states at a slot, going from the last slot to the first.

    Attributes:
        values: each sum, up to a common factor and `exp` of its level, (S,).
    """

    def __init__(self, ends: BoolArray, sums_of_sets: FloatArray) -> None:
        """Begins behind the last slot.

        Args:
            ends: states at which the slots may end, (S,) bool.
            sums_of_sets: what the transitions weigh, (N, U).
        """
        self.values = ends.astype(np.float64)
        self._levels = np.zeros(len(ends))
        self._has_levels = False
        self._least_weights = np.log(np.where(sums_of_sets > 0, sums_of_sets, 1.0).min(1)).tolist()
        self._floor = 0.0  # below the logs of all values that are not zero

    def add(self, slot: int, weights: FloatArray, targets: IntArray, begins: IntArray, fan_outs: IntArray) -> None:
        """Goes one slot on.

        Args:
            slot: which one.
            weights: of each transition, times the value of its target, (T,). They become, in place, the probabilities
                of the transitions of each state; zero where it has no way to an end.
            targets: of the transitions, (T,) int64.
            begins: where those of a state begin, the first states' ones, (S',) int64. The other states have none.
            fan_outs: how many a state has, (S',) int64.
        """
        num_states = len(begins)
        if self._has_levels:
            levels = np.where(weights > 0, self._levels.take(targets), NO_LEVEL)
            np.maximum.reduceat(levels, begins, out=self._levels[:num_states])
            weights *= np.exp(levels - self._levels[:num_states].repeat(fan_outs))
        sums = np.add.reduceat(weights, begins)
        weights /= np.maximum(sums, SMALLEST).repeat(fan_outs)
        greatest = float(sums.max()) or 1.0
        self.values[:num_states] = sums / greatest
        self.values[num_states:] = 0.0
        self._floor += self._least_weights[slot] - math.log(greatest)
        if self._has_levels or self._floor < -LEVEL:
            self._find_levels()

    def _find_levels(self) -> None:
        is_positive = self.values > 0
        if not is_positive.any():
            return
        logs = np.log(self.values, out=np.zeros_like(self.values), where=is_positive)
        logs += self._levels
        logs -= logs[is_positive].max()
        logs[~is_positive] = 0.0
        np.multiply(np.trunc(logs / LEVEL), LEVEL, out=self._levels)
        self._has_levels = bool(self._levels.any())
        self._floor = float(logs.min())
        self.values[:] = np.where(is_positive, np.exp(logs - self._levels), 0.0)
