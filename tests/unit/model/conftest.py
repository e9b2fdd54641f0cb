"""Tiny denoisers with random weights, and a tokenizer with a token for every byte."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from tokenizers import AddedToken, decoders, models, pre_tokenizers
from tokenizers import Tokenizer as BaseTokenizer

from lacuna_model.config import AttentionConfig, DenoiserConfig
from lacuna_model.tokenizer import Tokenizer
from lacuna_model.transformer.denoiser import Denoiser

ConfigFactory = Callable[..., DenoiserConfig]
DenoiserFactory = Callable[..., Denoiser]

SPECIAL_TOKENS = ("<pad>", "<eos>", "<bos>", "<delete>", "<mask>", "<|python|>")
NUM_TOKENS = len(SPECIAL_TOKENS) + 256


def make_config(**overrides: Any) -> DenoiserConfig:
    """Two layers of both kinds, two of four experts; absorbing noise with a delete token."""
    sliding = AttentionConfig(4, 2, 8, 10_000.0, 1.0, 16, True)
    config = DenoiserConfig(
        vocab_size=NUM_TOKENS,
        hidden_size=32,
        intermediate_size=48,
        layer_kinds=("sliding_attention", "full_attention"),
        sliding=sliding,
        full=replace(sliding, window=None, rotary_fraction=0.25, has_value_projection=False),
        num_experts=4,
        num_experts_per_token=2,
        expert_size=16,
        rms_norm_eps=1e-6,
        logit_softcap=30.0,
        canvas_length=32,
        max_positions=4096,
        pad_token_id=0,
        bos_token_id=2,
        eos_token_id=1,
        noise="absorbing",
        mask_token_id=4,
        delete_token_id=3,
    )
    return replace(config, **overrides)


def make_denoiser(config: DenoiserConfig | None = None, seed: int = 0, kind: type[Denoiser] = Denoiser) -> Denoiser:
    """Random weights: predictions are sharp and differ from slot to slot, yet rounding errors do not grow."""
    denoiser = kind(make_config() if config is None else config).requires_grad_(False).eval()
    generator = torch.Generator().manual_seed(seed)
    gains = {"embed_tokens": 4.0, "self_conditioning": 0.5}
    for name, parameter in denoiser.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        if parameter.dim() > 1:
            parameter.copy_(noise * gains.get(name.split(".")[0], 1.0) / parameter.shape[-1] ** 0.5)
        else:
            parameter.copy_(1 + 0.2 * noise)
    return denoiser


@pytest.fixture(scope="session")
def tiny_config() -> ConfigFactory:
    return make_config


@pytest.fixture(scope="session")
def tiny_denoiser() -> DenoiserFactory:
    return make_denoiser


@pytest.fixture(scope="session")
def byte_tokenizer_json() -> str:
    vocabulary = [*SPECIAL_TOKENS, *sorted(pre_tokenizers.ByteLevel.alphabet())]
    base = BaseTokenizer(models.BPE({token: id for id, token in enumerate(vocabulary)}, []))
    base.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    base.decoder = decoders.ByteLevel()
    base.add_special_tokens([AddedToken(token, special=True) for token in SPECIAL_TOKENS])
    return base.to_str()


@pytest.fixture(scope="session")
def byte_tokenizer(byte_tokenizer_json: str) -> Tokenizer:
    return Tokenizer(BaseTokenizer.from_str(byte_tokenizer_json))
