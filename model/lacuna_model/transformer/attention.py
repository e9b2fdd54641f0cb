"""Grouped-query attention that reads a prefix and, when encoding, extends it."""

import torch
import torch.nn.functional as F  # noqa: N812 - the name every PyTorch reader knows
from torch import Tensor, nn

from lacuna_model.config import AttentionConfig
from lacuna_model.transformer.linear import Linear
from lacuna_model.transformer.norm import RMSNorm, rms_normalize
from lacuna_model.transformer.rope import Rotation, rotate
from lacuna_model.transformer.shared_prefix import attend

LayerKeyValues = tuple[Tensor, Tensor]
"""Keys and values of one layer, each (B or 1, num_kv_heads, P, head_dim); the keys are already rotated."""


class Attention(nn.Module):
    """Attention of new tokens over [prefix ; new tokens]; what each may see is the caller's mask."""

    def __init__(self, config: AttentionConfig, hidden_size: int, eps: float) -> None:
        super().__init__()
        self.config = config
        self.eps = eps
        query_size = config.num_heads * config.head_dim
        key_size = config.num_kv_heads * config.head_dim
        self.q_proj = Linear(hidden_size, query_size)
        self.k_proj = Linear(hidden_size, key_size)
        self.v_proj = Linear(hidden_size, key_size) if config.has_value_projection else None
        self.o_proj = Linear(query_size, hidden_size)
        self.q_norm = RMSNorm(config.head_dim, eps)
        self.k_norm = RMSNorm(config.head_dim, eps)

    def forward(
        self, states: Tensor, rotation: Rotation, prefix: LayerKeyValues | None, mask: Tensor | None, is_causal: bool
    ) -> tuple[Tensor, LayerKeyValues]:
        """Attends.

        Args:
            states: normalised hidden states of the new tokens, (B, T, D).
            rotation: cosines and sines of their positions.
            prefix: keys and values of the tokens before them, of which all rows or one shared row exist.
            mask: True where a query may look, broadcastable to (B, 1, T, P + T); None where all may.
            is_causal: without a prefix and a mask, let each token see only itself and those before it.

        Returns:
            The attention's output, (B, T, D), and the keys and values of the new tokens alone.
        """
        batch, length, _ = states.shape
        heads = (batch, length, -1, self.config.head_dim)
        queries = rotate(self.q_norm(self.q_proj(states).view(heads)).transpose(1, 2), rotation)  # (B, H, T, head_dim)
        raw_keys = self.k_proj(states).view(heads)
        raw_values = raw_keys if self.v_proj is None else self.v_proj(states).view(heads)
        keys = rotate(self.k_norm(raw_keys).transpose(1, 2), rotation)  # (B, H_kv, T, head_dim)
        values = rms_normalize(raw_values, self.eps).type_as(raw_values).transpose(1, 2)
        if prefix is not None and _reads_prefix_once(queries, prefix):
            attended = attend(queries, prefix, (keys, values), mask)  # (B, H, T, head_dim)
        else:
            seen = _join(prefix, (keys, values))
            if queries.is_cuda:
                seen = _repeat(seen, self.config.num_heads // self.config.num_kv_heads)
            attended = F.scaled_dot_product_attention(
                queries, *seen, attn_mask=mask, is_causal=is_causal, scale=1.0, enable_gqa=True
            )  # (B, H, T, head_dim)
        return self.o_proj(attended.transpose(1, 2).reshape(batch, length, -1)), (keys, values)


def _reads_prefix_once(queries: Tensor, prefix: LayerKeyValues) -> bool:
    """Whether the way of `shared_prefix` is possible and the better one.

    On a CPU it is the faster one in bfloat16. On CUDA it is always taken, for the released model's sake: no fused
    kernel takes heads as large as its own that share their keys, and torch would widen all to float32, where there are
    no tensor cores.
    """
    is_apt = queries.is_cuda or (queries.device.type == "cpu" and queries.dtype == torch.bfloat16)
    return is_apt and prefix[0].shape[0] == 1


def _repeat(key_values: LayerKeyValues, times: int) -> LayerKeyValues:
    """Keys and values for every head: CUDA's one fused kernel for masks and for heads of any size wants them so."""
    keys, values = (each.repeat_interleave(times, 1) for each in key_values)
    return keys, values


def _join(prefix: LayerKeyValues | None, new: LayerKeyValues) -> LayerKeyValues:
    if prefix is None:
        return new
    batch = new[0].shape[0]
    keys, values = (torch.cat((old.expand(batch, -1, -1, -1), own), 2) for old, own in zip(prefix, new, strict=True))
    return keys, values
