"""One layer of the stack: attention, then a dense feed-forward block beside a mixture of experts."""

import torch
from torch import Tensor, nn

from lacuna_model.config import DenoiserConfig, LayerKind
from lacuna_model.transformer.attention import Attention, LayerKeyValues
from lacuna_model.transformer.experts import Experts, Router
from lacuna_model.transformer.feedforward import FeedForward
from lacuna_model.transformer.norm import RMSNorm
from lacuna_model.transformer.rope import Rotation


class Layer(nn.Module):
    """A layer whose weights serve both modes; only the factor on its output differs between them."""

    layer_scalar: Tensor
    encoder_layer_scalar: Tensor

    def __init__(self, config: DenoiserConfig, kind: LayerKind) -> None:
        super().__init__()
        self.kind = kind
        size, eps = config.hidden_size, config.rms_norm_eps
        self.self_attn = Attention(config.attention(kind), size, eps)
        self.mlp = FeedForward(size, config.intermediate_size)
        self.router = Router(config)
        self.experts = Experts(config)
        self.input_layernorm = RMSNorm(size, eps)
        self.post_attention_layernorm = RMSNorm(size, eps)
        self.pre_feedforward_layernorm = RMSNorm(size, eps)
        self.post_feedforward_layernorm_1 = RMSNorm(size, eps)
        self.pre_feedforward_layernorm_2 = RMSNorm(size, eps)
        self.post_feedforward_layernorm_2 = RMSNorm(size, eps)
        self.post_feedforward_layernorm = RMSNorm(size, eps)
        self.register_buffer("layer_scalar", torch.ones(1))
        self.register_buffer("encoder_layer_scalar", torch.ones(1))

    def forward(
        self,
        states: Tensor,
        rotation: Rotation,
        prefix: LayerKeyValues | None,
        mask: Tensor | None,
        *,
        is_encoding: bool,
        is_causal: bool = False,
    ) -> tuple[Tensor, LayerKeyValues]:
        """Maps hidden states, (B, T, D), to the next layer's; see `Attention.forward` for the arguments."""
        run = _compiled_once if torch.compiler.is_compiling() and not torch.is_grad_enabled() else Layer._run
        return run(self, states, rotation, prefix, mask, is_encoding, is_causal)

    def _run(
        self,
        states: Tensor,
        rotation: Rotation,
        prefix: LayerKeyValues | None,
        mask: Tensor | None,
        is_encoding: bool,
        is_causal: bool,
    ) -> tuple[Tensor, LayerKeyValues]:
        attended, key_values = self.self_attn(self.input_layernorm(states), rotation, prefix, mask, is_causal)
        states = states + self.post_attention_layernorm(attended)
        dense = self.post_feedforward_layernorm_1(self.mlp(self.pre_feedforward_layernorm(states)))
        flat = states.flatten(0, 1)  # (B * T, D)
        mixed = self.experts(self.pre_feedforward_layernorm_2(flat), *self.router(flat)).view_as(states)
        mixed = self.post_feedforward_layernorm_2(mixed)
        states = states + self.post_feedforward_layernorm(dense + mixed)
        return states * (self.encoder_layer_scalar if is_encoding else self.layer_scalar), key_values


_compiled_once = torch.compiler.nested_compile_region(Layer._run)
"""Of all layers of a kind the compiler looks at one, which takes it a fraction of the time."""
