"""Gated feed-forward block: the dense one of every layer, and that of self-conditioning."""

import torch.nn.functional as F  # noqa: N812 - the name every PyTorch reader knows
from torch import Tensor, nn

from lacuna_model.transformer.linear import Linear


class FeedForward(nn.Module):
    """GELU-gated linear unit (Shazeer, 2020)."""

    def __init__(self, hidden_size: int, intermediate_size: int) -> None:
        super().__init__()
        self.gate_proj = Linear(hidden_size, intermediate_size)
        self.up_proj = Linear(hidden_size, intermediate_size)
        self.down_proj = Linear(intermediate_size, hidden_size)

    def forward(self, states: Tensor) -> Tensor:
        """Maps (..., D) to (..., D)."""
        gated: Tensor = self.down_proj(F.gelu(self.gate_proj(states), approximate="tanh") * self.up_proj(states))
        return gated
