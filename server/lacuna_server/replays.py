"""How the last fills came about, step by step, to be shown again; in memory only."""

from collections import OrderedDict
from collections.abc import Container, Iterable
from dataclasses import dataclass

from lacuna_server.engine.protocol import FillCall, ResultEvent, StepEvent

MAX_SLOTS = 16_384
"""Slots of all steps that are kept of a fill; of a larger one, steps are left out evenly."""

MAX_REPLAYS = 16
"""Fills that are kept; the oldest are dropped."""


@dataclass(frozen=True, slots=True)
class PastFill:
    """A fill that has ended: what was asked, the canvas after its steps, and what came of it."""

    call: FillCall
    steps: tuple[StepEvent, ...]
    result: ResultEvent


class Recording:
    """The steps of a fill under way."""

    def __init__(self) -> None:
        self.steps: list[StepEvent] = []
        self._num_seen = 0
        self._stride = 1

    def add(self, step: StepEvent) -> None:
        """Keeps a step, or leaves it out when too many are kept already."""
        if self._num_seen % self._stride == 0:
            self.steps.append(step)
        self._num_seen += 1
        if len(self.steps) * sum(map(len, step.gaps)) > MAX_SLOTS:
            self.steps = self.steps[::2]
            self._stride *= 2


class Replays:
    """The last fill under each name that calls give to documents."""

    def __init__(self) -> None:
        self._replays: OrderedDict[str, PastFill] = OrderedDict()

    def keep(self, fill: PastFill) -> None:
        """Puts a fill in the place of the last one under its name."""
        name = fill.call.document
        self._replays[name] = fill
        self._replays.move_to_end(name)
        if len(self._replays) > MAX_REPLAYS:
            self._replays.popitem(last=False)

    def last(self, names: Container[str]) -> PastFill | None:
        """The newest fill under any of some names."""
        return next((fill for name, fill in reversed(self._replays.items()) if name in names), None)

    def forget(self, names: Iterable[str]) -> None:
        """Drops the fills under some names."""
        for name in names:
            self._replays.pop(name, None)
