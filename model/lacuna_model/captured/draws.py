"""Draws that can be made before a step: a number for each slot instead of one for each token of the vocabulary."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - the name every PyTorch reader knows
from torch import Tensor

BLOCK_SIZE = 512


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
    """Inverts the distributions, (N, V) float32, at numbers below 1, (N,): token ids, none of probability 0.

    A block of tokens is picked first and then one of its tokens: no sum runs along the whole vocabulary.
    """
    padded = F.pad(probabilities, (0, -probabilities.shape[1] % BLOCK_SIZE))
    blocks = padded.view(len(padded), padded.shape[1] // BLOCK_SIZE, BLOCK_SIZE)
    sums = blocks.sum(-1)  # (N, V / BLOCK_SIZE)
    targets = (1 - numbers) * sums.sum(-1)
    block = _first_reaching(sums, targets)
    before = (sums.cumsum(-1) - sums).gather(1, block[:, None]).squeeze(1)
    chances = blocks.gather(1, block[:, None, None].expand(-1, 1, BLOCK_SIZE)).squeeze(1)  # (N, BLOCK_SIZE)
    return block * BLOCK_SIZE + _first_reaching(chances, targets - before)


def _first_reaching(weights: Tensor, targets: Tensor) -> Tensor:
    """Index of the first weight above 0, (N, M), up to which they add to a target, (N,), however sums are rounded."""
    reached = weights.cumsum(-1) * (weights > 0)
    targets = torch.minimum(targets.clamp(min=torch.finfo(targets.dtype).tiny), reached.amax(-1))
    return (reached >= targets[:, None]).to(torch.int8).argmax(-1)
