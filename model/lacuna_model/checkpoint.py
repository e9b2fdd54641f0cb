"""Checkpoint directories in the released format: `config.json` and safetensors, in one file or in shards.

Loading is strict. Every tensor the configuration asks for must be there with its shape, and nothing may be left over
except what `SKIPPED` names. Only safetensors are read: nothing here unpickles or runs code of a checkpoint.

Files are mapped into memory for one tensor at a time, since the pages of a mapping count as the process's memory for as
long as it exists. So a checkpoint of any size takes no more host memory than its largest tensor on its way to another
device or type. On the CPU, in the type they were saved in, the weights are the mapped files themselves.
"""

import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from lacuna_model.calibration import CALIBRATION_FILE
from lacuna_model.config import CONFIG_FILE, GENERATION_CONFIG_FILE, DenoiserConfig
from lacuna_model.errors import CheckpointError, CheckpointMismatchError, CheckpointNotFoundError
from lacuna_model.json_object import JsonObject
from lacuna_model.memory_budget import check_fits
from lacuna_model.quantization.precision import Precision, prepare, quantize
from lacuna_model.quantization.published import assemble, is_published_fp8
from lacuna_model.transformer.denoiser import Denoiser

WEIGHTS_FILE = "model.safetensors"
INDEX_FILE = "model.safetensors.index.json"

# The published names of our parameters. All others lie under `model.decoder.` and are called as ours.
ENCODER_SCALAR = re.compile(r"model\.encoder\.language_model\.(layers\.\d+)\.layer_scalar")

# Types that weights may be saved in unless `config.json` says that they are quantised.
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
    precision: Precision | None = None,
) -> Denoiser:
    """Loads a checkpoint directory straight to a device and dtype.

    Args:
        directory: holds `config.json` and the weights, which may be in a published FP8 layout.
        device: where the weights shall lie.
        dtype: type of the weights that are not quantised; None keeps each as it was saved.
        progress: told how many bytes have been read, with each tensor.
        precision: how to quantise what was read, tensor by tensor; None keeps it as it was saved.

    Raises:
        CheckpointNotFoundError: the directory or a file of it is missing.
        CheckpointMismatchError: tensors are missing, left over or of another shape; all are listed.
        CheckpointError: a file is truncated, corrupted or unreadable.
        ConfigError: `config.json` is wrong.
        DeviceError: the device has no room for the model; nothing was loaded.
    """
    if not directory.is_dir():
        raise CheckpointNotFoundError(
            f"There is no checkpoint directory {directory}; name one that exists, or none for the embedded model."
        )
    document = JsonObject.load(directory / CONFIG_FILE)
    config = DenoiserConfig.from_json(document.content)
    is_fp8 = is_published_fp8(document)
    with torch.device("meta"):
        model = Denoiser(config)
    expected = model.state_dict()
    stored = _find_tensors(directory, None if is_fp8 else expected)
    if is_fp8 and precision is None:
        precision = "fp8"
    prepare(model.to(dtype or _dtype_of(stored)), precision)
    place = torch.device(device)
    check_fits(config, sum(tensor.nbytes for tensor in model.state_dict().values()), model.dtype, place, precision)
    reader = _Reader(stored, progress, sum(each.num_bytes for each in stored.values()))
    if is_fp8:
        tensors = assemble(stored, reader.read, expected, place, dtype, precision)
    else:
        whole = ((name, reader.read(name).to(place, dtype or each.dtype)) for name, each in stored.items())
        tensors = (pair for name, tensor in whole for pair in quantize(name, tensor, precision))
    model.load_state_dict(dict(tensors), strict=True, assign=True)
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
    (directory / CALIBRATION_FILE).unlink(missing_ok=True)  # it was fitted to other weights
    for file, content in ((CONFIG_FILE, config), (GENERATION_CONFIG_FILE, generation_config)):
        partial = directory / f"{file}.partial"
        partial.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        partial.replace(directory / file)


@dataclass(frozen=True, slots=True)
class _Stored:
    """Where a tensor lies, its first byte included, and what it is."""

    file: Path
    offset: int
    published: str
    shape: torch.Size
    dtype: torch.dtype

    @property
    def num_bytes(self) -> int:
        return self.shape.numel() * self.dtype.itemsize


@dataclass(slots=True)
class _Reader:
    """Reads tensors of a checkpoint one at a time, and reports how far it is."""

    stored: dict[str, _Stored]
    progress: Progress | None
    total_bytes: int
    num_bytes: int = 0

    def read(self, name: str) -> Tensor:
        """Maps a tensor into memory; the mapping ends with the tensor."""
        stored = self.stored[name]
        tensor = _mapped(stored)
        self.num_bytes += stored.num_bytes
        if self.progress is not None:
            self.progress(self.num_bytes, self.total_bytes)
        return tensor


def _find_tensors(directory: Path, expected: dict[str, Tensor] | None) -> dict[str, _Stored]:
    """Looks up the tensors of a checkpoint under our names, file by file, without reading them.

    Checks that they are those expected; None: only that each has a name of ours and is there once.
    """
    tensors: dict[str, _Stored] = {}
    problems: list[str] = []
    for file in weight_files(directory):
        for found in _list_tensors(file):
            published, name = found.published, parameter_name(found.published)
            if name is None or (expected is not None and name not in expected):
                if name is not None or not any(pattern.fullmatch(published) for pattern in SKIPPED.values()):
                    problems.append(f"unexpected {published}")
                continue
            if name in tensors:
                problems.append(f"{published} is in several files")
            if expected is not None:
                problems += _differences(found, expected[name])
            tensors[name] = found
    problems += [f"missing {published_name(name)}" for name in expected or () if name not in tensors]
    if problems:
        listed = "\n  ".join(sorted(problems))
        raise CheckpointMismatchError(f"The weights in {directory} do not fit its {CONFIG_FILE}:\n  {listed}")
    return tensors


def _differences(found: _Stored, expected: Tensor) -> Iterator[str]:
    """What keeps a stored tensor from being the one expected."""
    if found.shape != expected.shape:
        yield f"{found.published} has shape {tuple(found.shape)}, expected {tuple(expected.shape)}"
    elif found.dtype not in DTYPES:
        yield f"{found.published} is of type {found.dtype}, expected one of {', '.join(map(str, DTYPES))}"


def _dtype_of(stored: dict[str, _Stored]) -> torch.dtype:
    """The type that the model computes in: that of the embedding, which no checkpoint quantises."""
    embedding = stored.get("embed_tokens.weight")
    return torch.bfloat16 if embedding is None else embedding.dtype


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


def _list_tensors(file: Path) -> Iterator[_Stored]:
    """Yields what a file holds, from its beginning to its end."""
    with _opened(file) as weights:
        tensors = {name: weights.get_tensor(name) for name in weights.offset_keys()}  # mapped: nothing is read
        offset = file.stat().st_size - sum(tensor.nbytes for tensor in tensors.values())  # there are no holes
        for published, tensor in tensors.items():
            yield _Stored(file, offset, published, tensor.shape, tensor.dtype)
            offset += tensor.nbytes


def _read_ahead(stored: _Stored) -> None:
    """Has the kernel fetch a tensor in large pieces; of what is mapped it would fetch little at each page fault."""
    if hasattr(os, "posix_fadvise"):
        with stored.file.open("rb") as file:
            os.posix_fadvise(file.fileno(), stored.offset, stored.num_bytes, os.POSIX_FADV_WILLNEED)


def _mapped(stored: _Stored) -> Tensor:
    """Maps a tensor at the place that its file's header gave, so that no header is read once more for every tensor."""
    end = stored.offset + stored.num_bytes
    try:
        _read_ahead(stored)
        if stored.file.stat().st_size < end:
            raise OSError("it has become shorter")
    except OSError as error:
        raise _unreadable(stored.file, error) from error
    storage = torch.UntypedStorage.from_file(str(stored.file), False, end)[stored.offset : end]
    return torch.asarray(storage, dtype=torch.uint8).view(stored.dtype).view(stored.shape)


@contextmanager
def _opened(file: Path) -> Iterator[Any]:
    """Opens a safetensors file, whose handle has no types."""
    try:
        with safe_open(file, framework="pt") as weights:
            yield weights
    except (SafetensorError, OSError) as error:
        raise _unreadable(file, error) from error


def _unreadable(file: Path, error: Exception) -> CheckpointError:
    return CheckpointError(f"{file} is truncated, corrupted or unreadable ({error}); fetch it again.")
