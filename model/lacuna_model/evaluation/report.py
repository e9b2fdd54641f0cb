"""What all reports share: figures of cost, when a fill is exact, and one way to draw a table."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from lacuna_model.evaluation.filler import Filling, Gap

Progress = Callable[[int, int], None]
"""Called with the units of work done and the units in all."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a set of fills cost.

    Attributes:
        forwards: forward passes a fill, on average.
        tokens: tokens a fill, on average.
        p50_ms: median latency.
        p90_ms: latency that nine of ten fills stay under.
    """

    forwards: float
    tokens: float
    p50_ms: float
    p90_ms: float

    @classmethod
    def of(cls, fillings: Sequence[Filling]) -> "Cost":
        """Summarises fills; at least one is needed."""
        milliseconds = [1000 * filling.seconds for filling in fillings]
        return cls(
            forwards=mean([filling.num_forwards for filling in fillings]),
            tokens=mean([filling.num_tokens for filling in fillings]),
            p50_ms=percentile(milliseconds, 0.5),
            p90_ms=percentile(milliseconds, 0.9),
        )

    def cells(self) -> list[str]:
        """The figures as text, in the order of `COST_COLUMNS`."""
        return [f"{self.forwards:.1f}", f"{self.tokens:.1f}", f"{self.p50_ms:.0f}", f"{self.p90_ms:.0f}"]


COST_COLUMNS = ("forwards/fill", "tokens/fill", "p50 ms", "p90 ms")


def mean(values: Sequence[float]) -> float:
    """Arithmetic mean of at least one value."""
    return sum(values) / len(values)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest of the values that at least `share` of them do not exceed (nearest rank)."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def percent(share: float | None) -> str:
    """A share as a percentage; a dash where there was nothing to count."""
    return "–" if share is None else f"{100 * share:.1f} %"  # noqa: RUF001 - a dash is meant


def normalize(text: str) -> str:
    """A text as it is compared: without blanks at the ends of its lines."""
    return "\n".join(line.rstrip() for line in text.split("\n"))


def is_exact(gap: Gap, fill: str) -> bool:
    """Whether the text with a fill is the one the gap was cut from, blanks at the ends of its lines aside.

    Whole texts are compared: only the suffix tells whether a blank stands at the end of a line, and every line break
    counts.
    """
    return normalize(gap.prefix + fill + gap.suffix) == normalize(gap.prefix + gap.middle + gap.suffix)


def describe(settings: Mapping[str, Any]) -> str:
    """Settings in one line."""
    return ", ".join(f"{name} {'none' if value is None else value}" for name, value in settings.items())


def render_table(
    console: Console, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], notes: Sequence[str] = ()
) -> None:
    """Draws a table, its first column on the left and figures on the right, with notes below.

    Nothing in these texts is taken for markup or for the name of an emoji: they hold names from users' files.
    """
    table = Table(title=Text(title, style="table.title"), title_justify="left")
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if index else "left")
    for row in rows:
        table.add_row(*map(Text, row))
    console.print(table)
    for note in notes:
        if note:
            console.print(note, style="dim", highlight=False, markup=False, emoji=False)
