"""Reads the logits of tokens by class, and gives what is found out about the classes back to their tokens.

At a vocabulary of 262,144 tokens this is nearly all the work: every pass over the logits of a slot counts, and one slot
after the other stays in the processor's cache.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lacuna_model.constraints.automaton import NOWHERE, IntArray

FloatArray = npt.NDArray[np.float64]
LogitArray = npt.NDArray[np.float32]

MAX_LOGIT_GAP = 60.0
"""Nats by which the best token of a class may lie below the best of all: so every text of the language is possible."""

IMPOSSIBLE = -1e30
"""Logit of a token that cannot stand in a slot: finite, so that it adds nothing to an entropy, and no NaN."""

Draw = Callable[[FloatArray], int]
"""Draws an index with given probabilities."""


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What a step's logits say about the classes in each of N slots. A slot with a given token has only its class.

    Attributes:
        peaks: the greatest logit of a live token, (N,) float32; all below is relative to it.
        best: of each class the greatest logit, (N, C) float32.
        sums: of each class the sum of the logits' exponentials, (N, C) float32.
    """

    peaks: LogitArray
    best: LogitArray
    sums: LogitArray


@dataclass(frozen=True, slots=True, eq=False)
class TokenClasses:
    """The live tokens of a vocabulary, those that some text has, in C classes.

    Attributes:
        class_of_token: (V,) int64; C for the tokens that are not live.
        live: the live tokens, class after class, (K,) int64.
        begins: where a class begins among them, and at last K, (C + 1,) int64.
    """

    class_of_token: IntArray
    live: IntArray
    begins: IntArray

    @classmethod
    def of(cls, class_of_token: IntArray, kept: IntArray) -> "TokenClasses":
        """Keeps some classes, (C,), each of which has a token, and numbers them in this order."""
        number = np.full(int(class_of_token.max()) + 2, len(kept))  # the last one is that of `NOWHERE`
        number[kept] = np.arange(len(kept))
        renumbered = number[class_of_token]
        live = np.flatnonzero(renumbered < len(kept))
        live = live[np.argsort(renumbered[live], kind="stable")]
        return cls(renumbered, live, np.searchsorted(renumbered[live], np.arange(len(kept) + 1)))

    def read(self, logits: LogitArray, given: IntArray, num_classes: IntArray) -> Reading:
        """Reads the logits of all slots, and raises those of classes that lie too low.

        Args:
            logits: (N, V).
            given: the token that a slot holds already, or `NOWHERE`, (N,).
            num_classes: how many classes, from the first on, can stand in a slot, (N,).
        """
        shape = len(logits), len(self.begins) - 1
        peaks = np.zeros(len(logits), np.float32)
        best, sums = np.full(shape, -np.inf, np.float32), np.zeros(shape, np.float32)
        memory = np.empty(len(self.live), np.float32)
        for slot, (token, most) in enumerate(zip(given.tolist(), num_classes.tolist(), strict=True)):
            if token != NOWHERE:
                own = self.class_of_token[token]
                best[slot, own : own + 1], sums[slot, own : own + 1] = 0.0, 1.0  # nothing where it is not live
                continue
            begins, live, row = self.begins[:most], self.live[: self.begins[most]], memory[: self.begins[most]]
            np.take(logits[slot], live, out=row, mode="wrap")  # faster than other modes
            np.maximum.reduceat(row, begins, out=best[slot, :most])
            peaks[slot] = best[slot].max()
            for number in np.flatnonzero(best[slot, :most] < peaks[slot] - MAX_LOGIT_GAP).tolist():
                members = slice(*self.begins[number : number + 2])
                logits[slot, live[members]] = row[members] = best[slot, number] = peaks[slot] - MAX_LOGIT_GAP
            best[slot] -= peaks[slot]
            row -= peaks[slot]
            np.exp(row, out=row)
            np.add.reduceat(row, begins, out=sums[slot, :most])
        return Reading(peaks, best, sums)

    def spread(self, logits: LogitArray, given: IntArray, peaks: LogitArray, common: FloatArray) -> None:
        """Adds to the logits, (N, V), in place, what all tokens of a class have in common, (N, C)."""
        factors = np.full((len(common), len(self.begins)), IMPOSSIBLE, np.float32)
        np.maximum(common - peaks[:, None], IMPOSSIBLE, out=factors[:, :-1], casting="same_kind")
        addends = np.empty(len(self.class_of_token), np.float32)
        for slot, token in enumerate(given.tolist()):
            if token != NOWHERE:
                logits[slot] = IMPOSSIBLE
                logits[slot, token] = 0.0
                continue
            np.take(factors[slot], self.class_of_token, out=addends, mode="wrap")
            logits[slot] += addends

    def best_token(self, row: LogitArray, number: int) -> int:
        """The best token of a class, by a slot's logits, (V,)."""
        members = self._members(number)
        return int(members[row.take(members, mode="wrap").argmax()])

    def drawn_token(self, row: LogitArray, number: int, draw: Draw) -> int:
        """A token of a class, drawn by a slot's logits, (V,)."""
        members = self._members(number)
        odds = np.exp((row[members] - row[members].max()).astype(np.float64))
        return int(members[draw(odds / odds.sum())])

    def _members(self, number: int) -> IntArray:
        return self.live[slice(*self.begins[number : number + 2])]
