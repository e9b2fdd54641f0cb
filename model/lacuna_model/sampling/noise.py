"""What a slot holds while it is not decided, and what becomes of a slot once it is."""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from lacuna_model.canvas import Canvas
from lacuna_model.config import DenoiserConfig
from lacuna_model.errors import ConfigError
from lacuna_model.sampling.draws import Draws


class Noise(Protocol):
    """A kind of noise."""

    def draw(self, shape: torch.Size, device: torch.device, draws: Draws) -> Tensor:
        """Noise tokens, `shape` int64."""
        ...

    def undecided(self, canvas: Canvas) -> Tensor:
        """Slots that the next step decides about, (B, L) bool."""
        ...

    def advance(self, canvas: Canvas, undecided: Tensor, accepted: Tensor, candidate: Tensor, draws: Draws) -> Canvas:
        """The next step's canvas.

        Args:
            canvas: what this step has read.
            undecided: slots that may change, (B, L) bool.
            accepted: those of them whose candidate was accepted, (B, L) bool.
            candidate: the tokens proposed, (B, L) int64.
            draws: for fresh noise.
        """
        ...


@dataclass(frozen=True, slots=True)
class Absorbing:
    """Undecided slots hold the mask token; an accepted token stays until a revision masks it again."""

    mask_token_id: int

    def draw(self, shape: torch.Size, device: torch.device, draws: Draws) -> Tensor:
        """Mask tokens."""
        return torch.full(shape, self.mask_token_id, device=device)

    def undecided(self, canvas: Canvas) -> Tensor:
        """Slots that hold the mask token."""
        return canvas.editable & (canvas.ids == self.mask_token_id)

    def advance(self, canvas: Canvas, undecided: Tensor, accepted: Tensor, candidate: Tensor, draws: Draws) -> Canvas:
        """Commits what was accepted."""
        return canvas.write(candidate, accepted)


@dataclass(frozen=True, slots=True)
class Uniform:
    """Undecided slots hold random tokens, and no slot is ever decided: each step judges all of them anew."""

    vocab_size: int

    def __post_init__(self) -> None:
        if self.vocab_size < 1:
            raise ConfigError(f"uniform noise needs a vocabulary, not one of {self.vocab_size} tokens.")

    def draw(self, shape: torch.Size, device: torch.device, draws: Draws) -> Tensor:
        """Random tokens."""
        return draws.noise(shape, self.vocab_size)

    def undecided(self, canvas: Canvas) -> Tensor:
        """All slots."""
        return canvas.editable

    def advance(self, canvas: Canvas, undecided: Tensor, accepted: Tensor, candidate: Tensor, draws: Draws) -> Canvas:
        """Keeps what was accepted for the next step and puts fresh noise into all other slots."""
        noise = draws.noise(canvas.ids.shape, self.vocab_size)
        return canvas.write(torch.where(accepted, candidate, noise), undecided)


def noise_of(config: DenoiserConfig) -> Noise:
    """The noise that a checkpoint was trained with."""
    if config.noise == "uniform":
        return Uniform(config.vocab_size)
    assert config.mask_token_id is not None, "the configuration was checked"
    return Absorbing(config.mask_token_id)
