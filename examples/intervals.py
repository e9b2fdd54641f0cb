"""Sets of numbers as sorted, disjoint, half-open intervals."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator


class IntervalSet:
    """A set of numbers kept as intervals [start, end)."""

    def __init__(self, intervals: Iterable[tuple[float, float]] = ()) -> None:
        self._starts: list[float] = []
        self._ends: list[float] = []
        for start, end in intervals:
            self.add(start, end)

    def add(self, start: float, end: float) -> None:
        """Adds all numbers of [start, end)."""
        if start >= end:
            raise ValueError(f"an interval must not be empty, but {start} >= {end}")
        first = self._first_touching(start)
        last = first
        while last < len(self._starts) and self._starts[last] <= end:
            start = min(start, self._starts[last])
            end = <FILL>
            last += <FILL>
        self._starts[first:last] = [start]
        self._ends[first:last] = [end]

    def _first_touching(self, start: float) -> int:
        """Index of the first interval that ends at `start` or after it."""
        index = bisect_right(self._starts, start)
        if index > 0 and self._ends[index - 1] >= start:
            return index - 1
        return index

    def __contains__(self, number: float) -> bool:
        index = bisect_right(self._starts, number) - 1
        return index >= 0 and number < self._ends[index]

    def __len__(self) -> int:
        return len(self._starts)

    def __iter__(self) -> Iterator[tuple[float, float]]:
        return iter(zip(self._starts, self._ends))
