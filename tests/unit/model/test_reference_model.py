"""The denoiser against the reference implementation, in float32 on random tiny checkpoints."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import DiffusionGemmaConfig, DiffusionGemmaForBlockDiffusion, DynamicCache

from lacuna_model.checkpoint import INDEX_FILE, load_denoiser, published_name, save_checkpoint
from lacuna_model.config import DenoiserConfig, GenerationConfig
from lacuna_model.transformer.denoiser import Denoiser, KeyValues
from lacuna_model.transformer.experts import Experts

FIXTURES = Path(__file__).parents[2] / "fixtures"
CONFIG: dict[str, Any] = json.loads((FIXTURES / "tiny-denoiser" / "config.json").read_text(encoding="utf-8"))
WINDOW = CONFIG["text_config"]["sliding_window"]
TOLERANCE = 1e-5

Reference = Any
"""DiffusionGemmaForBlockDiffusion, whose annotations do not cover how it is called."""

# Few experts take the path that runs all of them, many the path that runs those chosen.
SHAPES: dict[str, dict[str, Any]] = {
    "few experts": {"num_experts": 4},
    "many experts": {"num_experts": 8, "top_k_experts": 3},
    "full layers shaped as sliding ones": {"global_head_dim": 8, "num_global_key_value_heads": None},
    "one expert a token": {"num_experts": 5, "top_k_experts": 1},
}


@dataclass(frozen=True)
class Pair:
    reference: Reference
    ours: Denoiser
    directory: Path


def documented(**text: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(json.dumps(CONFIG))
    document["text_config"] |= text
    return document


def randomized(document: dict[str, Any]) -> Reference:
    """A reference model whose every weight, gains and layer scalars included, is random and moderate."""
    torch.manual_seed(0)
    model: Reference = DiffusionGemmaForBlockDiffusion(DiffusionGemmaConfig.from_dict(document))
    model.eval().requires_grad_(False)
    for name, parameter in model.named_parameters():
        parameter.add_(torch.randn_like(parameter) * 0.1)
        if name.endswith("q_norm.weight"):
            parameter.mul_(0.25)  # soft attention: sharp attention would amplify rounding
    for name, buffer in model.named_buffers():
        if name.endswith("layer_scalar"):
            buffer.copy_(torch.rand(1) + 0.5)  # encoder's and decoder's differ
    return model


def random_tokens(*shape: int) -> Tensor:
    return torch.randint(6, CONFIG["text_config"]["vocab_size"], shape)


def reference_encode(model: Reference, token_ids: Tensor) -> tuple[Tensor, DynamicCache]:
    cache = DynamicCache(config=model.config.text_config)
    hidden: Tensor = model.model.encoder(input_ids=token_ids, past_key_values=cache).last_hidden_state
    return hidden, cache


def reference_logits(model: Reference, token_ids: Tensor, canvas: Tensor, previous: Tensor | None = None) -> Tensor:
    _, cache = reference_encode(model, token_ids)
    logits: Tensor = model(decoder_input_ids=canvas, past_key_values=cache, self_conditioning_logits=previous).logits
    return logits


def our_logits(model: Denoiser, key_values: KeyValues, canvas: Tensor, previous: Tensor | None = None) -> Tensor:
    return model.logits(model.denoise(canvas, key_values, None if previous is None else model.beliefs(previous)))


def assert_close(ours: Tensor, reference: Tensor) -> None:
    assert 0.3 < reference.abs().max() < 30  # else the tolerance would mean nothing
    torch.testing.assert_close(ours, reference, atol=TOLERANCE, rtol=0)


@pytest.fixture(scope="module", params=list(SHAPES))
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    directory = tmp_path_factory.mktemp("reference")
    reference = randomized(documented(**SHAPES[request.param]))
    reference.save_pretrained(directory)
    return Pair(reference, load_denoiser(directory), directory)


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(1)


def test_both_expert_paths_are_compared(pair: Pair) -> None:
    experts = next(module for module in pair.ours.modules() if isinstance(module, Experts))
    assert experts.runs_all is (pair.ours.config.num_experts == 4)


@pytest.mark.parametrize("length", [1, WINDOW - 1, WINDOW, WINDOW + 1, 3 * WINDOW + 2])
def test_prefix_hidden_states(pair: Pair, length: int) -> None:
    token_ids = random_tokens(2, length)
    assert_close(pair.ours.encode(token_ids)[0], reference_encode(pair.reference, token_ids)[0])


@pytest.mark.parametrize("has_previous", [False, True], ids=["first step", "self-conditioned"])
@pytest.mark.parametrize("length", [1, WINDOW - 1, WINDOW, 3 * WINDOW + 2])
def test_canvas_logits(pair: Pair, length: int, has_previous: bool) -> None:
    token_ids, canvas = random_tokens(2, length), random_tokens(2, 16)
    previous = torch.randn(2, 16, 96) * 3 if has_previous else None
    ours = our_logits(pair.ours, pair.ours.encode(token_ids)[1], canvas, previous)
    assert_close(ours, reference_logits(pair.reference, token_ids, canvas, previous))


def test_self_conditioning_and_prefix_matter(pair: Pair) -> None:
    key_values, canvas = pair.ours.encode(random_tokens(1, 20))[1], random_tokens(1, 16)
    plain = our_logits(pair.ours, key_values, canvas)
    assert (plain - our_logits(pair.ours, key_values, canvas, torch.randn(1, 16, 96) * 3)).abs().max() > 0.1
    assert (plain - our_logits(pair.ours, pair.ours.encode(random_tokens(1, 20))[1], canvas)).abs().max() > 0.1


@pytest.mark.parametrize("pieces", [(1, 25), (25, 1), (WINDOW, WINDOW, 10), (5, 1, 1, 1, 18)])
def test_incremental_encoding_equals_one_shot(pair: Pair, pieces: tuple[int, ...]) -> None:
    token_ids = random_tokens(1, sum(pieces))
    hidden, key_values = pair.ours.encode(token_ids)
    states, known = pair.ours.encode(token_ids[:, : pieces[0]])
    for piece in torch.split(token_ids[:, pieces[0] :], list(pieces[1:]), dim=1):
        new_states, new = pair.ours.encode(piece, known)
        states = torch.cat((states, new_states), dim=1)
        known = tuple(
            (torch.cat((a, c), dim=2), torch.cat((b, d), dim=2)) for (a, b), (c, d) in zip(known, new, strict=True)
        )
    torch.testing.assert_close(states, hidden, atol=TOLERANCE, rtol=0)
    torch.testing.assert_close(known, key_values, atol=TOLERANCE, rtol=0)


def test_canvases_share_one_prefix(pair: Pair) -> None:
    token_ids, canvas = random_tokens(1, 20), random_tokens(3, 16)
    ours = our_logits(pair.ours, pair.ours.encode(token_ids)[1], canvas)
    assert_close(ours, reference_logits(pair.reference, token_ids.expand(3, -1), canvas))


def test_prefixes_of_unequal_length_in_one_batch(pair: Pair) -> None:
    token_ids, canvas = random_tokens(3, 20), random_tokens(3, 16)
    lengths = torch.tensor([20, WINDOW + 2, 3])
    states = pair.ours.denoise(canvas, pair.ours.encode(token_ids)[1], prefix_lengths=lengths)
    for row, length in enumerate(lengths.tolist()):
        alone = reference_logits(pair.reference, token_ids[row : row + 1, :length], canvas[row : row + 1])
        assert_close(pair.ours.logits(states[row : row + 1]), alone)


def test_shards_written_by_the_reference_load(pair: Pair, tmp_path: Path) -> None:
    pair.reference.save_pretrained(tmp_path, max_shard_size="40KB")
    assert (tmp_path / INDEX_FILE).is_file()
    assert len(list(tmp_path.glob("*.safetensors"))) > 2
    sharded = load_denoiser(tmp_path).state_dict()
    assert all(torch.equal(tensor, sharded[name]) for name, tensor in pair.ours.state_dict().items())


PER_LAYER = {str(index): {"head_dim": 16, "num_key_value_heads": 1} for index in (1, 3)}


@pytest.mark.parametrize("spelling", ["global keys", "per layer", "per layer, alike"])
def test_reference_loads_what_is_saved_here(spelling: str, tmp_path: Path) -> None:
    document = documented()
    if spelling != "global keys":
        del document["text_config"]["global_head_dim"], document["text_config"]["num_global_key_value_heads"]
        document["text_config"]["per_layer_config"] = PER_LAYER if spelling == "per layer" else {}
    ours = Denoiser(DenoiserConfig.from_json(document)).requires_grad_(False).eval()
    for tensor in ours.state_dict().values():
        tensor.copy_(torch.randn_like(tensor) * 0.2 + (tensor.ndim == 1))  # gains and scalars around one
    generation_config = json.loads((FIXTURES / "diffusiongemma-26b-a4b" / "generation_config.json").read_text())
    save_checkpoint(tmp_path, ours, document, generation_config, torch.float32)
    loaded: Any = DiffusionGemmaForBlockDiffusion.from_pretrained(tmp_path, output_loading_info=True)
    reference, report = loaded
    reference.eval().requires_grad_(False)
    assert not report["unexpected_keys"]
    assert not report["mismatched_keys"]
    assert all("vision" in name for name in report["missing_keys"])
    assert reference.generation_config.sampler_config.entropy_bound == GenerationConfig.load(tmp_path).entropy_bound
    token_ids, canvas = random_tokens(2, 20), random_tokens(2, 16)
    logits = our_logits(ours, ours.encode(token_ids)[1], canvas)
    assert_close(logits, reference_logits(reference, token_ids, canvas))
    again = load_denoiser(tmp_path)
    assert torch.equal(logits, our_logits(again, again.encode(token_ids)[1], canvas))


def test_released_checkpoint_has_its_published_tensors() -> None:
    directory = FIXTURES / "diffusiongemma-26b-a4b"
    with torch.device("meta"):
        ours = Denoiser(DenoiserConfig.load(directory))
        document = json.loads((directory / "config.json").read_text(encoding="utf-8"))
        reference = DiffusionGemmaForBlockDiffusion(DiffusionGemmaConfig.from_dict(document))
    billions = sum(parameter.numel() for parameter in ours.parameters()) / 1e9
    assert round(billions, 2) == 25.25
    shapes = {published_name(name): tuple(tensor.shape) for name, tensor in ours.state_dict().items()}
    published = {name: tuple(tensor.shape) for name, tensor in reference.state_dict().items()}
    assert shapes == {name: published[name] for name in shapes}
    assert {name for name in published if name.startswith("model.decoder.")} == {
        name for name in shapes if name.startswith("model.decoder.")
    }
    layer = "model.decoder.layers.5"  # the first full layer
    assert f"{layer}.self_attn.v_proj.weight" not in shapes
    assert shapes[f"{layer}.self_attn.k_proj.weight"] == (2 * 512, 2816)
    assert shapes[f"{layer}.experts.gate_up_proj"] == (128, 2 * 704, 2816)
    assert shapes[f"{layer}.experts.down_proj"] == (128, 2816, 704)
    assert shapes["model.decoder.layers.0.self_attn.v_proj.weight"] == (8 * 256, 2816)
    assert shapes["model.encoder.language_model.layers.29.layer_scalar"] == (1,)
    assert shapes["model.decoder.embed_tokens.weight"] == (262144, 2816)
    assert shapes["model.decoder.self_conditioning.gate_proj.weight"] == (2112, 2816)


def test_released_values() -> None:
    directory = FIXTURES / "diffusiongemma-26b-a4b"
    config = DenoiserConfig.load(directory)
    assert [index for index, kind in enumerate(config.layer_kinds) if kind == "full_attention"] == [5, 11, 17, 23, 29]
    assert (config.sliding.num_kv_heads, config.sliding.head_dim, config.sliding.window) == (8, 256, 1024)
    assert (config.full.num_kv_heads, config.full.head_dim, config.full.window) == (2, 512, None)
    assert (config.noise, config.mask_token_id, config.delete_token_id) == ("uniform", None, None)
    assert GenerationConfig.load(directory) == GenerationConfig(
        num_denoising_steps=48,
        entropy_bound=0.1,
        t_min=0.4,
        t_max=0.8,
        stability=1,
        confidence=0.005,
        eos_token_ids=(1, 106, 50),
    )
