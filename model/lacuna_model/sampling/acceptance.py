"""Which candidates a step accepts: as many as can be trusted together, never a fixed number, at least one."""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from lacuna_model.errors import ConfigError
from lacuna_model.sampling.prediction import Prediction


class Acceptance(Protocol):
    """An acceptance policy."""

    def accept(self, prediction: Prediction, undecided: Tensor) -> Tensor:
        """Chooses among the undecided slots, (B, L) bool; at least one in every row that has any."""
        ...


@dataclass(frozen=True, slots=True)
class EntropyBound:
    """Accepts the slots of lowest entropy while their sum, the greatest left out, stays within a bound.

    That sum bounds the mutual information between the accepted tokens, so they are nearly independent and can be
    decided in parallel (Ben-Hamu et al., 2025).

    Attributes:
        bound: nats.
    """

    bound: float

    def __post_init__(self) -> None:
        if not self.bound >= 0:
            raise ConfigError(f"an entropy bound is in nats and cannot be {self.bound}.")

    def accept(self, prediction: Prediction, undecided: Tensor) -> Tensor:
        """Accepts the least uncertain slots of each row."""
        entropy = prediction.entropy.masked_fill(~undecided, torch.inf)
        rising, order = entropy.sort(dim=-1)
        is_within = rising.cumsum(-1) - rising <= self.bound  # false where inf - inf is not a number
        return torch.zeros_like(undecided).scatter(-1, order, is_within) & undecided


@dataclass(frozen=True, slots=True)
class ConfidenceThreshold:
    """Accepts every slot whose best token is probable enough, and the most confident one in any case.

    Attributes:
        threshold: probability.
    """

    threshold: float

    def __post_init__(self) -> None:
        if not 0 <= self.threshold <= 1:
            raise ConfigError(f"a confidence threshold is a probability and cannot be {self.threshold}.")

    def accept(self, prediction: Prediction, undecided: Tensor) -> Tensor:
        """Accepts the confident slots of each row."""
        confidence = prediction.confidence.masked_fill(~undecided, -1.0)
        surest = torch.zeros_like(undecided).scatter(-1, confidence.argmax(-1, keepdim=True), True)
        return ((confidence >= self.threshold) | surest) & undecided
