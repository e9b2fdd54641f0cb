"""Draws that can be made before a step: a number for each slot instead of one for each token of the vocabulary."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class SlotDraws:
    """Draws that need one number a slot, however large the vocabulary; see `Draws`."""

    generator: torch.Generator

    @classmethod
    def of_seed(cls, seed: int, device: torch.device) -> "SlotDraws":
        """Starts a generator."""
        return cls(torch.Generator(device).manual_seed(seed))

    def numbers(self, shape: torch.Size) -> Tensor:
        """Numbers at least 0 and below 1, `shape` float32."""
        return torch.rand(shape, generator=self.generator, device=self.generator.device)

    def tokens(self, probabilities: Tensor, rows: Tensor, shape: torch.Size) -> Tensor:
        """Draws a token for each slot; see `Draws.tokens`."""
        return pick(probabilities, self.numbers(shape).flatten()[rows])

    def noise(self, shape: torch.Size, vocab_size: int) -> Tensor:
        """Draws tokens uniformly from the vocabulary."""
        return torch.randint(vocab_size, shape, generator=self.generator, device=self.generator.device)


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """Hands out what was drawn before, in place of `SlotDraws`.

    Attributes:
        numbers: for the candidates, (B, L) float32.
        fresh: noise, (B, L) int64.
    """

    numbers: Tensor
    fresh: Tensor

    def tokens(self, probabilities: Tensor, rows: Tensor, shape: torch.Size) -> Tensor:
        """The token of each slot; see `Draws.tokens`."""
        return pick(probabilities, self.numbers.flatten()[rows])

    def noise(self, shape: torch.Size, vocab_size: int) -> Tensor:
        """The noise."""
        return self.fresh


def pick(probabilities: Tensor, numbers: Tensor) -> Tensor:
    """Inverts the distributions, (N, V) float32, at numbers below 1, (N,): token ids, none of probability 0."""
    cumulative = probabilities.cumsum(-1)
    return torch.searchsorted(cumulative, (1 - numbers)[:, None] * cumulative[:, -1:]).squeeze(1)
