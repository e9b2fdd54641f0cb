"""Checkpoint directories in the released format: `config.json` and safetensors, in one file or in shards.

Loading is strict. Every tensor the configuration asks for must be there with its shape, and nothing may be left over
except what `SKIPPED` names. Only safetensors are read: nothing here unpickles or runs code of a checkpoint.
"""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from lacuna_model.config import CONFIG_FILE, GENERATION_CONFIG_FILE, DenoiserConfig
from lacuna_model.errors import CheckpointError, CheckpointMismatchError, CheckpointNotFoundError
from lacuna_model.json_object import JsonObject
from lacuna_model.transformer.denoiser import Denoiser

WEIGHTS_FILE = "model.safetensors"
INDEX_FILE = "model.safetensors.index.json"

# The published names of our parameters. All others lie under `model.decoder.` and are called as ours.
ENCODER_SCALAR = re.compile(r"model\.encoder\.language_model\.(layers\.\d+)\.layer_scalar")

# Types that weights may be saved in; quantised ones would need code of their own.
DTYPES = (torch.float32, torch.bfloat16, torch.float16)

# What a checkpoint may hold that we do not read, and why.
SKIPPED: dict[str, re.Pattern[str]] = {
    "vision tower": re.compile(r"model\.encoder\.(vision_tower|embed_vision)\..*"),
    "encoder weights tied to the decoder's": re.compile(r"model\.encoder\.language_model\..*"),
    "output head tied to the embedding": re.compile(r"lm_head\.weight"),
}

Progress = Callable[[int, int], None]
"""Called with the bytes read so far and the bytes to be read in all; skipped tensors count in neither."""


def parameter_name(published: str) -> str | None:
    """Our name of a published tensor; None for tensors that are not read."""
    if match := ENCODER_SCALAR.fullmatch(published):
        return f"{match[1]}.encoder_layer_scalar"
    if published.startswith("model.decoder."):
        return published.removeprefix("model.decoder.")
    return None


def published_name(name: str) -> str:
    """The published name of one of our parameters."""
    if name.endswith(".encoder_layer_scalar"):
        return f"model.encoder.language_model.{name.removesuffix('encoder_layer_scalar')}layer_scalar"
    return f"model.decoder.{name}"


def load_denoiser(
    directory: Path,
    device: torch.device | str = "cpu",
    dtype: torch.dtype | None = None,
    progress: Progress | None = None,
) -> Denoiser:
    """Loads a checkpoint directory straight to a device and dtype.

    Args:
        directory: holds `config.json` and the weights.
        device: where the weights shall lie.
        dtype: type of the weights; None keeps each as it was saved.
        progress: told how many bytes were read, after each tensor.

    Raises:
        CheckpointNotFoundError: the directory or a file of it is missing.
        CheckpointMismatchError: tensors are missing, left over or of another shape; all are listed.
        CheckpointError: a file is truncated, corrupted or unreadable.
        ConfigError: `config.json` is wrong.
    """
    if not directory.is_dir():
        raise CheckpointNotFoundError(
            f"There is no checkpoint directory {directory}; name one that exists, or none for the embedded model."
        )
    config = DenoiserConfig.load(directory)
    with torch.device("meta"):
        model = Denoiser(config)
    stored = _map_tensors(directory, model.state_dict())
    tensors = dict(_read(stored, torch.device(device), dtype, progress))
    model.load_state_dict(tensors, strict=True, assign=True)
    return model.requires_grad_(False).eval()


def save_checkpoint(
    directory: Path, model: Denoiser, config: dict[str, Any], generation_config: dict[str, Any], dtype: torch.dtype
) -> None:
    """Writes a checkpoint directory that this module and `transformers` both load.

    Args:
        directory: created if missing; files of the same names are replaced, each at once, so that nobody who has the
            old one mapped into memory is hurt.
        model: the weights.
        config: content of `config.json`; must describe `model`.
        generation_config: content of `generation_config.json`.
        dtype: type to save the weights in.
    """
    if DenoiserConfig.from_json(config) != model.config:
        raise CheckpointMismatchError("The config to be saved does not describe the model.")
    directory.mkdir(parents=True, exist_ok=True)
    tensors = {published_name(name): value.detach().to("cpu", dtype) for name, value in model.state_dict().items()}
    partial = directory / f"{WEIGHTS_FILE}.partial"
    partial.unlink(missing_ok=True)
    partial.touch()
    mode = partial.stat().st_mode  # what the umask makes of a new file; `save_file` gives rights to the owner alone
    save_file({name: value.contiguous() for name, value in tensors.items()}, partial, {"format": "pt"})
    partial.chmod(mode)
    partial.replace(directory / WEIGHTS_FILE)
    for file, content in ((CONFIG_FILE, config), (GENERATION_CONFIG_FILE, generation_config)):
        partial = directory / f"{file}.partial"
        partial.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        partial.replace(directory / file)


def _map_tensors(directory: Path, expected: dict[str, Tensor]) -> dict[str, Tensor]:
    """Maps the tensors of a checkpoint into memory under our names, without reading them; checks that they fit."""
    tensors: dict[str, Tensor] = {}
    problems: list[str] = []
    for file in weight_files(directory):
        for published, tensor in _tensors(file):
            name = parameter_name(published)
            if name not in expected:
                if name is not None or not any(pattern.fullmatch(published) for pattern in SKIPPED.values()):
                    problems.append(f"unexpected {published}")
                continue
            if name in tensors:
                problems.append(f"{published} is in several files")
            if tensor.shape != expected[name].shape:
                problems.append(f"{published} has shape {tuple(tensor.shape)}, expected {tuple(expected[name].shape)}")
            elif tensor.dtype not in DTYPES:
                problems.append(f"{published} is of type {tensor.dtype}, expected one of {', '.join(map(str, DTYPES))}")
            tensors[name] = tensor
    problems += [f"missing {published_name(name)}" for name in expected if name not in tensors]
    if problems:
        listed = "\n  ".join(sorted(problems))
        raise CheckpointMismatchError(f"The weights in {directory} do not fit its {CONFIG_FILE}:\n  {listed}")
    return tensors


def _read(
    stored: dict[str, Tensor], device: torch.device, dtype: torch.dtype | None, progress: Progress | None
) -> Iterator[tuple[str, Tensor]]:
    """Yields every tensor on its device, in its dtype."""
    num_bytes, num_bytes_in_all = 0, sum(tensor.nbytes for tensor in stored.values())
    for name, tensor in stored.items():
        yield name, tensor.to(device, dtype or tensor.dtype)
        num_bytes += tensor.nbytes
        if progress is not None:
            progress(num_bytes, num_bytes_in_all)


def weight_files(directory: Path) -> list[Path]:
    """The safetensors files of a checkpoint.

    Raises:
        CheckpointNotFoundError: a file is missing.
        CheckpointError: the index is not one, or names files that are not safetensors of this directory.
    """
    index = directory / INDEX_FILE
    if index.is_file():
        names = sorted({str(file) for file in JsonObject.load(index).object("weight_map").content.values()})
        if any(Path(name).name != name or not name.endswith(".safetensors") for name in names):
            raise CheckpointError(f"{index} names files that are not safetensors beside it.")
    else:
        names = [WEIGHTS_FILE]
    missing = [name for name in names if not (directory / name).is_file()]
    if missing:
        pickles = [file.name for file in sorted(directory.glob("*.bin")) + sorted(directory.glob("*.pt"))]
        hint = (
            f" {', '.join(pickles)} are pickles, which are never opened: convert them to safetensors."
            if pickles
            else ""
        )
        raise CheckpointNotFoundError(f"{directory} lacks {', '.join(missing)}.{hint}")
    return [directory / name for name in names]


def _tensors(file: Path) -> Iterator[tuple[str, Tensor]]:
    """Yields every tensor of a file with its published name; memory-mapped, so that nothing is read yet."""
    try:
        with safe_open(file, framework="pt") as handle:
            for name in handle.keys():
                yield name, handle.get_tensor(name)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{file} is truncated, corrupted or unreadable ({error}); fetch it again.") from error
