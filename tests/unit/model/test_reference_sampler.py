"""The denoising loop under uniform noise, token for token against the reference implementation's `generate`."""

from collections.abc import Generator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from lacuna_model.canvas import CLAMPED, Canvas
from lacuna_model.checkpoint import load_denoiser
from lacuna_model.config import GenerationConfig
from lacuna_model.denoising import Denoised, Denoising, Limits, State
from lacuna_model.sampling.draws import Draws, SeededDraws
from lacuna_model.sampling.sampler import Sampler
from lacuna_model.transformer.denoiser import Denoiser, KeyValues

transformers = pytest.importorskip("transformers", exc_type=ImportError)
# The reference marks its steps for CUDA graphs, which on first use imports a module of torch that warns about itself.
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated:DeprecationWarning")

VOCAB_SIZE = 96
CANVAS_LENGTH = 16
PROMPT_LENGTH = 21  # longer than the sliding window
WINDOW = 8
# Sharp logits, so that some runs end early, yet no chaos: rounding errors of 1e-6 must not grow from step to step.
WEIGHTS = {"embed_tokens": 0.4, "self_conditioning": 0.1}


@dataclass(frozen=True)
class Models:
    reference: Any
    ours: Denoiser


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    directory: Path = tmp_path_factory.mktemp("reference")
    text = transformers.DiffusionGemmaTextConfig(
        vocab_size=VOCAB_SIZE,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=3,
        layer_types=["sliding_attention", "full_attention", "full_attention"],
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        global_head_dim=16,
        num_global_key_value_heads=1,
        sliding_window=WINDOW,
        num_experts=4,
        top_k_experts=2,
        moe_intermediate_size=24,
    )
    vision = transformers.Gemma4VisionConfig(
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
        head_dim=8,
    )
    torch.manual_seed(0)
    config = transformers.DiffusionGemmaConfig(text_config=text, vision_config=vision, canvas_length=CANVAS_LENGTH)
    reference = transformers.DiffusionGemmaForBlockDiffusion(config).eval()
    with torch.no_grad():
        for name, parameter in reference.model.decoder.named_parameters():
            parameter.add_(torch.randn_like(parameter) * WEIGHTS.get(name.split(".")[0], 0.05))
    reference.save_pretrained(directory)
    return Models(reference, load_denoiser(directory))


def reference_config(generation: GenerationConfig, num_tokens: int) -> Any:
    module = transformers.models.diffusion_gemma.generation_diffusion_gemma
    return module.DiffusionGemmaGenerationConfig(
        max_new_tokens=num_tokens,
        max_denoising_steps=generation.num_denoising_steps,
        sampler_config=module.EntropyBoundSamplerConfig(entropy_bound=generation.entropy_bound),
        t_min=generation.t_min,
        t_max=generation.t_max,
        stability_threshold=generation.stability,
        confidence_threshold=generation.confidence,
        eos_token_id=None,
        pad_token_id=None,
    )


def denoise(
    models: Models, generation: GenerationConfig, prefix: KeyValues, canvas: Canvas, draws: Draws
) -> tuple[Denoised, int]:
    sampler = replace(Sampler.of_checkpoint(models.ours.config, generation), candidate_temperature=0.0)
    nothing = torch.empty(0, dtype=torch.int64)
    steps: Generator[State, None, Denoised] = Denoising(models.ours, sampler, prefix, nothing, draws).run(
        canvas, Limits(generation.num_denoising_steps, None, 0, lambda: False)
    )
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            denoised: Denoised = stop.value
            return denoised, denoised.num_steps


SETTINGS = [
    GenerationConfig(num_denoising_steps=6),
    GenerationConfig(num_denoising_steps=16, entropy_bound=5.0, confidence=1.0, t_min=0.1, t_max=0.3),
    GenerationConfig(num_denoising_steps=16, entropy_bound=9.0, confidence=2.0, stability=2, t_min=0.1, t_max=0.4),
    GenerationConfig(num_denoising_steps=16, entropy_bound=20.0, confidence=0.2, stability=0, t_min=0.1, t_max=0.3),
]


@pytest.mark.parametrize("generation", SETTINGS)
@pytest.mark.parametrize("batch_size", [1, 2])
def test_several_canvases_equal_the_reference(models: Models, generation: GenerationConfig, batch_size: int) -> None:
    num_canvases = 3
    for seed in range(3):
        prompt = torch.randint(VOCAB_SIZE, (batch_size, PROMPT_LENGTH), generator=torch.Generator().manual_seed(seed))
        torch.manual_seed(seed)
        expected = models.reference.generate(
            prompt, generation_config=reference_config(generation, num_canvases * CANVAS_LENGTH)
        )

        draws = SeededDraws.of_seed(seed, torch.device("cpu"))
        text, num_steps = prompt, 0
        for _ in range(num_canvases):
            _, prefix = models.ours.encode(text)
            free = torch.zeros(batch_size, CANVAS_LENGTH, dtype=torch.int64)
            denoised, steps = denoise(models, generation, prefix, Canvas(free, free, 0), draws)
            text = torch.cat((text, denoised.canvas.ids), dim=1)
            num_steps += steps

        assert text.tolist() == expected.sequences.tolist()
        expected_steps = num_canvases * CANVAS_LENGTH / expected.tokens_per_forward
        if batch_size == 1:
            assert num_steps == round(float(expected_steps))
        else:
            assert num_steps >= round(float(expected_steps.max()))


def test_the_settings_reach_all_ways_to_stop(models: Models) -> None:
    reasons = set()
    for generation in SETTINGS:
        _, prefix = models.ours.encode(torch.arange(PROMPT_LENGTH)[None])
        free = torch.zeros(1, CANVAS_LENGTH, dtype=torch.int64)
        draws = SeededDraws.of_seed(0, torch.device("cpu"))
        denoised, num_steps = denoise(models, generation, prefix, Canvas(free, free, 0), draws)
        reasons.add((denoised.stop_reason, num_steps > 1))
    assert {("max_steps", True), ("stable", True)} <= reasons


@dataclass(frozen=True)
class WholeCanvasDraws:
    """Draws for pinned positions too, as the reference does, so that both use the generator alike."""

    generator: torch.Generator

    def tokens(self, probabilities: Tensor, rows: Tensor, shape: torch.Size) -> Tensor:
        everywhere = torch.zeros(shape.numel(), probabilities.shape[1])
        everywhere[:, 0] = 1.0
        everywhere[rows] = probabilities
        return torch.multinomial(everywhere, 1, generator=self.generator).squeeze(1)[rows]

    def noise(self, shape: torch.Size, vocab_size: int) -> Tensor:
        return torch.randint(vocab_size, shape, generator=self.generator)


@pytest.mark.parametrize("generation", SETTINGS)
def test_clamped_infilling_equals_the_reference_with_pins(models: Models, generation: GenerationConfig) -> None:
    """Pinned rows have entropy zero in the reference: they come first under the entropy bound and add nothing to it.

    They do pull the mean entropy down there, which our loop takes over the free slots alone; so the reference gets the
    confidence that means the same.
    """
    for seed in range(4):
        generator = torch.Generator().manual_seed(100 + seed)
        prompt = torch.randint(VOCAB_SIZE, (1, PROMPT_LENGTH), generator=generator)
        given = torch.randint(VOCAB_SIZE, (1, CANVAS_LENGTH), generator=generator)
        gaps = torch.full((1, CANVAS_LENGTH), CLAMPED)
        gaps[:, :5] = 0
        gaps[:, 8:11] = 1
        pinned = gaps == CLAMPED
        given[~pinned] = 0
        share = 1 - float(pinned.float().mean())

        class Pin(transformers.LogitsProcessor):  # type: ignore[misc, name-defined]
            num_calls = 0

            def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
                Pin.num_calls += 1
                certain = torch.full_like(scores, -torch.inf).scatter(2, given[..., None], 0.0)  # noqa: B023
                return torch.where(pinned[..., None], certain, scores)  # noqa: B023

        noise = torch.randint(VOCAB_SIZE, given.shape, generator=torch.Generator().manual_seed(seed))
        torch.manual_seed(seed)
        expected = models.reference.generate(
            prompt,
            decoder_input_ids=torch.where(pinned, given, noise),
            logits_processor=transformers.LogitsProcessorList([Pin()]),
            generation_config=reference_config(
                replace(generation, confidence=generation.confidence * share), CANVAS_LENGTH
            ),
        )

        _, prefix = models.ours.encode(prompt)
        draws = WholeCanvasDraws(torch.Generator().manual_seed(seed))
        denoised, num_steps = denoise(models, generation, prefix, Canvas(given, gaps, 0), draws)

        assert denoised.canvas.ids.tolist() == expected.sequences[:, PROMPT_LENGTH:].tolist()
        assert num_steps == Pin.num_calls
