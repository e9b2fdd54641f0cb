import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers.models.diffusion_gemma.generation_diffusion_gemma import DiffusionGemmaGenerationConfig

import lacuna_model
from lacuna_model.checkpoint import load_denoiser, save_checkpoint
from lacuna_model.config import DenoiserConfig, GenerationConfig
from lacuna_model.evaluation.documents import Document
from lacuna_model.tokenizer import Tokenizer
from lacuna_model.training.examples import WindowDataset, WindowShape
from lacuna_model.training.loop import METRICS_FILE, Trainer
from lacuna_model.training.optimizer import Optimizer, OptimizerConfig
from lacuna_model.training.recipe import NANO_GENERATION_CONFIG, Recipe, initialized, nano_config
from lacuna_model.training.spans import SpanMixture
from lacuna_model.transformer.denoiser import Denoiser

WORDS = Tokenizer.load(Path(lacuna_model.__file__).with_name("weights") / "nano")
SHAPE = WindowShape(num_tokens=48, num_canvases=2, canvas_length=24, max_slots=16, num_characters=160)
RECIPE = Recipe(num_steps=6, num_cooldown_steps=2, batch_size=2, shape=SHAPE)


def tiny_document() -> dict[str, Any]:
    document = nano_config(WORDS, "absorbing")
    document["text_config"] |= {"hidden_size": 32, "intermediate_size": 32, "moe_intermediate_size": 16}
    return document


def tiny_model() -> Denoiser:
    return initialized(DenoiserConfig.from_json(tiny_document()), seed=0)


@pytest.fixture(scope="module")
def dataset() -> WindowDataset:
    source = Path(torch.__file__).with_name("_utils.py").read_text(encoding="utf-8")
    documents = [Document(text=source, language="python", package="torch", path="_utils.py")]
    return WindowDataset(documents, WORDS, tiny_model().config, SHAPE, SpanMixture(), seed=0)


def weights(trainer: Trainer) -> list[torch.Tensor]:
    return [*trainer.model.state_dict().values(), *trainer.average.values()]


def test_an_interrupted_run_ends_as_an_uninterrupted_one(dataset: WindowDataset, tmp_path: Path) -> None:
    straight = Trainer(tiny_model(), RECIPE, tmp_path / "straight", compiled=False)
    list(straight.run(dataset, dataset, num_workers=0, log_every=1))

    broken = Trainer(tiny_model(), RECIPE, tmp_path / "broken", compiled=False)
    for metrics in broken.run(dataset, dataset, num_workers=0, log_every=3, save_every=2):
        if metrics.step == 3:  # killed after the state of step 2 and the metrics of step 3
            break
    with (tmp_path / "broken" / METRICS_FILE).open("a") as file:
        file.write('{"step": 4, "next_tok')  # killed while writing
    resumed = Trainer(tiny_model(), RECIPE, tmp_path / "broken", compiled=False)
    assert resumed.step == 2
    metrics_of_resumed = list(resumed.run(dataset, dataset, num_workers=0, log_every=3))

    for one, other in zip(weights(straight), weights(resumed), strict=True):
        torch.testing.assert_close(one, other)
    straight_lines, broken_lines = (
        [json.loads(line) for line in (tmp_path / run / METRICS_FILE).read_text().splitlines()]
        for run in ("straight", "broken")
    )
    assert [row["step"] for row in broken_lines] == [3, 6]
    assert broken_lines[0]["canvas_loss"] == pytest.approx(straight_lines[2]["canvas_loss"], rel=1e-4)  # step 3 alone
    last = [row["canvas_loss"] for row in straight_lines[3:]]
    assert metrics_of_resumed[-1].canvas_loss == pytest.approx(sum(last) / 3, rel=1e-4)


def test_both_losses_fall(dataset: WindowDataset, tmp_path: Path) -> None:
    recipe = replace(RECIPE, num_steps=30, optimizer=replace(OptimizerConfig(), num_warmup_steps=2))
    steps = list(Trainer(tiny_model(), recipe, tmp_path, compiled=False).run(dataset, dataset, 0, log_every=10))
    assert steps[-1].next_token_loss < steps[0].next_token_loss - 0.5
    assert steps[-1].canvas_loss < steps[0].canvas_loss - 0.5
    assert steps[-1].held_out_canvas_loss is not None


def test_what_is_held_out_is_measured_alike_whatever_the_seed(dataset: WindowDataset, tmp_path: Path) -> None:
    still = replace(RECIPE, num_steps=1, num_cooldown_steps=1, optimizer=OptimizerConfig(matrix_lr=0.0, other_lr=0.0))
    measured = []
    for seed in (1, 2):
        trainer = Trainer(tiny_model(), replace(still, seed=seed), tmp_path / str(seed), compiled=False)
        (metrics,) = trainer.run(dataset, dataset, num_workers=0)
        measured.append((metrics.held_out_next_token_loss, metrics.held_out_canvas_loss))
    assert measured[0] == measured[1]


def test_an_exported_average_loads_with_equal_logits(dataset: WindowDataset, tmp_path: Path) -> None:
    trainer = Trainer(tiny_model(), RECIPE, tmp_path / "run", compiled=False)
    list(trainer.run(dataset, dataset, num_workers=0))
    trainer.model.load_state_dict(trainer.average, strict=False)
    save_checkpoint(tmp_path / "out", trainer.model, tiny_document(), NANO_GENERATION_CONFIG, torch.float32)
    loaded = load_denoiser(tmp_path / "out")
    reference: Any = DiffusionGemmaGenerationConfig.from_pretrained(tmp_path / "out")
    assert reference.max_denoising_steps == GenerationConfig.load(tmp_path / "out").num_denoising_steps == 48
    tokens = torch.arange(20, 60)[None]
    torch.testing.assert_close(loaded.encode(tokens)[0], trainer.model.encode(tokens)[0])


def test_experts_are_trained_as_matrices_in_place() -> None:
    model = tiny_model()
    optimizer = Optimizer(model, OptimizerConfig())
    stack = model.stack[0].experts.gate_up_proj
    before = stack.detach().clone()
    for parameter in model.parameters():
        parameter.grad = torch.randn_like(parameter)
    optimizer.step(1.0)
    assert all(not torch.equal(a, b) for a, b in zip(stack.detach(), before, strict=True))
    assert all(matrix.ndim == 2 for group in optimizer.muon.param_groups for matrix in group["params"])


@pytest.mark.parametrize(("step", "expected"), [(0, 0.1), (9, 1.0), (50, 1.0), (90, 0.5), (99, 0.05)])
def test_learning_rate_rises_stays_and_falls(step: int, expected: float) -> None:
    config = OptimizerConfig(num_warmup_steps=10)
    assert config.scale(step, num_steps=100, num_cooldown_steps=20) == pytest.approx(expected)
