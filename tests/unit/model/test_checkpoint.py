import json
import pickle
import struct
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from lacuna_model.checkpoint import (
    DTYPES,
    INDEX_FILE,
    WEIGHTS_FILE,
    load_denoiser,
    parameter_name,
    published_name,
    save_checkpoint,
)
from lacuna_model.config import CONFIG_FILE, DenoiserConfig
from lacuna_model.errors import CheckpointError, CheckpointMismatchError, CheckpointNotFoundError, ConfigError
from lacuna_model.quantization.fp8 import round_rows
from lacuna_model.quantization.precision import Precision, quantized
from lacuna_model.transformer.denoiser import Denoiser

TINY = Path(__file__).parents[2] / "fixtures" / "tiny-denoiser" / CONFIG_FILE
CONFIG: dict[str, Any] = json.loads(TINY.read_text(encoding="utf-8"))
NORM = "model.decoder.norm.weight"
EMBEDDING = "model.decoder.embed_tokens.weight"


@pytest.fixture
def model() -> Denoiser:
    torch.manual_seed(0)
    model = Denoiser(DenoiserConfig.from_json(CONFIG)).requires_grad_(False)
    for tensor in model.state_dict().values():
        tensor.copy_(torch.randn_like(tensor))
    return model


@pytest.fixture
def directory(model: Denoiser, tmp_path: Path) -> Path:
    save_checkpoint(tmp_path, model, CONFIG, {}, torch.float32)
    return tmp_path


def rewrite(directory: Path, added: dict[str, Tensor], removed: tuple[str, ...] = ()) -> None:
    """Changes the tensors of a checkpoint of one file."""
    tensors = load_file(directory / WEIGHTS_FILE) | added
    for name in removed:
        del tensors[name]
    save_file(tensors, directory / WEIGHTS_FILE)


def shard(directory: Path, shards: dict[str, dict[str, Tensor]], weight_map: Any = None) -> None:
    """Replaces the single file of a checkpoint with shards and their index."""
    (directory / WEIGHTS_FILE).unlink()
    for file, tensors in shards.items():
        save_file(tensors, directory / file)
    found = {name: file for file, tensors in shards.items() for name in tensors}
    index = {"metadata": {}, "weight_map": found if weight_map is None else weight_map}
    (directory / INDEX_FILE).write_text(json.dumps(index), encoding="utf-8")


def halves(directory: Path) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    tensors = sorted(load_file(directory / WEIGHTS_FILE).items())
    return dict(tensors[::2]), dict(tensors[1::2])


def test_all_files_of_a_checkpoint_follow_the_umask(directory: Path) -> None:
    (directory / "any").touch()
    wanted = (directory / "any").stat().st_mode
    assert {file.stat().st_mode for file in directory.iterdir()} == {wanted}


def test_names_go_both_ways(model: Denoiser) -> None:
    for name in model.state_dict():
        assert parameter_name(published_name(name)) == name
    assert published_name("layers.3.encoder_layer_scalar") == "model.encoder.language_model.layers.3.layer_scalar"
    assert published_name("layers.3.layer_scalar") == "model.decoder.layers.3.layer_scalar"


def test_what_is_saved_is_loaded(directory: Path, model: Denoiser) -> None:
    loaded = load_denoiser(directory)
    assert loaded.config == model.config
    assert not loaded.training
    assert all(torch.equal(tensor, loaded.state_dict()[name]) for name, tensor in model.state_dict().items())
    assert not any(parameter.requires_grad for parameter in loaded.parameters())
    assert sorted(file.name for file in directory.iterdir()) == [CONFIG_FILE, "generation_config.json", WEIGHTS_FILE]


def test_saving_again_leaves_a_loaded_model_alone(directory: Path, model: Denoiser) -> None:
    loaded = load_denoiser(directory)
    other = Denoiser(model.config)
    save_checkpoint(directory, other, CONFIG, {}, torch.float32)
    assert torch.equal(loaded.norm.weight, model.norm.weight)
    assert torch.equal(load_denoiser(directory).norm.weight, other.norm.weight)


def test_a_config_of_another_model_is_not_saved(model: Denoiser, tmp_path: Path) -> None:
    with pytest.raises(CheckpointMismatchError, match="does not describe the model"):
        save_checkpoint(tmp_path, model, CONFIG | {"canvas_length": 17}, {}, torch.float32)
    assert not list(tmp_path.iterdir())


def test_half_precision_loads_as_saved_or_as_asked(model: Denoiser, tmp_path: Path) -> None:
    save_checkpoint(tmp_path, model, CONFIG, {}, torch.bfloat16)
    assert {tensor.dtype for tensor in load_denoiser(tmp_path).state_dict().values()} == {torch.bfloat16}
    loaded = load_denoiser(tmp_path, dtype=torch.float32)
    assert {tensor.dtype for tensor in loaded.state_dict().values()} == {torch.float32}
    for name, tensor in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor.bfloat16().float())


def test_shards_load_as_one_file_does(directory: Path, model: Denoiser) -> None:
    first, second = halves(directory)
    shard(directory, {"model-00001-of-00002.safetensors": first, "model-00002-of-00002.safetensors": second})
    loaded = load_denoiser(directory)
    assert all(torch.equal(tensor, loaded.state_dict()[name]) for name, tensor in model.state_dict().items())


def test_names_in_the_table_are_skipped(directory: Path) -> None:
    skipped = [
        "model.encoder.vision_tower.encoder.layers.0.mlp.up_proj.weight",
        "model.encoder.embed_vision.embedding_projection.weight",
        "model.encoder.language_model.embed_tokens.weight",
        "model.encoder.language_model.layers.0.self_attn.q_proj.weight",
        "model.encoder.language_model.norm.weight",
        "lm_head.weight",
    ]
    rewrite(directory, {name: torch.ones(1) for name in skipped})
    load_denoiser(directory)


def test_everything_that_does_not_fit_is_listed(directory: Path) -> None:
    layer = "model.decoder.layers.0"
    rewrite(
        directory,
        added={
            EMBEDDING: torch.zeros(95, 32),
            f"{layer}.router.scale": torch.zeros(32, dtype=torch.int64),
            f"{layer}.self_attn.q_proj.bias": torch.zeros(32),
            "model.decoder.layers.4.layer_scalar": torch.zeros(1),
            "model.encoder.language_model.layers.4.layer_scalar": torch.zeros(1),
            "model.encoder.audio_tower.weight": torch.zeros(1),
            "lm_head.weight.absmax": torch.zeros(1),
        },
        removed=(NORM, "model.encoder.language_model.layers.2.layer_scalar"),
    )
    with pytest.raises(CheckpointMismatchError) as caught:
        load_denoiser(directory)
    assert str(caught.value).split("\n  ")[1:] == sorted(
        [
            f"{EMBEDDING} has shape (95, 32), expected (96, 32)",
            f"{layer}.router.scale is of type torch.int64, expected one of {', '.join(map(str, DTYPES))}",
            f"unexpected {layer}.self_attn.q_proj.bias",
            "unexpected model.decoder.layers.4.layer_scalar",
            "unexpected model.encoder.language_model.layers.4.layer_scalar",
            "unexpected model.encoder.audio_tower.weight",
            "unexpected lm_head.weight.absmax",
            f"missing {NORM}",
            "missing model.encoder.language_model.layers.2.layer_scalar",
        ]
    )


def test_a_tensor_in_two_shards_is_refused(directory: Path) -> None:
    first, second = halves(directory)
    shard(
        directory, {"a.safetensors": first | {NORM: torch.ones(32)}, "b.safetensors": second | {NORM: torch.ones(32)}}
    )
    with pytest.raises(CheckpointMismatchError, match=f"{NORM} is in several files"):
        load_denoiser(directory)


def corrupted(content: bytes) -> dict[str, bytes]:
    (header_size,) = struct.unpack("<Q", content[:8])
    return {
        "empty": b"",
        "cut in the length": content[:5],
        "cut in the header": content[:50],
        "cut in the data": content[:-1],
        "cut to the header": content[: 8 + header_size],
        "longer than it says": content + b"\0" * 64,
        "header is no JSON": content[:8] + b"\xff" * header_size + content[8 + header_size :],
        "header is of absurd length": b"\xff" * 8 + content[8:],
        "garbage": bytes(range(256)) * 40,
        "a pickle": pickle.dumps({"model.decoder.norm.weight": [1.0]}) * 20,
        "a page of an error": b"<html><body>404 Not Found</body></html>" * 10,
    }


@pytest.mark.parametrize("damage", list(corrupted(b"\x08" + b"\0" * 63)))
def test_damaged_files_are_named(damage: str, directory: Path) -> None:
    file = directory / WEIGHTS_FILE
    file.write_bytes(corrupted(file.read_bytes())[damage])
    with pytest.raises(CheckpointError, match=f"{WEIGHTS_FILE} is truncated, corrupted or unreadable"):
        load_denoiser(directory)


def test_a_missing_directory_or_file_is_named(directory: Path) -> None:
    with pytest.raises(CheckpointNotFoundError, match=r"no checkpoint directory .*nowhere"):
        load_denoiser(directory / "nowhere")
    with pytest.raises(CheckpointNotFoundError, match="no checkpoint directory"):
        load_denoiser(directory / CONFIG_FILE)
    (directory / WEIGHTS_FILE).unlink()
    with pytest.raises(CheckpointNotFoundError, match=f"lacks {WEIGHTS_FILE}"):
        load_denoiser(directory)


class Bomb:
    """Leaves a trace if it is ever unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.trace,)


@pytest.mark.parametrize("through_index", [False, True])
def test_pickles_are_never_opened(directory: Path, through_index: bool) -> None:
    trace = directory / "opened"
    (directory / "pytorch_model.bin").write_bytes(pickle.dumps(Bomb(trace)))
    if through_index:
        shard(directory, {}, {NORM: "pytorch_model.bin"})
    else:
        (directory / WEIGHTS_FILE).unlink()
    with pytest.raises(CheckpointError, match="safetensors") as caught:
        load_denoiser(directory)
    assert through_index or "pytorch_model.bin are pickles, which are never opened" in str(caught.value)
    assert not trace.exists()


@pytest.mark.parametrize(
    ("weight_map", "message"),
    [
        ({NORM: "model-00003-of-00003.safetensors"}, "lacks model-00003-of-00003.safetensors"),
        ({NORM: "../model.safetensors"}, "not safetensors beside it"),
        ({NORM: "/etc/model.safetensors"}, "not safetensors beside it"),
        ({NORM: ".."}, "not safetensors beside it"),
        ({NORM: ""}, "not safetensors beside it"),
        ({NORM: 3}, "not safetensors beside it"),
        ({NORM: None}, "not safetensors beside it"),
        ({NORM: "nul\0.safetensors"}, "lacks nul"),
        ({}, f"missing {NORM}"),
    ],
)
def test_wrong_indices_are_refused(directory: Path, weight_map: Any, message: str) -> None:
    shard(directory, {}, weight_map)
    with pytest.raises(CheckpointError, match=message):
        load_denoiser(directory)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"weight_map": []}', '{"weight_map": null}'])
def test_files_that_are_no_index(directory: Path, content: str) -> None:
    (directory / INDEX_FILE).write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError, match=INDEX_FILE):
        load_denoiser(directory)


def test_progress_rises_to_the_total(directory: Path) -> None:
    rewrite(directory, {"lm_head.weight": torch.zeros(96, 32)})  # skipped: counts in neither
    seen: list[tuple[int, int]] = []
    loaded = load_denoiser(directory, progress=lambda done, total: seen.append((done, total)))
    num_bytes = sum(tensor.nbytes for tensor in loaded.state_dict().values())
    assert {total for _, total in seen} == {num_bytes}
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})
    assert len(seen) == len(loaded.state_dict())
    assert seen[-1] == (num_bytes, num_bytes)


def mappings(directory: Path) -> list[str]:
    """Files of a directory that this process has mapped into memory."""
    return [line for line in Path("/proc/self/maps").read_text(encoding="utf-8").splitlines() if str(directory) in line]


@pytest.mark.skipif(not Path("/proc/self/maps").is_file(), reason="needs the kernel's list of mappings")
def test_what_was_converted_is_not_mapped_any_longer(directory: Path) -> None:
    held: list[int] = []
    loaded = load_denoiser(directory, dtype=torch.bfloat16, progress=lambda *_: held.append(len(mappings(directory))))
    assert held == [1] * len(loaded.state_dict())  # only what is being read
    assert not mappings(directory)
    as_saved = load_denoiser(directory)  # stands in its file
    assert mappings(directory)
    del as_saved
    assert not mappings(directory)


def test_each_file_is_opened_once(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A header names thousands of tensors where experts are published one by one; to read it takes long."""
    first, second = halves(directory)
    shard(directory, {"a.safetensors": first, "b.safetensors": second})
    opened: list[str] = []

    def counted(file: Path, framework: str) -> Any:
        opened.append(file.name)
        return safe_open(file, framework=framework)

    monkeypatch.setattr("lacuna_model.checkpoint.safe_open", counted)
    load_denoiser(directory)
    assert opened == ["a.safetensors", "b.safetensors"]


def test_a_file_that_goes_while_it_is_read_is_told(directory: Path) -> None:
    weights = directory / WEIGHTS_FILE
    with pytest.raises(CheckpointError, match=f"{WEIGHTS_FILE} is truncated, corrupted or unreadable"):
        load_denoiser(directory, progress=lambda *_: weights.unlink())


def test_tensors_are_read_in_the_order_of_their_files(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = halves(directory)
    shard(directory, {"a.safetensors": first, "b.safetensors": second})
    advised: list[tuple[str, int, int]] = []
    monkeypatch.setattr(
        "lacuna_model.checkpoint._read_ahead",
        lambda stored: advised.append((stored.file.name, stored.offset, stored.num_bytes)),
    )
    load_denoiser(directory)
    for name in ("a.safetensors", "b.safetensors"):
        ranges = [(offset, offset + size) for file, offset, size in advised if file == name]
        content = (directory / name).read_bytes()
        (header_size,) = struct.unpack("<Q", content[:8])
        assert ranges[0][0] == 8 + header_size and ranges[-1][1] == len(content)
        assert all(end == begin for (_, end), (begin, _) in pairwise(ranges))
    assert advised == sorted(advised)


@pytest.mark.parametrize("precision", ["fp8", "4bit"])
def test_loading_quantises_tensor_by_tensor(precision: Precision, tmp_path: Path) -> None:
    document = CONFIG | {"text_config": CONFIG["text_config"] | {"moe_intermediate_size": 32}}
    plain = Denoiser(DenoiserConfig.from_json(document)).requires_grad_(False)
    for tensor in plain.state_dict().values():
        tensor.copy_(torch.randn_like(tensor))
    save_checkpoint(tmp_path, plain, document, {}, torch.bfloat16)
    wanted = quantized(load_denoiser(tmp_path), precision).state_dict()
    loaded = load_denoiser(tmp_path, precision=precision).state_dict()
    assert loaded.keys() == wanted.keys()
    for name, tensor in loaded.items():
        assert tensor.dtype == wanted[name].dtype
        assert torch.equal(tensor.view(torch.uint8), wanted[name].view(torch.uint8)), name


FP8_SCHEME = {
    "quant_method": "compressed-tensors",
    "format": "float-quantized",
    "config_groups": {
        "group_0": {
            "targets": ["Linear"],
            "weights": {"num_bits": 8, "type": "float", "strategy": "channel"},
            "input_activations": {"num_bits": 8, "type": "float", "strategy": "token", "dynamic": True},
        }
    },
}


@pytest.mark.parametrize("precision", [None, "fp8"])
def test_published_fp8_weights_stay_as_they_are(precision: Precision | None, directory: Path, model: Denoiser) -> None:
    names = [name for name in model.state_dict() if name.endswith("q_proj.weight")]
    rounded = {published_name(name): round_rows(model.state_dict()[name]) for name in names}
    scales = {f"{name}_scale": scale for name, (_, scale) in rounded.items()}
    rewrite(directory, {name: values for name, (values, _) in rounded.items()} | scales)
    (directory / CONFIG_FILE).write_text(json.dumps(CONFIG | {"quantization_config": FP8_SCHEME}), encoding="utf-8")
    calls: list[tuple[int, int]] = []
    loaded = load_denoiser(directory, precision=precision, progress=lambda *each: calls.append(each)).state_dict()
    wanted = quantized(model, "fp8").state_dict()
    assert loaded.keys() == wanted.keys()
    assert all(torch.equal(tensor.float(), wanted[name].float()) for name, tensor in loaded.items())
    assert all(loaded[name].dtype == torch.float8_e4m3fn for name in names)
    assert calls[-1][0] == calls[-1][1]
