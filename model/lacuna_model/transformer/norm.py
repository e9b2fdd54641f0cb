"""Root mean square normalisation (Zhang and Sennrich, 2019)."""

import torch
from torch import Tensor, nn


def rms_normalize(states: Tensor, eps: float) -> Tensor:
    """Scales the last dimension to a root mean square of one, in float32."""
    states = states.float()
    return states * torch.rsqrt(states.pow(2).mean(-1, keepdim=True) + eps)


class RMSNorm(nn.Module):
    """RMS normalisation with a learned gain, in float32; returns the dtype it was given."""

    def __init__(self, size: int, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(size))

    def forward(self, states: Tensor) -> Tensor:
        """Normalises the last dimension of `states`, (..., size)."""
        return (rms_normalize(states, self.eps) * self.weight.float()).type_as(states)
