"""Random weights of the released configuration, or of any other: they cost as much per step as trained ones.

Written as a checkpoint directory they serve tests of loading:

    python -m lacuna_model.evaluation.synthetic DIRECTORY [--layers 30] [--dtype bfloat16] [--seed 0]

Time depends on weights in one way only: on how many experts the tokens of a canvas touch. Training balances that;
weights drawn blindly do not, because all tokens of a text soon have much of their state in common. So every router here
reads half of the state, which nothing but the token's own embedding is ever written to, and the rows of its matrix are
orthogonal there and equally long. A random embedding has no direction of its own, so no expert is more likely than
another, in any layer and after any text.
"""

import argparse
import json
import math
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from lacuna_model.checkpoint import INDEX_FILE, Progress, published_name
from lacuna_model.config import CONFIG_FILE, GENERATION_CONFIG_FILE, DenoiserConfig
from lacuna_model.memory_budget import check_fits
from lacuna_model.quantization.precision import Precision, prepare, quantize
from lacuna_model.transformer.denoiser import Denoiser

RELEASED = Path(__file__).parent / "released"
"""Holds `config.json` and `generation_config.json` of DiffusionGemma-26B-A4B."""

MAX_SHARD_BYTES = 2 * 10**9
FLATNESS = 0.25
"""Gain of the last norm: no prediction is ever certain, so a canvas never settles and all its steps are made."""

_FULL_LAYER_INTERVAL = 6


def released_document(num_layers: int = 30) -> dict[str, Any]:
    """Content of the released `config.json`, with as many layers as asked for; every sixth from the last is full."""
    document: dict[str, Any] = json.loads((RELEASED / CONFIG_FILE).read_text(encoding="utf-8"))
    kinds = [
        "sliding_attention" if place % _FULL_LAYER_INTERVAL else "full_attention"
        for place in reversed(range(num_layers))
    ]
    document["text_config"] |= {"num_hidden_layers": num_layers, "layer_types": kinds}
    return document


def synthetic_denoiser(
    config: DenoiserConfig,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.bfloat16,
    seed: int = 0,
    precision: Precision | None = None,
) -> Denoiser:
    """Makes a denoiser on its device, in its dtype, and quantises it as asked, tensor by tensor.

    The same seed gives the same weights on the same kind of device; on the CPU those that `write_synthetic` writes.

    Raises:
        DeviceError: the device has no room for it.
        ConfigError: its shapes do not fit the precision.
    """
    with torch.device("meta"):
        model = Denoiser(config).to(dtype)
    shapes = {name: tensor.shape for name, tensor in model.state_dict().items()}
    prepare(model, precision)
    place = torch.device(device)
    check_fits(config, sum(tensor.nbytes for tensor in model.state_dict().values()), dtype, place, precision)
    weights = SyntheticWeights(config, place, dtype, seed)
    drawn = ((name, weights.draw(name, shape)) for name, shape in shapes.items())
    tensors = dict(pair for name, tensor in drawn for pair in quantize(name, tensor, precision))
    model.load_state_dict(tensors, strict=True, assign=True)
    return model.requires_grad_(False).eval()


def write_synthetic(
    directory: Path,
    document: dict[str, Any],
    dtype: torch.dtype = torch.bfloat16,
    seed: int = 0,
    max_shard_bytes: int = MAX_SHARD_BYTES,
    progress: Progress | None = None,
) -> None:
    """Writes a sharded checkpoint directory in the released format; it holds one shard at a time in memory.

    Args:
        directory: made if it is missing.
        document: content of `config.json`.
        dtype: of every tensor.
        seed: of the weights.
        max_shard_bytes: a shard is larger only where a single tensor is.
        progress: told the bytes written, after each shard.

    Raises:
        ConfigError: the document describes no denoiser.
    """
    config = DenoiserConfig.from_json(document)
    directory.mkdir(parents=True, exist_ok=True)
    with torch.device("meta"):
        shapes = {name: tensor.shape for name, tensor in Denoiser(config).state_dict().items()}
    weights = SyntheticWeights(config, torch.device("cpu"), dtype, seed)
    total = sum(shape.numel() for shape in shapes.values()) * dtype.itemsize
    shards = list(_shards(shapes, max_shard_bytes // dtype.itemsize))
    weight_map: dict[str, str] = {}
    num_bytes = 0
    for number, names in enumerate(shards, start=1):
        file = f"model-{number:05}-of-{len(shards):05}.safetensors"
        tensors = {published_name(name): weights.draw(name, shapes[name]) for name in names}
        save_file(tensors, directory / file, {"format": "pt"})
        weight_map |= dict.fromkeys(tensors, file)
        num_bytes += sum(tensor.nbytes for tensor in tensors.values())
        del tensors  # before the next shard is drawn
        if progress is not None:
            progress(num_bytes, total)
    generation = json.loads((RELEASED / GENERATION_CONFIG_FILE).read_text(encoding="utf-8"))
    index = {"metadata": {"total_size": total}, "weight_map": weight_map}
    for name, content in ((CONFIG_FILE, document), (GENERATION_CONFIG_FILE, generation), (INDEX_FILE, index)):
        (directory / name).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


@dataclass(frozen=True, slots=True)
class SyntheticWeights:
    """Draws each tensor by its name, so that neither order nor sharding matters."""

    config: DenoiserConfig
    device: torch.device
    dtype: torch.dtype
    seed: int

    def draw(self, name: str, shape: torch.Size) -> Tensor:
        """The tensor of one of our parameters."""
        generator = torch.Generator(self.device).manual_seed(zlib.crc32(f"{self.seed} {name}".encode()))
        tensor = torch.empty(shape, device=self.device, dtype=self.dtype)
        num_routed = self.config.hidden_size // 2  # the state's leading half is the routers'
        match name.split(".")[-2:]:
            case ["proj", "weight"]:
                rows = torch.empty(shape[0], num_routed, device=self.device)  # float32: there is no QR in bfloat16
                nn.init.orthogonal_(rows, math.sqrt(num_routed), generator)
                tensor.zero_()[:, :num_routed] = rows
            case ["post_attention_layernorm" | "post_feedforward_layernorm", _]:
                tensor.fill_(1)
                tensor[:num_routed] = 0
            case ["q_norm", _]:
                tensor.fill_(shape[0] ** -0.5)  # attention that is spread out, since its scale is one
            case ["norm", _]:
                tensor.fill_(FLATNESS)
            case _ if len(shape) == 1:
                tensor.fill_(1)
            case _:
                tensor.normal_(std=shape[-1] ** -0.5, generator=generator)
        if name == "self_conditioning.down_proj.weight":
            tensor[:num_routed] = 0
        return tensor


def _shards(shapes: dict[str, torch.Size], max_numbers: int) -> Iterator[list[str]]:
    """Groups tensors in their order."""
    names: list[str] = []
    held = 0
    for name, shape in shapes.items():
        if names and held + shape.numel() > max_numbers:
            yield names
            names, held = [], 0
        names.append(name)
        held += shape.numel()
    yield names


def main(arguments: Sequence[str] | None = None) -> None:
    """Writes a directory."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("directory", type=Path, help="where to write it")
    parser.add_argument(
        "--layers", type=int, default=30, metavar="N", help="layers of the released shape (%(default)s)"
    )
    parser.add_argument("--dtype", choices=("bfloat16", "float32"), default="bfloat16", help="of the weights")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the weights")
    given = parser.parse_args(arguments)
    write_synthetic(
        given.directory,
        released_document(given.layers),
        getattr(torch, given.dtype),
        given.seed,
        progress=lambda done, total: print(f"{done / 1e9:.1f} of {total / 1e9:.1f} GB", flush=True),
    )


if __name__ == "__main__":
    main()
