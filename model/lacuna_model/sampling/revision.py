"""Which decided tokens to doubt once everything is decided."""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from lacuna_model.errors import ConfigError


class Revision(Protocol):
    """A revision policy."""

    @property
    def num_passes(self) -> int:
        """How often a canvas may be revised."""
        ...

    def doubt(self, confidence: Tensor, editable: Tensor) -> Tensor:
        """Slots to decide anew, (B, L) bool.

        Args:
            confidence: probability that the last pass gave to each token, (B, L) float32.
            editable: slots, (B, L) bool.
        """
        ...


@dataclass(frozen=True, slots=True)
class LeastConfident:
    """Doubts the least confident tokens: those below a probability, and at most a share of the row's slots.

    Attributes:
        threshold: probability below which a token is doubted.
        share: most slots of a row to doubt, at least one.
        num_passes: revisions of a canvas.
    """

    threshold: float = 0.5
    share: float = 0.25
    num_passes: int = 1

    def __post_init__(self) -> None:
        if not (0 <= self.threshold <= 1 and 0 < self.share <= 1 and self.num_passes >= 0):
            raise ConfigError(f"threshold and share are between 0 and 1: {self}.")

    def doubt(self, confidence: Tensor, editable: Tensor) -> Tensor:
        """Ranks the slots of each row by confidence."""
        rank = confidence.masked_fill(~editable, torch.inf).argsort(dim=1, stable=True).argsort(dim=1)
        most = (editable.sum(1, keepdim=True) * self.share).ceil()
        return editable & (confidence < self.threshold) & (rank < most)


@dataclass(frozen=True, slots=True)
class Never:
    """Doubts nothing, for noise under which every step judges all slots anew."""

    num_passes: int = 0

    def doubt(self, confidence: Tensor, editable: Tensor) -> Tensor:
        """No slot."""
        return torch.zeros_like(editable)
