"""Rotary position embeddings (Su et al., 2021), with the fraction of rotated pairs that DiffusionGemma uses."""

from functools import cache

import torch
from torch import Tensor

from lacuna_model.config import AttentionConfig

Rotation = tuple[Tensor, Tensor]
"""Cosines and sines, each (B or 1, 1, T, head_dim)."""


@cache
def rotary_frequencies(config: AttentionConfig, device: torch.device) -> Tensor:
    """Radians by which one step in the text turns each pair of a head, (head_dim / 2,) float32.

    Only the first `rotary_fraction` of the pairs turn; the exponent still counts over the whole head.
    """
    num_pairs = config.head_dim // 2
    num_rotated = int(config.rotary_fraction * config.head_dim // 2)
    exponents = torch.arange(0, 2 * num_rotated, 2, device=device, dtype=torch.float32) / config.head_dim
    frequencies = torch.zeros(num_pairs, device=device)
    frequencies[:num_rotated] = 1.0 / config.rope_theta**exponents
    return frequencies


def rotation(positions: Tensor, frequencies: Tensor, dtype: torch.dtype) -> Rotation:
    """Cosines and sines for token positions, (B, T) int64, computed in float32 and returned in `dtype`."""
    angles = positions[:, None, :, None].float() * frequencies  # (B, 1, T, head_dim / 2)
    angles = torch.cat((angles, angles), dim=-1)  # (B, 1, T, head_dim)
    return angles.cos().to(dtype), angles.sin().to(dtype)


def rotate(states: Tensor, rotation: Rotation) -> Tensor:
    """Turns heads, (B, H, T, head_dim), by their positions; pairs are (i, i + head_dim / 2)."""
    cos, sin = rotation
    first, second = states.chunk(2, dim=-1)
    return states * cos + torch.cat((-second, first), dim=-1) * sin
