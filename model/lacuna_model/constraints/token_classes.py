"""Reads the logits of tokens by class, and gives what is found out about the classes back to their tokens.

At a vocabulary of 262,144 tokens this is nearly all the work: every pass over the logits of a slot counts, and few
slots at a time stay in the processor's cache.
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lacuna_model.constraints.automaton import NOWHERE, IntArray

FloatArray = npt.NDArray[np.float64]
LogitArray = npt.NDArray[np.float32]

MAX_LOGIT_GAP = 60.0
"""Nats by which the best token of a class may lie below the best of all: so every text of the language is possible."""

MIN_PEAK, MAX_PEAK = 1e-4, 1e30
"""Between them lies the exponential of a slot's best token: all that is made of it is an ordinary float32 then."""

IMPOSSIBLE = -1e30
"""Logit of a token that cannot stand in a slot: finite, so that it adds nothing to an entropy, and no NaN."""

BLOCK = 1 << 16
"""Logits that are worked on at a time."""

Draw = Callable[[FloatArray], int]
"""Draws an index with given probabilities."""


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What a step's logits say about the classes in each of N slots. A slot with a given token has only its class.

    Attributes:
        bases: the logit that all below is relative to, (N,) float32: the greatest of a live token, or zero where
            exponentials of the logits as they are fit into a float32.
        best: of each class the greatest logit, (N, C) float32.
        sums: of each class the sum of the logits' exponentials, (N, C) float32.
    """

    bases: LogitArray
    best: LogitArray
    sums: LogitArray


@dataclass(frozen=True, slots=True, eq=False)
class TokenClasses:
    """The live tokens of a vocabulary, those that some text has, in C classes.

    Attributes:
        class_of_token: (V,) int64; C for the tokens that are not live.
        live: the live tokens, class after class, (K,) int64.
        begins: where a class begins among them, and at last K, (C + 1,) int64.
        kinds: the classes of two neighbouring tokens, for each kind of such a pair, (2 P,) int64.
        kind_of_pair: ((V + 1) // 2,) int64. A processor moves a pair of float32 as fast as one.
    """

    class_of_token: IntArray
    live: IntArray
    begins: IntArray
    kinds: IntArray
    kind_of_pair: IntArray

    @classmethod
    def of(cls, class_of_token: IntArray, kept: IntArray) -> "TokenClasses":
        """Keeps some classes, (C,), each of which has a token, and numbers them in this order."""
        number = np.full(int(class_of_token.max()) + 2, len(kept))  # the last one is that of `NOWHERE`
        number[kept] = np.arange(len(kept))
        renumbered = number[class_of_token]
        live = np.flatnonzero(renumbered < len(kept))
        live = live[np.argsort(renumbered[live], kind="stable")]
        first, second = np.append(renumbered, len(kept))[: (len(renumbered) + 1) // 2 * 2].reshape(-1, 2).T
        kinds, kind_of_pair = np.unique(first * (len(kept) + 1) + second, return_inverse=True)
        return cls(
            class_of_token=renumbered,
            live=live,
            begins=np.searchsorted(renumbered[live], np.arange(len(kept) + 1)),
            kinds=np.stack(np.divmod(kinds, len(kept) + 1), axis=1).ravel(),
            kind_of_pair=kind_of_pair,
        )

    def read(self, logits: LogitArray, given: IntArray, num_classes: IntArray) -> Reading:
        """Reads the logits of all slots, and raises those of classes that lie too low.

        Args:
            logits: (N, V).
            given: the token that a slot holds already, or `NOWHERE`, (N,).
            num_classes: how many classes, from the first on, can stand in a slot, (N,).
        """
        shape = len(logits), len(self.begins) - 1
        bases = np.zeros(len(logits), np.float32)
        best, sums = np.full(shape, -np.inf, np.float32), np.zeros(shape, np.float32)
        slots = np.flatnonzero(given != NOWHERE)
        own = self.class_of_token[given[slots]]
        slots, own = slots[own < shape[1]], own[own < shape[1]]  # of a token that is not live there is no text
        best[slots, own], sums[slots, own] = 0.0, 1.0
        for block in self._blocks(np.where(given == NOWHERE, num_classes, NOWHERE)):
            most = int(num_classes[block.start])
            begins, live, rows = self.begins[:most], self.live[: self.begins[most]], logits[block]
            members = _exponentials(rows, live, bases[block])
            greatest = np.maximum.reduceat(members, begins, axis=1, out=best[block, :most])
            peaks = greatest.max(1)
            if not ((peaks > MIN_PEAK) & (peaks < MAX_PEAK)).all():
                bases[block] = rows.take(live, axis=1).max(1)
                members = _exponentials(rows, live, bases[block])
                np.maximum.reduceat(members, begins, axis=1, out=greatest)
                peaks = greatest.max(1)
            floors = peaks * np.float32(np.exp(-MAX_LOGIT_GAP))
            for row, number in np.argwhere(greatest < floors[:, None]).tolist():
                of_class, slot = slice(*self.begins[number : number + 2]), block.start + row
                members[row, of_class] = greatest[row, number] = floors[row]
                logits[slot, live[of_class]] = bases[slot] + np.log(floors[row])
            np.log(greatest, out=greatest)
            np.add.reduceat(members, begins, axis=1, out=sums[block, :most])
        return Reading(bases, best, sums)

    def spread(
        self, logits: LogitArray, given: IntArray, bases: LogitArray, common: FloatArray, choose: Callable[[int], None]
    ) -> None:
        """Adds to the logits, (N, V), in place, what all tokens of a class have in common, (N, C).

        Args:
            logits: see above.
            given: see `read`.
            bases: what `read` has chosen.
            common: see above.
            choose: is called with each slot without a given token, just before its logits change.
        """
        factors = np.full((len(common), len(self.begins)), IMPOSSIBLE, np.float32)
        np.maximum(common - bases[:, None], IMPOSSIBLE, out=factors[:, :-1], casting="same_kind")
        for block in self._blocks(np.where(given == NOWHERE, 0, NOWHERE)):
            for slot in range(block.start, block.stop):
                choose(slot)
            of_kind = factors[block].take(self.kinds, axis=1).view(np.uint64)
            rows = logits[block]
            rows += of_kind.take(self.kind_of_pair, axis=1, mode="wrap").view(np.float32)[:, : rows.shape[1]]
        slots = np.flatnonzero(given != NOWHERE)
        logits[slots] = IMPOSSIBLE
        logits[slots, given[slots]] = 0.0

    def _blocks(self, labels: IntArray) -> Iterator[slice]:
        """Neighbouring slots with the same label, (N,), other than `NOWHERE`: few enough to stay in the cache."""
        size = max(1, BLOCK // len(self.class_of_token))
        bounds = [0, *(np.flatnonzero(np.diff(labels)) + 1).tolist(), len(labels)]
        for begin, end in itertools.pairwise(bounds):
            if labels[begin] != NOWHERE:
                yield from (slice(first, min(first + size, end)) for first in range(begin, end, size))

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


def _exponentials(rows: LogitArray, live: IntArray, bases: LogitArray) -> LogitArray:
    """The exponentials of some tokens' logits, (N, V), relative to the slots' bases, (N,); in the order of `live`."""
    relative = rows - bases[:, None] if bases.any() else rows
    with np.errstate(over="ignore"):  # tokens that are not live may lie anywhere, and with no base the others too
        if len(live) < rows.shape[1] // 2:
            return np.exp(relative.take(live, axis=1))
        return np.exp(relative).take(live, axis=1, mode="wrap")  # reads memory in order first, which is fast
