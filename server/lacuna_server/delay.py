"""How long to wait for the next key before an automatic request goes to the engine."""

from dataclasses import dataclass, replace

WEIGHT = 0.3
"""Of the newest measurement in a running mean."""

PAUSE = 2.0
"""A longer interval between keys, in seconds, is a pause and says nothing of how fast somebody types."""

NUM_TOLERATED = 2
"""Rejected suggestions in a row that change nothing."""

MAX_FACTOR = 4.0
PROSE_FACTOR = 2.0

LONGEST = 3.0
"""Seconds; nobody waits longer for a suggestion to be asked for."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How a user types and takes suggestions.

    Attributes:
        typing_interval: between keys, running mean in seconds; None until measured.
        latency: of the engine, running mean in seconds; None until measured.
        num_rejected: suggestions in a row that were shown and not taken.
    """

    typing_interval: float | None = None
    latency: float | None = None
    num_rejected: int = 0

    def typed(self, interval: float) -> "Pace":
        """After a key that came `interval` seconds after the one before."""
        return replace(self, typing_interval=_mean(self.typing_interval, interval)) if 0 <= interval < PAUSE else self

    def answered(self, latency: float) -> "Pace":
        """After the engine took `latency` seconds for a fill."""
        return replace(self, latency=_mean(self.latency, latency)) if latency >= 0 else self

    def accepted(self) -> "Pace":
        """After a suggestion was taken, in whole or in part."""
        return replace(self, num_rejected=0)

    def rejected(self) -> "Pace":
        """After a shown suggestion was not taken."""
        return replace(self, num_rejected=self.num_rejected + 1)


def next_delay(pace: Pace, *, base: float, in_prose: bool) -> float:
    """Seconds to wait before asking.

    The user's delay is kept between the typing interval, as a request made sooner is superseded by the next key, and
    the latency, as an engine that answers before that key comes can be asked at once. Rejections and prose stretch it.

    Args:
        pace: of the user.
        base: the delay that the user set, seconds.
        in_prose: the cursor is in a comment or in a document of prose.
    """
    latency = base if pace.latency is None else pace.latency
    interval = base if pace.typing_interval is None else pace.typing_interval
    delay = max(min(base, latency), min(interval, latency))
    factor = min(2.0 ** max(0, min(pace.num_rejected, 10) - NUM_TOLERATED), MAX_FACTOR)
    return min(delay * factor * (PROSE_FACTOR if in_prose else 1.0), LONGEST)


def _mean(mean: float | None, value: float) -> float:
    return value if mean is None else mean + WEIGHT * (value - mean)
