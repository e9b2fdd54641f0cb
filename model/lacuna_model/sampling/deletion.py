"""When a slot may be taken out: for checkpoints that learned a delete token."""

from dataclasses import dataclass

from torch import Tensor

from lacuna_model.errors import ConfigError
from lacuna_model.sampling.prediction import Prediction


@dataclass(frozen=True, slots=True)
class SureDeletes:
    """Lets a slot be deleted only when that is sure, or when nothing else is left to decide.

    Where the text ends is one decision, yet every slot behind the end agrees on it, so deletes look far more certain
    than words. Were they accepted like words, they would come first and most fills would be too short.

    Attributes:
        threshold: probability from which a delete is sure.
    """

    threshold: float = 0.9

    def __post_init__(self) -> None:
        if not 0 <= self.threshold <= 1:
            raise ConfigError(f"a threshold is a probability and cannot be {self.threshold}.")

    def eligible(self, prediction: Prediction, undecided: Tensor, delete_token_id: int | None) -> Tensor:
        """The undecided slots, (B, L) bool, without those that would be deleted too early."""
        if delete_token_id is None:
            return undecided
        is_doubtful = (prediction.candidate == delete_token_id) & (prediction.confidence < self.threshold)
        others = undecided & ~is_doubtful
        return others | (undecided & ~others.any(1, keepdim=True))
