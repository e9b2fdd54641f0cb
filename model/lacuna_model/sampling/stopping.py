"""When a row of the batch needs no further step."""

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from lacuna_model.errors import ConfigError


class Stopping(Protocol):
    """A stopping policy."""

    def stop(self, num_stable_steps: Tensor, mean_entropy: Tensor) -> Tensor:
        """Which rows are final, (B,) bool.

        Args:
            num_stable_steps: for how many steps in a row every slot's best token has been the one before, (B,) int64.
            mean_entropy: over the undecided slots, in nats, (B,) float32. Given tokens do not count.
        """
        ...


@dataclass(frozen=True, slots=True)
class StableAndConfident:
    """Stops when the best tokens have not changed and are sure.

    Attributes:
        stability: steps for which the best tokens must stay the same.
        confidence: mean entropy to fall below, nats.
    """

    stability: int
    confidence: float

    def __post_init__(self) -> None:
        if self.stability < 0 or not self.confidence >= 0:
            raise ConfigError(f"stability {self.stability} and confidence {self.confidence} cannot be negative.")

    def stop(self, num_stable_steps: Tensor, mean_entropy: Tensor) -> Tensor:
        """Compares both."""
        return (num_stable_steps >= self.stability) & (mean_entropy < self.confidence)
