import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from rich.console import Console

from lacuna_model.canvas import Canvas
from lacuna_model.checkpoint import save_checkpoint
from lacuna_model.config import DenoiserConfig, GenerationConfig
from lacuna_model.errors import InputError
from lacuna_model.evaluation.bench import BenchReport, run_benchmark
from lacuna_model.evaluation.references import LeftToRight, ReferenceGenerate, acceptable_to_reference
from lacuna_model.infill import Infiller
from lacuna_model.tokenizer import Tokenizer
from lacuna_model.transformer.denoiser import Denoiser

# The reference's generate imports torch's compiler, which still uses what torch has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")

CONFIG = Path(__file__).parents[2] / "fixtures" / "tiny-denoiser" / "config.json"
GENERATION = {
    "max_denoising_steps": 3,
    "t_min": 0.4,
    "t_max": 0.8,
    "stability_threshold": 1,
    "confidence_threshold": 0.005,
    "sampler_config": {"_cls_name": "EntropyBoundSamplerConfig", "entropy_bound": 0.1},
    "eos_token_id": [1],
}


@pytest.fixture
def checkpoint(
    tmp_path: Path, tiny_denoiser: Callable[..., Denoiser], byte_tokenizer: Tokenizer
) -> tuple[Path, Infiller]:
    config: dict[str, Any] = json.loads(CONFIG.read_text(encoding="utf-8"))
    config["canvas_length"] = 32
    config["text_config"] |= {"vocab_size": byte_tokenizer.vocab_size, "max_position_embeddings": 4096}
    config["lacuna"] = {"noise": "absorbing", "mask_token_id": 4, "delete_token_id": 3}
    denoiser = tiny_denoiser(DenoiserConfig.from_json(config))
    save_checkpoint(tmp_path, denoiser, config, GENERATION, torch.float32)
    return tmp_path, Infiller(denoiser, byte_tokenizer, GenerationConfig.load(tmp_path))


def bench(checkpoint: tuple[Path, Infiller], **options: Any) -> BenchReport:
    directory, infiller = checkpoint
    return run_benchmark(infiller, directory, num_prefix_tokens=40, num_slots=12, repetitions=2, **options)


def test_all_rows_are_measured_in_one_run(checkpoint: tuple[Path, Infiller]) -> None:
    calls: list[tuple[int, int]] = []
    report = bench(checkpoint, progress=lambda done, total: calls.append((done, total)))
    assert [row.name for row in report.rows] == [
        "fill, warm prefix",
        "fill, cold prefix",
        "left to right, warm prefix",
        "reference, warm prefix",
        "reference, as many steps",
        "reference, cold prefix",
    ]
    assert all(row.milliseconds is not None and row.milliseconds > 0 for row in report.rows)
    warm, cold, sequential, reference, level, _ = report.rows
    assert warm.ratio == 1.0
    assert warm.num_steps == cold.num_steps and warm.num_tokens == cold.num_tokens
    assert (sequential.num_steps, sequential.num_tokens) == (11, 12)
    assert reference.num_steps is not None and 1 <= reference.num_steps <= 3
    assert level.num_steps is not None and warm.num_steps is not None and level.num_steps <= warm.num_steps
    assert warm.step_ratio == 1.0
    assert reference.ms_per_step and warm.ms_per_step
    assert reference.step_ratio == pytest.approx(reference.ms_per_step / warm.ms_per_step)
    assert abs(report.num_prefix_tokens - 40) <= 2
    assert report.peak_memory_mb > 1
    assert calls[-1] == (18, 18)


def test_report_says_what_each_row_measures(checkpoint: tuple[Path, Infiller]) -> None:
    report = bench(checkpoint)
    console = Console(width=200, record=True, file=io.StringIO())
    report.render(console)
    text = console.export_text()
    assert all(row.measured in " ".join(text.split()) for row in report.rows)
    terms = report.rows[3].measured
    assert "uniform noise on weights trained with absorbing noise, with its own stopping, up to 3 steps" in terms
    assert "temperatures 0.8 to 0.4" in terms and "its ms/step" in text
    content = json.loads(json.dumps(report.as_json()))
    assert content["rows"][2]["tokens_per_forward"] == pytest.approx(12 / 11)


def test_slots_that_the_reference_deletes_are_not_counted(
    checkpoint: tuple[Path, Infiller], monkeypatch: pytest.MonkeyPatch
) -> None:
    generate = ReferenceGenerate.generate

    def deletes_three(self: ReferenceGenerate, prefix: torch.Tensor, canvas: Canvas, *rest: Any) -> Any:
        found, num_steps = generate(self, prefix, canvas, *rest)
        ids = found.clone()  # no inference tensor may be written to
        assert ids.shape == canvas.ids.shape
        given = ids[~canvas.editable]
        is_blank = given == canvas.pad_token_id  # as the reference leaves what follows an end of text
        assert bool(((given == canvas.ids[~canvas.editable]) | is_blank).all())
        slots = canvas.editable.nonzero()[:, 1]
        ids[0, slots] = 50
        ids[0, slots[:3]] = 3
        return ids, num_steps

    monkeypatch.setattr(ReferenceGenerate, "generate", deletes_three)
    report = bench(checkpoint)
    assert [row.num_tokens for row in report.rows[3:]] == [9, 9, 9]


def test_temperatures_that_the_reference_refuses_become_the_released_ones() -> None:
    cold = GenerationConfig(num_denoising_steps=7, entropy_bound=0.0, t_min=0.0, t_max=0.0)
    assert acceptable_to_reference(cold) == GenerationConfig(num_denoising_steps=7)
    warm = GenerationConfig(t_min=0.2, t_max=0.3)
    assert acceptable_to_reference(warm) == warm


def test_the_shortest_prefix_and_one_that_is_too_short(checkpoint: tuple[Path, Infiller]) -> None:
    directory, infiller = checkpoint
    report = run_benchmark(infiller, directory, num_prefix_tokens=2, num_slots=12, repetitions=1)
    assert report.num_prefix_tokens == 2 and len(report.rows) == 6
    with pytest.raises(InputError, match="at least 2 tokens"):
        run_benchmark(infiller, directory, num_prefix_tokens=1, num_slots=12, repetitions=1)


@pytest.mark.parametrize("library", [None, ModuleType("transformers")])
def test_without_transformers_that_knows_the_model_the_row_says_so(
    checkpoint: tuple[Path, Infiller], monkeypatch: pytest.MonkeyPatch, library: ModuleType | None
) -> None:
    monkeypatch.setitem(sys.modules, "transformers", library)
    report = bench(checkpoint)
    assert [row.milliseconds is None for row in report.rows] == [False, False, False, True, True, True]
    console = Console(width=200, record=True, file=io.StringIO())
    report.render(console)
    assert console.export_text().count("not installed") == 3


def test_gap_larger_than_the_canvas_is_refused(checkpoint: tuple[Path, Infiller]) -> None:
    directory, infiller = checkpoint
    with pytest.raises(InputError, match="at most 16 slots"):
        run_benchmark(infiller, directory, num_prefix_tokens=40, num_slots=30)


def test_left_to_right_equals_encoding_everything_anew(checkpoint: tuple[Path, Infiller]) -> None:
    _, infiller = checkpoint
    denoiser, tokens = infiller.denoiser, [2, 50, 60, 70]
    decoded = LeftToRight(denoiser, infiller.cache.encode("", tokens)).decode(6)
    for length in range(6):
        states, _ = denoiser.encode(torch.tensor([tokens + decoded[:length]]))
        assert int(denoiser.logits(states[:, -1]).argmax()) == decoded[length]
