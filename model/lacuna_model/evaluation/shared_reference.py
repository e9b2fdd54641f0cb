"""The reference implementation on the very tensors of a denoiser, so that a large model is held once."""

import importlib
from collections.abc import Container
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from lacuna_model.checkpoint import published_name
from lacuna_model.transformer.denoiser import Denoiser

_NEVER_CONFIDENT = 1e-30  # nats; 0 is refused


@dataclass(frozen=True, slots=True, eq=False)
class SharedReference:
    """`DiffusionGemmaForBlockDiffusion` of transformers as its users run it: fused attention, dynamic cache.

    It has no vision tower.

    Attributes:
        library: transformers, whose types do not hold.
        model: on the denoiser's device and in its dtype.
    """

    library: Any
    model: Any

    @classmethod
    def of(cls, denoiser: Denoiser, document: dict[str, Any]) -> "SharedReference":
        """Puts a denoiser's weights, which must not be quantised, into a reference model.

        Args:
            denoiser: the weights.
            document: content of its `config.json`.

        Raises:
            ImportError: transformers is not installed, or too old to know the model.
        """
        library = importlib.import_module("transformers")
        if not hasattr(library, "DiffusionGemmaForBlockDiffusion"):
            raise ImportError("This version of transformers does not know DiffusionGemma.")
        config = library.DiffusionGemmaConfig.from_dict(document)
        config._attn_implementation = "sdpa"
        with torch.device("meta"):
            model = library.DiffusionGemmaForBlockDiffusion(config)
        model.model.encoder.vision_tower = model.model.encoder.embed_vision = None
        weights = {published_name(name): tensor for name, tensor in denoiser.state_dict().items()}
        model.load_state_dict({name: weights[_untied(name, weights)] for name in model.state_dict()}, assign=True)
        for module in list(model.modules()):  # what no checkpoint holds is on the meta device still
            if hasattr(module, "rotary_emb"):
                module.rotary_emb = type(module.rotary_emb)(config.text_config, device=denoiser.device)
            if hasattr(module, "embed_scale"):
                module.embed_scale = torch.tensor(module.scalar_embed_scale, device=denoiser.device)
        return cls(library, model.requires_grad_(False).eval())

    @torch.inference_mode()
    def encode(self, prefix: Tensor) -> Any:
        """Cache of a prefix, (B, P) int64."""
        cache = self.library.DynamicCache(config=self.model.config.text_config)
        self.model.model.encoder(input_ids=prefix, past_key_values=cache)
        return cache

    @torch.inference_mode()
    def generate(self, last: Tensor, cache: Any, canvas_length: int, num_steps: int) -> Tensor:
        """Runs `generate` for one canvas and exactly so many denoising steps; leaves the cache as it was.

        Args:
            last: the prefix' last token, which the cache does not hold, (B, 1) int64.
            cache: all of the prefix before it.
            canvas_length: of the canvas.
            num_steps: none is saved, since no canvas counts as sure.

        Returns:
            Token ids of prefix' last token and canvas, (B, 1 + L) int64.
        """
        self.model.config.canvas_length = canvas_length
        generation = self.library.DiffusionGemmaGenerationConfig(
            max_denoising_steps=num_steps,
            max_new_tokens=canvas_length,
            sampler_config=self.library.EntropyBoundSamplerConfig(0.1),
            t_min=0.4,
            t_max=0.8,
            stability_threshold=1,
            confidence_threshold=_NEVER_CONFIDENT,
            pad_token_id=0,
        )
        output = self.model.generate(last, past_key_values=deepcopy(cache), generation_config=generation)
        sequences: Tensor = output.sequences
        return sequences

    @torch.inference_mode()
    def decode(self, last: Tensor, cache: Any, num_tokens: int) -> Tensor:
        """Decodes greedily, one token a pass of the encoder; leaves the cache as it was.

        Returns:
            Token ids, (B, num_tokens) int64.
        """
        cache = deepcopy(cache)
        tokens = [last]
        for _ in range(num_tokens):
            hidden = self.model.model.encoder(input_ids=tokens[-1], past_key_values=cache).last_hidden_state
            tokens.append(self.model.lm_head(hidden[:, -1:]).argmax(-1))  # capping the logits changes no order
        return torch.cat(tokens[1:], dim=1)


def _untied(name: str, published: Container[str]) -> str:
    """The published name of a tensor of the reference, whose encoder and output head share the decoder's."""
    if name in published:
        return name
    if name == "lm_head.weight":
        return published_name("embed_tokens.weight")
    return name.replace("model.encoder.language_model.", "model.decoder.")
