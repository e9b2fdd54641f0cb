"""What the infiller answers."""

from dataclasses import dataclass
from typing import Literal

StopReason = Literal["stable", "deadline", "cancelled", "max_steps"]


@dataclass(frozen=True, slots=True)
class Token:
    """A token of a fill.

    Attributes:
        text: the token decoded alone, for display.
        confidence: how likely it is right, given what stands before it, 0 to 1: its probability in the denoising pass
            that decided it, or in the last one where a draft is gone on with; calibrated if the checkpoint tells how.
    """

    text: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Fill:
    """One way to fill all gaps.

    Attributes:
        texts: text of each gap; empty where nothing belongs there.
        tokens: tokens of each gap.
        score: the ranking's opinion, comparable within one result only; higher is better.
        valid: whether the text keeps its syntax with this fill; None where nobody asked or can tell.
        log_following: log-probability in nats, read from left to right, that the text behind the last gap begins with
            the byte it begins with; None where nobody looked.
        probability: that the fill would be accepted as it stands, 0 to 1; 0 if it was corrected to keep the syntax;
            None where the checkpoint cannot tell.
    """

    texts: tuple[str, ...]
    tokens: tuple[tuple[Token, ...], ...]
    score: float
    valid: bool | None = None
    log_following: float | None = None
    probability: float | None = None


@dataclass(frozen=True, slots=True)
class Timing:
    """Wall-clock time of a request, milliseconds."""

    encode_ms: float
    denoise_ms: float
    rank_ms: float
    total_ms: float


@dataclass(frozen=True, slots=True)
class InfillResult:
    """The fills of a request, and what they cost.

    Attributes:
        fills: distinct fills, best first; none after a cancellation.
        num_steps: denoising steps.
        num_forwards: passes through the denoiser after the prefix: denoising and ranking.
        num_tokens: tokens of the best fill.
        num_prefix_tokens: tokens of the prefix that the denoiser read.
        num_cached_tokens: how many of them came from the cache.
        stop_reason: why the denoising ended.
        timing: where the time went.
    """

    fills: tuple[Fill, ...]
    num_steps: int
    num_forwards: int
    num_tokens: int
    num_prefix_tokens: int
    num_cached_tokens: int
    stop_reason: StopReason
    timing: Timing

    @property
    def tokens_per_forward(self) -> float:
        """Tokens of the best fill for each forward pass."""
        return self.num_tokens / self.num_forwards if self.num_forwards else 0.0


@dataclass(frozen=True, slots=True)
class Slot:
    """A place in a gap while it is being filled: its token's text, or None while it is masked."""

    text: str | None
    confidence: float


@dataclass(frozen=True, slots=True)
class DenoisingStep:
    """The first candidate's gaps after a step, counted from 1."""

    step: int
    gaps: tuple[tuple[Slot, ...], ...]
