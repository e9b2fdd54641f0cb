"""What is trained and how: the embedded denoiser's shape, its initial weights, and the settings of a run."""

import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from lacuna_model.config import DenoiserConfig, NoiseKind
from lacuna_model.tokenizer import Tokenizer
from lacuna_model.training.examples import WindowShape
from lacuna_model.training.noising import Noising
from lacuna_model.training.optimizer import OptimizerConfig
from lacuna_model.training.spans import SpanMixture
from lacuna_model.transformer.attention import Attention
from lacuna_model.transformer.denoiser import Denoiser

RECIPE_FILE = "recipe.json"

BEAMS_SHAPE = WindowShape(num_canvases=16, canvas_length=32, max_slots=20, beams=0.75)
"""Windows whose canvases are mostly what a pass of beams sees."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Settings of one run.

    Attributes:
        num_steps: steps in all.
        num_cooldown_steps: steps at the end over which the learning rate falls to zero.
        batch_size: windows a step.
        encoder_weight: weight of the next-token loss.
        canvas_weight: weight of the denoising loss; 0 trains the causal mode alone.
        next_token_share: share of the text's positions at which the next token is predicted.
        self_conditioning: share of the steps that show the model what it believed.
        ema_decay: of the averaged weights, which are the ones exported.
        seed: of the data's order, the noise and the initial weights.
    """

    num_steps: int
    num_cooldown_steps: int
    batch_size: int = 8
    encoder_weight: float = 0.3
    canvas_weight: float = 1.0
    next_token_share: float = 0.5
    self_conditioning: float = 0.5
    ema_decay: float = 0.998
    seed: int = 1
    shape: WindowShape = field(default_factory=WindowShape)
    mixture: SpanMixture = field(default_factory=SpanMixture)
    noising: Noising = field(default_factory=Noising)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)

    def save(self, path: Path) -> None:
        """Writes the settings as JSON."""
        path.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")


def nano_config(tokenizer: Tokenizer, noise: NoiseKind) -> dict[str, Any]:
    """`config.json` of the embedded denoiser, in the released format."""
    kinds = ["sliding_attention", "sliding_attention", "full_attention", "sliding_attention", "full_attention"]
    full = {
        str(index): {"head_dim": 64, "num_key_value_heads": 2} for index, kind in enumerate(kinds) if "full" in kind
    }
    return {
        "architectures": ["DiffusionGemmaForBlockDiffusion"],
        "model_type": "diffusion_gemma",
        "dtype": "bfloat16",
        "canvas_length": 64,
        "tie_word_embeddings": True,
        "text_config": {
            "model_type": "diffusion_gemma_text",
            "vocab_size": tokenizer.vocab_size,
            "hidden_size": 256,
            "intermediate_size": 512,
            "num_hidden_layers": len(kinds),
            "layer_types": kinds,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "head_dim": 64,
            "per_layer_config": full,
            "sliding_window": 256,
            "rope_parameters": {
                "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
                "full_attention": {"rope_type": "proportional", "rope_theta": 1000000.0, "partial_rotary_factor": 0.25},
            },
            "num_experts": 4,
            "top_k_experts": 2,
            "moe_intermediate_size": 128,
            "hidden_activation": "gelu_pytorch_tanh",
            "rms_norm_eps": 1e-6,
            "final_logit_softcapping": 30.0,
            "max_position_embeddings": 8192,
            "tie_word_embeddings": True,
            "pad_token_id": 0,
            "eos_token_id": 1,
            "bos_token_id": 2,
        },
        "vision_config": {
            "model_type": "gemma4_vision",
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 1,
            "num_key_value_heads": 1,
            "head_dim": 16,
        },
        "lacuna": {
            "noise": noise,
            "mask_token_id": 4 if noise == "absorbing" else None,
            "delete_token_id": 3,
            "beam_width": 4 if noise == "absorbing" else None,
        },
    }


NANO_GENERATION_CONFIG: dict[str, Any] = {
    "max_denoising_steps": 48,
    "sampler_config": {"_cls_name": "EntropyBoundSamplerConfig", "entropy_bound": 3.0},
    "t_min": 0.4,
    "t_max": 0.8,
    "stability_threshold": 1,
    "confidence_threshold": 0.05,
    "eos_token_id": 1,
    "pad_token_id": 0,
    "bos_token_id": 2,
}


def initialized(config: DenoiserConfig, seed: int) -> Denoiser:
    """A denoiser with fresh weights."""
    torch.manual_seed(seed)
    model = Denoiser(config)
    nn.init.normal_(model.embed_tokens.weight, std=0.02)
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=1 / math.sqrt(module.in_features))
        elif isinstance(module, Attention):
            # The scores are not divided by the root of the head's width: the gains have to do it.
            for norm in (module.q_norm, module.k_norm):
                nn.init.constant_(norm.weight, module.config.head_dim**-0.25)
    for layer in model.stack:
        for stack in (layer.experts.gate_up_proj, layer.experts.down_proj):
            nn.init.normal_(stack, std=1 / math.sqrt(stack.shape[-1]))
    nn.init.zeros_(model.self_conditioning.down_proj.weight)  # the first beliefs are worth nothing
    return model
