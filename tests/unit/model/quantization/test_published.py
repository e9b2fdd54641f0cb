import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from lacuna_model.checkpoint import parameter_name
from lacuna_model.config import DenoiserConfig
from lacuna_model.errors import CheckpointMismatchError, ConfigError
from lacuna_model.json_object import JsonObject
from lacuna_model.quantization.fp8 import Fp8, round_rows
from lacuna_model.quantization.precision import Precision, prepare, quantized
from lacuna_model.quantization.published import assemble, is_published_fp8
from lacuna_model.transformer.denoiser import Denoiser

CPU = torch.device("cpu")
SCHEME: dict[str, Any] = {
    "quant_method": "compressed-tensors",
    "format": "float-quantized",
    "quantization_status": "compressed",
    "kv_cache_scheme": None,
    "global_compression_ratio": None,
    "ignore": ["lm_head", "model.decoder.self_conditioning.gate_proj"],
    "config_groups": {
        "group_0": {
            "targets": ["Linear"],
            "format": None,
            "output_activations": None,
            "weights": {
                "num_bits": 8,
                "type": "float",
                "symmetric": True,
                "strategy": "channel",
                "dynamic": False,
                "group_size": None,
                "observer": "minmax",
            },
            "input_activations": {
                "num_bits": 8,
                "type": "float",
                "symmetric": True,
                "strategy": "token",
                "dynamic": True,
            },
        }
    },
}


@pytest.fixture(scope="module")
def denoiser(tiny_config: Callable[..., DenoiserConfig], tiny_denoiser: Callable[..., Denoiser]) -> Denoiser:
    return tiny_denoiser(tiny_config(expert_size=32))


def write_published(directory: Path, denoiser: Denoiser, scale_dtype: torch.dtype = torch.float32) -> None:
    """Writes a directory as llm-compressor does: experts one by one, every matrix but the ignored ones in FP8."""
    tensors: dict[str, Tensor] = {}

    def put(name: str, weight: Tensor) -> None:
        values, scale = round_rows(weight)
        tensors[f"model.decoder.{name}.weight"] = values
        tensors[f"model.decoder.{name}.weight_scale"] = scale.to(scale_dtype)

    for name, tensor in denoiser.state_dict().items():
        place = name.removesuffix(".weight")
        if name.endswith("encoder_layer_scalar"):
            layer = name.split(".")[1]
            tensors[f"model.encoder.language_model.layers.{layer}.layer_scalar"] = tensor.clone()
        elif name.endswith("experts.gate_up_proj"):
            for expert, matrix in enumerate(tensor):
                for part, half in zip(("gate", "up"), matrix.chunk(2), strict=True):
                    put(f"{name.removesuffix('gate_up_proj')}{expert}.{part}_proj", half)
        elif name.endswith("experts.down_proj"):
            for expert, matrix in enumerate(tensor):
                put(f"{name.removesuffix('down_proj')}{expert}.down_proj", matrix)
        elif place.endswith("_proj") and not place.startswith("self_conditioning"):
            put(place, tensor)
        else:
            tensors[f"model.decoder.{name}"] = tensor.clone()
    save_file(tensors, directory / "model.safetensors")
    (directory / "config.json").write_text(json.dumps({"quantization_config": SCHEME}), encoding="utf-8")


def stored_tensors(directory: Path) -> dict[str, Tensor]:
    tensors = {parameter_name(name): tensor for name, tensor in load_file(directory / "model.safetensors").items()}
    return {name: tensor for name, tensor in tensors.items() if name is not None}


def load(stored: dict[str, Tensor], config: DenoiserConfig, precision: Precision | None) -> Denoiser:
    """As the loader does it."""
    with torch.device("meta"):
        model = Denoiser(config)
    expected = model.state_dict()
    prepare(model, precision)
    tensors = dict(assemble(stored, stored.__getitem__, expected, CPU, torch.float32, precision))
    model.load_state_dict(tensors, strict=True, assign=True)
    return model.requires_grad_(False).eval()


def test_a_published_directory_is_what_quantising_at_load_gives(denoiser: Denoiser, tmp_path: Path) -> None:
    write_published(tmp_path, denoiser)
    assert is_published_fp8(JsonObject.load(tmp_path / "config.json"))
    found = load(stored_tensors(tmp_path), denoiser.config, "fp8").state_dict()
    for name, tensor in quantized(denoiser, "fp8").state_dict().items():
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name].float(), tensor.float()), name


def test_scales_may_be_bfloat16_or_one_number(denoiser: Denoiser, tmp_path: Path) -> None:
    write_published(tmp_path, denoiser, torch.bfloat16)
    stored = stored_tensors(tmp_path)
    stored["layers.0.mlp.up_proj.weight_scale"] = torch.tensor(0.5, dtype=torch.bfloat16)
    found = load(stored, denoiser.config, "fp8").state_dict()
    assert found["layers.0.experts.down_proj_scale"].dtype == torch.float32
    assert found["layers.0.mlp.up_proj.weight_scale"].tolist() == [[0.5]] * 48
    given = stored["layers.1.experts.3.up_proj.weight_scale"].float()
    assert torch.equal(found["layers.1.experts.gate_up_proj_scale"][3, 32:], given)


@pytest.mark.parametrize("precision", [None, "fp8", "4bit"])
def test_published_weights_become_others(denoiser: Denoiser, tmp_path: Path, precision: Precision | None) -> None:
    """In the file a router may be FP8 and an attention wide; in memory each is as the precision wants it."""
    write_published(tmp_path, denoiser)
    stored = stored_tensors(tmp_path)
    wide = {name: tensor.clone() for name, tensor in denoiser.state_dict().items()}
    stored["layers.0.self_attn.q_proj.weight"] = wide["layers.0.self_attn.q_proj.weight"]
    del stored["layers.0.self_attn.q_proj.weight_scale"]
    router = "layers.0.router.proj.weight"
    stored[router], stored[f"{router}_scale"] = round_rows(wide[router])
    found = load(stored, denoiser.config, precision)

    for name, tensor in wide.items():
        if f"{name}_scale" in stored or "experts" in name:
            wide[name] = Fp8().dequantize(Fp8().quantize(tensor), tensor)
    rounded = Denoiser(denoiser.config).requires_grad_(False)
    rounded.load_state_dict(wide)
    expected = rounded if precision is None else quantized(rounded, precision)
    for name, tensor in expected.state_dict().items():
        torch.testing.assert_close(found.state_dict()[name].float(), tensor.float(), atol=1e-6, rtol=1e-6)


def test_every_misfit_is_listed(denoiser: Denoiser, tmp_path: Path) -> None:
    write_published(tmp_path, denoiser)
    stored = stored_tensors(tmp_path)
    del stored["layers.0.experts.2.gate_proj.weight"]
    del stored["layers.1.mlp.up_proj.weight_scale"]
    stored["layers.1.mlp.down_proj.weight"] = stored["layers.1.mlp.down_proj.weight"].t()
    stored["layers.1.self_attn.k_scale"] = torch.ones(1)
    stored["layers.0.self_attn.o_proj.weight_scale"] = torch.ones(3)
    with pytest.raises(CheckpointMismatchError) as caught:
        load(stored, denoiser.config, "fp8")
    assert [line.strip() for line in str(caught.value).splitlines()[1:]] == [
        "layers.0.self_attn.o_proj.weight_scale has shape (3,), expected (32, 1) or one number",
        "layers.1.mlp.down_proj.weight has shape (48, 32), expected (32, 48)",
        "layers.1.mlp.up_proj.weight is of type torch.float8_e4m3fn and has no scale",
        "missing layers.0.experts.2.gate_proj.weight",
        "unexpected layers.1.self_attn.k_scale",
    ]


def test_experts_quantised_in_part_are_refused(denoiser: Denoiser, tmp_path: Path) -> None:
    write_published(tmp_path, denoiser)
    stored = stored_tensors(tmp_path)
    del stored["layers.0.experts.1.down_proj.weight_scale"]
    stored["layers.0.experts.1.down_proj.weight"] = torch.zeros(32, 32)
    with pytest.raises(CheckpointMismatchError, match=r"layers\.0\.experts\.down_proj is quantised in part"):
        load(stored, denoiser.config, "fp8")


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["quant_method"], "fp8", "'quant_method' must be \"compressed-tensors\""),
        (["format"], "pack-quantized", "'format' must be \"float-quantized\""),
        (["kv_cache_scheme"], {"num_bits": 8}, "'kv_cache_scheme' must be"),
        (["config_groups", "group_0", "weights", "num_bits"], 4, "'num_bits' must be 8, not 4"),
        (["config_groups", "group_0", "weights", "strategy"], "block", '\'strategy\' must be "channel" or "tensor"'),
        (["config_groups", "group_0", "input_activations", "dynamic"], False, "'dynamic' must be true, not false"),
        (["config_groups", "group_0", "input_activations"], None, "lacks the key 'input_activations'"),
    ],
)
def test_other_quantisation_is_refused(path: list[str], value: Any, message: str) -> None:
    scheme = json.loads(json.dumps(SCHEME))
    place = scheme
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(ConfigError) as caught:
        is_published_fp8(JsonObject({"quantization_config": scheme}, "config.json"))
    assert message in str(caught.value)


@pytest.mark.parametrize("content", [{}, {"quantization_config": None}])
def test_no_quantisation_is_none(content: dict[str, Any]) -> None:
    assert not is_published_fp8(JsonObject(content, "config.json"))
