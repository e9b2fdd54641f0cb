"""What a request has brought and cost so far."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from lacuna_model.fills import Piece
from lacuna_model.request import InfillRequest
from lacuna_model.result import Fill, InfillResult, StopReason, Timing


@dataclass(slots=True)
class Tally:
    """Running totals of one request.

    Attributes:
        request: what was asked.
        started: when, on the clock of `time.perf_counter`.
        committed: what earlier canvases have put into the gap.
    """

    request: InfillRequest
    started: float
    committed: list[Piece] = field(default_factory=list)
    num_prefix_tokens: int = 0
    num_cached_tokens: int = 0
    num_steps: int = 0
    num_ranking_forwards: int = 0
    encode_seconds: float = 0.0
    denoise_seconds: float = 0.0
    rank_seconds: float = 0.0
    stop_reason: StopReason = "max_steps"

    @property
    def ms_per_step(self) -> float:
        """Mean duration of the denoising steps so far; 0 before the first."""
        return 1000 * self.denoise_seconds / self.num_steps if self.num_steps else 0.0

    def cancelled(self) -> InfillResult:
        """What remains of a request that nobody waits for."""
        self.stop_reason = "cancelled"
        return self.result([])

    def result(self, fills: Sequence[Fill]) -> InfillResult:
        """Sums up."""
        seconds = (self.encode_seconds, self.denoise_seconds, self.rank_seconds, time.perf_counter() - self.started)
        return InfillResult(
            fills=tuple(fills),
            num_steps=self.num_steps,
            num_forwards=self.num_steps + self.num_ranking_forwards,
            num_tokens=sum(len(gap) for gap in fills[0].tokens) if fills else 0,
            num_prefix_tokens=self.num_prefix_tokens,
            num_cached_tokens=self.num_cached_tokens,
            stop_reason=self.stop_reason,
            timing=Timing(*(1000 * each for each in seconds)),
        )
