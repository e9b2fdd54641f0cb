"""Which classes of tokens make which transition, so that figures of the ones become figures of the others."""

from dataclasses import dataclass

import numpy as np
from threadpoolctl import ThreadpoolController

from lacuna_model.constraints.automaton import IntArray
from lacuna_model.constraints.token_classes import FloatArray, LogitArray

_BLAS = ThreadpoolController().select(user_api="blas")
"""The products here are small: a second thread would only spin for a while afterwards, in the way of all else."""


@dataclass(frozen=True, slots=True, eq=False)
class ClassSets:
    """The set of classes of each transition. Many transitions have the same one: all letters, say.

    T transitions, C classes, U different sets with M members in all.

    Attributes:
        set_of_transition: (T,) int64.
        members: the classes of all sets, one set after the other and rising in each, (M,) int64.
        begins: where a set begins among them, and at last M, (U + 1,) int64.
        has_class: which classes a set has, (U, C) float32, zero or one.
    """

    set_of_transition: IntArray
    members: IntArray
    begins: IntArray
    has_class: LogitArray

    @classmethod
    def of(cls, classes: IntArray, firsts: IntArray) -> "ClassSets":
        """Finds the different sets.

        Args:
            classes: those of all transitions, one transition after the other, (E,) int64; each class is there.
            firsts: where a transition begins among them, (T,) int64.
        """
        known: dict[bytes, int] = {}
        each = np.split(classes, firsts[1:]) if len(firsts) else []
        set_of_transition = np.array([known.setdefault(members.tobytes(), len(known)) for members in each], np.int64)
        sets = [np.sort(np.frombuffer(members, np.int64)) for members in known]
        has_class = np.zeros((len(sets), int(classes.max(initial=-1)) + 1), np.float32)
        for number, members in enumerate(sets):
            has_class[number, members] = 1.0
        return cls(
            set_of_transition=set_of_transition,
            members=np.concatenate([np.empty(0, np.int64), *sets]),
            begins=np.cumsum([0, *map(len, sets)], dtype=np.int64),
            has_class=has_class,
        )

    @property
    def num_sets(self) -> int:
        """U."""
        return len(self.begins) - 1

    def classes_of(self, transition: int) -> IntArray:
        """The classes that make a transition, rising."""
        number = self.set_of_transition[transition]
        return self.members[self.begins[number] : self.begins[number + 1]]

    def best(self, of_class: LogitArray) -> FloatArray:
        """The greatest figure of the classes, (N, C), in each set, (N, U)."""
        return np.maximum.reduceat(of_class.take(self.members, 1), self.begins[:-1], 1).astype(np.float64)

    def sums(self, of_class: LogitArray) -> FloatArray:
        """The sums of figures of the classes, (N, C), in each set, (N, U)."""
        with _BLAS.limit(limits=1):
            return (of_class @ self.has_class.T).astype(np.float64)

    def per_class(self, of_set: FloatArray) -> FloatArray:
        """The sums of figures of the sets, (N, U), that each class belongs to, (N, C)."""
        with _BLAS.limit(limits=1):
            return of_set @ self.has_class
