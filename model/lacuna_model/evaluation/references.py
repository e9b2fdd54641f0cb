"""What a fill is measured against: the reference implementation, and decoding from left to right."""

import importlib
import logging
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lacuna_model.canvas import Canvas
from lacuna_model.config import GenerationConfig
from lacuna_model.prefix_cache import Prefix
from lacuna_model.transformer.denoiser import Denoiser


@dataclass(frozen=True, slots=True, eq=False)
class LeftToRight:
    """Greedy decoding, one token a pass, with the causal mode of our own weights after an encoded prefix.

    Keys and values lie in buffers made for the whole text. As in denoising, attention joins them with the new ones in
    every pass.
    """

    denoiser: Denoiser
    prefix: Prefix

    @torch.inference_mode()
    def decode(self, num_tokens: int) -> list[int]:
        """Decodes exactly so many tokens; the first one needs no pass of its own."""
        start = self.prefix.num_tokens
        buffers = [
            tuple(
                torch.cat((part, part.new_empty(*part.shape[:2], num_tokens, part.shape[3])), dim=2) for part in layer
            )
            for layer in self.prefix.key_values
        ]
        token = self.denoiser.logits(self.prefix.hidden).argmax(-1)[None]  # (1, 1)
        tokens = [token]
        for end in range(start, start + num_tokens - 1):
            known = tuple((keys[:, :, :end], values[:, :, :end]) for keys, values in buffers)
            states, written = self.denoiser.encode(token, known)
            for (keys, values), (new_keys, new_values) in zip(buffers, written, strict=True):
                keys[:, :, end : end + 1], values[:, :, end : end + 1] = new_keys, new_values
            token = self.denoiser.logits(states[:, -1]).argmax(-1)[None]
            tokens.append(token)
        return torch.cat(tokens, dim=1)[0].tolist()


class ReferenceGenerate:
    """`DiffusionGemmaForBlockDiffusion.generate` of transformers on the weights of a checkpoint directory.

    It is set up as well as it can be: scaled dot-product attention, dynamic cache, inference mode, our dtype and
    device, as many steps as ours may take, the checkpoint's entropy bound and its own way of stopping; see also
    `acceptable_to_reference`. Given tokens of the canvas are held by writing their rows of the logits.

    Raises:
        ImportError: transformers is not installed, or too old to know the model.
    """

    def __init__(self, checkpoint: Path, denoiser: Denoiser, generation: GenerationConfig) -> None:
        transformers = _transformers()
        reports = transformers.utils.logging
        verbosity = reports.get_verbosity()
        reports.disable_progress_bar()
        reports.set_verbosity(logging.ERROR)  # it warns of every tensor of the vision tower, which no text needs
        try:
            model = transformers.DiffusionGemmaForBlockDiffusion.from_pretrained(
                checkpoint,
                generation_config=_generation_config(generation),
                dtype=denoiser.dtype,
                attn_implementation="sdpa",
                local_files_only=True,
            )
        finally:
            reports.set_verbosity(verbosity)
            reports.enable_progress_bar()
        self.model = model.to(denoiser.device).eval()

    @torch.inference_mode()
    def encode(self, prefix: Tensor) -> Any:
        """Cache of a prefix, (1, P) int64. `generate` writes to it, so it serves one call."""
        cache = _transformers().DynamicCache(config=self.model.config.text_config)
        self.model.model.encoder(input_ids=prefix, past_key_values=cache)
        return cache

    @torch.inference_mode()
    def generate(
        self, prefix: Tensor, canvas: Canvas, cache: Any = None, max_steps: int | None = None
    ) -> tuple[Tensor, int]:
        """Fills one canvas.

        Args:
            prefix: tokens, (1, P) int64; with a cache those alone that it does not hold, at least one.
            canvas: one row, as long as the checkpoint's canvas.
            cache: from `encode`; None: encode the prefix.
            max_steps: most denoising steps; None: as many as ours may take.

        Returns:
            What it made of the canvas, token ids, (1, L) int64, padding behind the first end of text; and the
            denoising steps it took.
        """
        pins = _Pins(canvas, self.model.config.text_config.vocab_size)
        generation = copy(self.model.generation_config)
        generation.max_denoising_steps = max_steps or generation.max_denoising_steps
        output = self.model.generate(
            prefix,
            generation_config=generation,
            past_key_values=cache,
            decoder_input_ids=canvas.ids,
            logits_processor=_transformers().LogitsProcessorList([pins]),
            max_new_tokens=canvas.ids.shape[1],
        )
        return output.sequences[:, -canvas.ids.shape[1] :], pins.num_steps


def _transformers() -> Any:
    """The library, which is no dependency of ours and whose types do not hold."""
    library = importlib.import_module("transformers")
    if not hasattr(library, "DiffusionGemmaForBlockDiffusion"):
        raise ImportError("This version of transformers does not know DiffusionGemma.")
    return library


def acceptable_to_reference(generation: GenerationConfig) -> GenerationConfig:
    """The configuration with released values in the place of those that `generate` refuses, such as temperature 0."""
    released = GenerationConfig()
    temperatures = generation if 0 < generation.t_min < generation.t_max else released
    return replace(
        generation,
        entropy_bound=generation.entropy_bound or released.entropy_bound,
        t_min=temperatures.t_min,
        t_max=temperatures.t_max,
    )


def _generation_config(generation: GenerationConfig) -> Any:
    """Our configuration in the reference's words."""
    transformers = _transformers()
    generation = acceptable_to_reference(generation)
    return transformers.DiffusionGemmaGenerationConfig(
        max_denoising_steps=generation.num_denoising_steps,
        sampler_config=transformers.EntropyBoundSamplerConfig(generation.entropy_bound),
        t_min=generation.t_min,
        t_max=generation.t_max,
        stability_threshold=generation.stability,
        confidence_threshold=generation.confidence,
        eos_token_id=list(generation.eos_token_ids),
        pad_token_id=0,
    )


class _Pins:
    """A logits processor that makes given tokens certain; it is called once a step, and counts."""

    def __init__(self, canvas: Canvas, vocab_size: int) -> None:
        self.num_steps = 0
        self._given = (~canvas.editable[0]).nonzero().squeeze(1)  # (N,)
        self._rows = torch.full((len(self._given), vocab_size), -torch.inf, device=canvas.ids.device)
        self._rows.scatter_(1, canvas.ids[0, self._given][:, None], 0.0)

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        self.num_steps += 1
        scores[:, self._given] = self._rows.to(scores.dtype)
        return scores
