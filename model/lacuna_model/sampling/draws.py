"""Random draws of the sampler, behind an interface so that a run can be repeated or compared draw by draw."""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


class Draws(Protocol):
    """A source of random tokens."""

    def tokens(self, probabilities: Tensor, rows: Tensor, shape: torch.Size) -> Tensor:
        """Draws a token for each slot.

        Args:
            probabilities: (N, V) float32.
            rows: where the slots lie in the flattened canvas, (N,) int64.
            shape: (B, L) of the canvas.

        Returns:
            Token ids, (N,) int64.
        """
        ...

    def noise(self, shape: torch.Size, vocab_size: int) -> Tensor:
        """Draws tokens uniformly from the vocabulary, `shape` int64."""
        ...


@dataclass(frozen=True, slots=True)
class SeededDraws:
    """Draws from one generator: the same seed gives the same run on the same kind of device."""

    generator: torch.Generator

    @classmethod
    def of_seed(cls, seed: int, device: torch.device) -> "SeededDraws":
        """Starts a generator."""
        return cls(torch.Generator(device).manual_seed(seed))

    def tokens(self, probabilities: Tensor, rows: Tensor, shape: torch.Size) -> Tensor:
        """Draws a token for each slot; see `Draws.tokens`."""
        return torch.multinomial(probabilities, 1, generator=self.generator).squeeze(1)

    def noise(self, shape: torch.Size, vocab_size: int) -> Tensor:
        """Draws tokens uniformly from the vocabulary."""
        return torch.randint(vocab_size, shape, generator=self.generator, device=self.generator.device)
