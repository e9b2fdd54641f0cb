import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import DiffusionGemmaForBlockDiffusion, DynamicCache

from lacuna_model.checkpoint import INDEX_FILE, load_denoiser, weight_files
from lacuna_model.config import CONFIG_FILE, DenoiserConfig, GenerationConfig
from lacuna_model.evaluation.synthetic import (
    FLATNESS,
    RELEASED,
    SyntheticWeights,
    main,
    released_document,
    synthetic_denoiser,
    write_synthetic,
)
from lacuna_model.transformer.denoiser import Denoiser
from lacuna_model.transformer.experts import Router

FIXTURES = Path(__file__).parents[2] / "fixtures"
CONFIG: dict[str, Any] = json.loads((FIXTURES / "tiny-denoiser" / CONFIG_FILE).read_text(encoding="utf-8"))
NUM_EXPERTS, NUM_CHOSEN, VOCABULARY = 16, 2, 4096


@pytest.fixture(scope="module")
def many_experts() -> DenoiserConfig:
    """Six layers deep, so that what tokens have in common has time to pile up."""
    document = json.loads(json.dumps(CONFIG))
    document["text_config"] |= {
        "num_experts": NUM_EXPERTS,
        "top_k_experts": NUM_CHOSEN,
        "vocab_size": VOCABULARY,
        "hidden_size": 64,
        "num_hidden_layers": 6,
        "layer_types": CONFIG["text_config"]["layer_types"][:2] * 3,
    }
    return DenoiserConfig.from_json(document)


def shares(denoiser: Denoiser) -> Tensor:
    """How often each expert is chosen, over the share that is its due, (layers, experts); all tokens of one canvas."""
    chosen: list[Tensor] = []
    hooks = [
        module.register_forward_hook(lambda _module, _inputs, output: chosen.append(output[1]))
        for module in denoiser.modules()
        if isinstance(module, Router)
    ]
    generator = torch.Generator().manual_seed(1)
    prefix = denoiser.encode(torch.randint(6, VOCABULARY, (1, 50), generator=generator))[1]
    chosen.clear()
    canvas = torch.randperm(VOCABULARY, generator=generator)[None]
    beliefs = denoiser.beliefs(denoiser.logits(denoiser.denoise(canvas, prefix)))
    chosen.clear()
    denoiser.denoise(canvas, prefix, beliefs)
    for hook in hooks:
        hook.remove()
    due = canvas.numel() * NUM_CHOSEN / NUM_EXPERTS
    return torch.stack([layer.flatten().bincount(minlength=NUM_EXPERTS) for layer in chosen]) / due


def test_every_expert_gets_its_share_in_every_layer(many_experts: DenoiserConfig) -> None:
    found = shares(synthetic_denoiser(many_experts, dtype=torch.float32))
    assert len(found) == 6
    # 4096 tokens choose 2 of 16: chance alone makes shares of 512 differ by 4 %.
    assert 0.8 < found.min() and found.max() < 1.2
    assert found.std() < 0.06


def test_weights_drawn_blindly_would_favour_some_experts(
    many_experts: DenoiserConfig, tiny_denoiser: Callable[..., Denoiser]
) -> None:
    assert shares(tiny_denoiser(many_experts)).std() > 0.2


def test_the_same_seed_gives_the_same_weights(many_experts: DenoiserConfig) -> None:
    first, again, other = (synthetic_denoiser(many_experts, seed=seed).state_dict() for seed in (3, 3, 4))
    assert all(tensor.dtype == torch.bfloat16 for tensor in first.values())
    assert all(torch.equal(tensor, again[name]) for name, tensor in first.items())
    drawn = [name for name, tensor in first.items() if tensor.dim() > 1]
    assert not any(torch.equal(first[name], other[name]) for name in drawn)
    distinct = {tuple(first[name].flatten()[:4].tolist()) for name in drawn}
    assert len(distinct) == len(drawn)  # each tensor has numbers of its own


def test_predictions_are_never_certain(many_experts: DenoiserConfig) -> None:
    denoiser = synthetic_denoiser(many_experts, dtype=torch.float32)
    prefix = denoiser.encode(torch.arange(6, 40)[None])[1]
    logits = denoiser.logits(denoiser.denoise(torch.arange(100, 132)[None], prefix))
    coldest = (logits / GenerationConfig().t_min).log_softmax(-1)
    entropy = -(coldest.exp() * coldest).sum(-1)
    assert entropy.min() > 1  # nats; a canvas stops below 0.005
    assert bool((denoiser.norm.weight == FLATNESS).all())


def test_a_written_directory_loads_here_and_in_the_reference(tmp_path: Path) -> None:
    write_synthetic(tmp_path, CONFIG, torch.float32, seed=5, max_shard_bytes=40_000)
    ours = load_denoiser(tmp_path)
    made = synthetic_denoiser(DenoiserConfig.from_json(CONFIG), dtype=torch.float32, seed=5)
    assert all(torch.equal(tensor, made.state_dict()[name]) for name, tensor in ours.state_dict().items())
    loaded: Any = DiffusionGemmaForBlockDiffusion.from_pretrained(tmp_path, output_loading_info=True)
    reference, report = loaded
    assert not report["unexpected_keys"] and not report["mismatched_keys"]
    assert all("vision" in name for name in report["missing_keys"])
    torch.manual_seed(0)
    token_ids, canvas, previous = torch.randint(6, 96, (2, 20)), torch.randint(6, 96, (2, 16)), torch.randn(2, 16, 96)
    with torch.no_grad():
        cache = DynamicCache(config=reference.config.text_config)
        reference.eval().model.encoder(input_ids=token_ids, past_key_values=cache)
        wanted = reference(decoder_input_ids=canvas, past_key_values=cache, self_conditioning_logits=previous).logits
    states = ours.denoise(canvas, ours.encode(token_ids)[1], ours.beliefs(previous))
    assert wanted.abs().max() > 0.1
    torch.testing.assert_close(ours.logits(states), wanted, atol=1e-5, rtol=0)


def test_shards_are_indexed_in_the_published_format(tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    write_synthetic(tmp_path, CONFIG, max_shard_bytes=40_000, progress=lambda done, total: calls.append((done, total)))
    files = weight_files(tmp_path)
    assert [file.name for file in files] == [
        f"model-{n:05}-of-{len(files):05}.safetensors" for n in range(1, 1 + len(files))
    ]
    assert len(files) > 2 and all(file.stat().st_size < 50_000 for file in files)
    index = json.loads((tmp_path / INDEX_FILE).read_text(encoding="utf-8"))
    total = sum(tensor.nbytes for tensor in load_denoiser(tmp_path).state_dict().values())
    assert index["metadata"] == {"total_size": total}
    assert len(calls) == len(files) and calls[-1] == (total, total)
    assert GenerationConfig.load(tmp_path) == GenerationConfig(eos_token_ids=(1, 106, 50))


@pytest.mark.parametrize(
    ("num_layers", "full"), [(1, [0]), (7, [0, 6]), (30, [5, 11, 17, 23, 29]), (36, list(range(5, 36, 6)))]
)
def test_any_number_of_layers_of_the_released_shape(num_layers: int, full: list[int]) -> None:
    kinds = DenoiserConfig.from_json(released_document(num_layers)).layer_kinds
    assert [index for index, kind in enumerate(kinds) if kind == "full_attention"] == full
    assert len(kinds) == num_layers


def test_the_released_files_are_the_published_ones() -> None:
    published = FIXTURES / "diffusiongemma-26b-a4b"
    for file in published.iterdir():
        assert (RELEASED / file.name).read_text() == file.read_text()
    assert released_document() == json.loads((published / CONFIG_FILE).read_text())


def test_a_layer_of_the_released_shape_routes_in_bfloat16_as_evenly() -> None:
    config = replace(DenoiserConfig.from_json(released_document(1)), vocab_size=8192)
    weights = SyntheticWeights(config, torch.device("cpu"), torch.bfloat16, 0)
    with torch.device("meta"):
        router = Router(config)
    drawn = {name: weights.draw(f"layers.0.router.{name}", each.shape) for name, each in router.state_dict().items()}
    router.load_state_dict(drawn, assign=True)
    states = weights.draw("embed_tokens.weight", torch.Size((8192, config.hidden_size)))
    counts = router(states)[1].flatten().bincount(minlength=128) / (8192 * 8 / 128)
    assert len(counts) == 128
    assert counts.std() < 0.07  # chance: 4 %


def test_the_command_writes_a_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "lacuna_model.evaluation.synthetic.released_document", lambda layers: CONFIG | {"layers": layers}
    )
    main([str(tmp_path), "--layers", "3", "--dtype", "float32"])
    assert json.loads((tmp_path / CONFIG_FILE).read_text())["layers"] == 3
    assert load_denoiser(tmp_path).dtype == torch.float32
