"""When an engine that keeps ending may be started again."""

import math
from dataclasses import dataclass

FIRST_DELAY = 1.0
LONGEST_DELAY = 60.0


@dataclass(frozen=True, slots=True)
class BackOff:
    """How long to wait before an engine is started again: 1 s after its last start, then 2 s, up to 60 s.

    Attributes:
        last: when it was started last, seconds of a clock that only goes forward.
        delay: seconds from then to the next start.
    """

    last: float = -math.inf
    delay: float = 0.0

    def after_start(self, now: float) -> "BackOff":
        """An engine is started. If the one before it was needed for long, the delay begins anew."""
        begins_anew = now - self.last > self.delay + LONGEST_DELAY
        return BackOff(now, FIRST_DELAY if begins_anew else min(2 * self.delay, LONGEST_DELAY))

    def seconds_left(self, now: float) -> float:
        """Seconds until the next start."""
        return max(0.0, self.last + self.delay - now)
