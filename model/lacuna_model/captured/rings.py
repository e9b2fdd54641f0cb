"""Keys and values of a prefix in tensors that stay where they are.

A sliding layer's lie in a ring as long as what it sees, those of position p at p modulo that length: nobody reads more
than it must.
"""

import torch

from lacuna_model.transformer.denoiser import Denoiser, KeyValues


def allocate_rings(denoiser: Denoiser, capacity: int) -> KeyValues:
    """Makes room for a prefix of `capacity` tokens, (1, num_kv_heads, places, head_dim) twice for each layer."""
    rings = []
    for kind in denoiser.config.layer_kinds:
        heads = denoiser.config.attention(kind)
        num_places = capacity if heads.window is None else min(capacity, heads.window)
        size = (1, heads.num_kv_heads, num_places, heads.head_dim)
        keys, values = (torch.zeros(size, dtype=denoiser.dtype, device=denoiser.device) for _ in range(2))
        rings.append((keys, values))
    return tuple(rings)


def fill_rings(rings: KeyValues, prefix: KeyValues) -> None:
    """Takes a prefix of one row, at most as many tokens as there is room for."""
    for ring, given in zip(rings, prefix, strict=True):
        for target, source in zip(ring, given, strict=True):
            num_tokens, num_places = source.shape[2], target.shape[2]
            if num_tokens <= num_places:
                target[:, :, :num_tokens] = source
                continue
            positions = torch.arange(num_tokens - num_places, num_tokens, device=target.device)
            target[:, :, positions % num_places] = source[:, :, positions]
