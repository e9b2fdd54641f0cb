"""Random texts of a regular expression, drawn by walking the automaton that outlines-core builds of it."""

from collections.abc import Iterator, Sequence
from functools import cache
from random import Random

from outlines_core import Index, Vocabulary

_WORDS = ('", "', '": ', "é", "日本", "😀", "\\u00", "[[", "}}", "true", "-1", "00", "2024-", "http://", "aa")
_TOKENS: Sequence[bytes] = (*(bytes([byte]) for byte in range(256)), *(word.encode() for word in _WORDS))

_END = 0
"""A byte that no text has."""


@cache
def _vocabulary() -> Vocabulary:
    return Vocabulary(len(_TOKENS), {token: [number] for number, token in enumerate(_TOKENS)})


class Walks:
    """The automaton of a pattern over bytes and a few longer tokens."""

    def __init__(self, pattern: str) -> None:
        index = Index(rf"\x00(?:{pattern})\x00", _vocabulary())  # an end of its own: else "a|ab" would not accept "ab"
        rows = index.get_transitions()
        ends = set(index.get_final_states())
        self._start = rows[index.get_initial_state()][_END]
        self._final = {state for state, row in rows.items() if row.get(_END) in ends and state not in ends}
        self._ways: dict[int, dict[int, list[int]]] = {}
        for state, row in rows.items():
            for token, target in row.items():
                if token not in (_END, len(_TOKENS)) and state != index.get_initial_state():
                    self._ways.setdefault(state, {}).setdefault(target, []).append(token)
        self._distance = self._distances()

    @property
    def num_states(self) -> int:
        return len(self._distance)

    def accepts(self, text: str) -> bool:
        """Reads single bytes."""
        state: int | None = self._start
        for byte in text.encode("utf-8", "surrogatepass"):
            ways = self._ways.get(state, {}) if state is not None else {}
            state = next((target for target, tokens in ways.items() if byte in tokens), None)
        return state in self._final

    def draw(self, random: Random, num_free: int = 20) -> str:
        """One text: `num_free` random steps, then the shortest way to an end."""
        state, text = self._start, b""
        for step in range(10_000):
            ways = self._ways.get(state, {})
            if state in self._final and (not ways or step >= num_free or random.random() < 0.1):
                return text.decode()
            targets = list(ways)
            if step >= num_free:
                targets = [min(targets, key=self._distance.__getitem__)]
            target = random.choice(targets)  # any character of a class is one way
            text += _TOKENS[random.choice(ways[target])]
            state = target
        raise AssertionError("no end was reached")

    def texts(self, seed: int, count: int) -> Iterator[str]:
        """Texts of growing length."""
        random = Random(seed)
        return (self.draw(random, num_free=3 * number) for number in range(count))

    def _distances(self) -> dict[int, int]:
        """Steps to a final state, breadth first from these."""
        sources: dict[int, list[int]] = {}
        for state, ways in self._ways.items():
            for target in ways:
                sources.setdefault(target, []).append(state)
        distance = dict.fromkeys(self._final, 0)
        frontier = list(self._final)
        while frontier:
            found = []
            for target in frontier:
                for state in sources.get(target, ()):
                    if state not in distance:
                        distance[state] = distance[target] + 1
                        found.append(state)
            frontier = found
        return distance
