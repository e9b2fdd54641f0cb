"""Published FP8 checkpoints in the compressed-tensors layout, as llm-compressor writes it for DiffusionGemma.

A quantised matrix is two tensors: `*.weight` in e4m3 and `*.weight_scale`, (out, 1) or one number. The experts are no
stacks there but matrices of their own, `experts.N.gate_proj`, `experts.N.up_proj` and `experts.N.down_proj`. What
`quantization_config` in `config.json` ignores is stored as it always was; that may be other matrices than those left
alone here, so each is converted as needed.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

import torch
from torch import Tensor

from lacuna_model.errors import CheckpointMismatchError
from lacuna_model.json_object import JsonObject
from lacuna_model.quantization.fp8 import FP8_DTYPE, Fp8
from lacuna_model.quantization.precision import Precision, quantize, storage_of

STACK = re.compile(r"(layers\.\d+\.experts)\.(gate_up|down)_proj")


def is_published_fp8(config: JsonObject) -> bool:
    """Whether a `config.json` says that the weights are FP8 in the layout that `assemble` reads.

    Raises:
        ConfigError: they are quantised in another way; the message names the key.
    """
    if "quantization_config" not in config.without_nulls():
        return False
    section = config.object("quantization_config").without_nulls()
    section.require("quant_method", ("compressed-tensors",))
    section.require("format", ("float-quantized",))
    section.require("quantization_status", ("compressed",))
    section.require("kv_cache_scheme", (None,))
    groups = section.object("config_groups")
    for name in groups.content:
        group = groups.object(name).without_nulls()
        group.require("format", ("float-quantized",))
        for part, strategies, is_dynamic in (
            ("weights", ("channel", "tensor"), False),
            ("input_activations", ("token",), True),
        ):
            arguments = group.object(part)
            for key, allowed in {
                "type": ("float",),
                "num_bits": (8,),
                "symmetric": (True,),
                "strategy": strategies,
                "dynamic": (is_dynamic,),
            }.items():
                arguments.require(key, allowed)
    return True


class Stored(Protocol):
    """What a file says of a tensor before it is read; a tensor will do."""

    @property
    def shape(self) -> torch.Size:
        """Its sizes."""
        ...

    @property
    def dtype(self) -> torch.dtype:
        """Its type."""
        ...


def assemble(
    stored: Mapping[str, Stored],
    read: Callable[[str], Tensor],
    expected: Mapping[str, Tensor],
    device: torch.device,
    dtype: torch.dtype | None,
    precision: Precision | None,
) -> Iterator[tuple[str, Tensor]]:
    """Yields what a prepared denoiser asks for, tensor by tensor on its device.

    Args:
        stored: what the checkpoint holds, under our names for what lies under `model.decoder.`.
        read: reads one of them. All parts of a tensor are read in a row, and none is kept.
        expected: `state_dict` of a denoiser that is not prepared.
        device: where the tensors shall lie.
        dtype: type of what is not quantised; None keeps it as it was saved.
        precision: what the denoiser was prepared for.

    Raises:
        CheckpointMismatchError: tensors are missing, left over or of another shape; all are listed.
    """
    problems: list[str] = []
    left = dict(stored)
    parts = {name: _take(left, name, tensor.shape, problems) for name, tensor in expected.items()}
    problems += [f"unexpected {name}" for name in left]
    if problems:
        listed = "\n  ".join(sorted(problems))
        raise CheckpointMismatchError(f"The quantised weights do not fit the configuration:\n  {listed}")
    for name, names in parts.items():
        shape = expected[name].shape
        values = _join(names, read, torch.empty(shape, dtype=stored[names[0]].dtype, device=device))
        if f"{names[0]}_scale" not in stored:
            yield from quantize(name, values.to(dtype or values.dtype), precision)
            continue
        scales = _join([f"{each}_scale" for each in names], read, torch.empty((*shape[:-1], 1), device=device))
        if isinstance(storage_of(name, precision), Fp8):
            yield name, values
            yield f"{name}_scale", scales
        else:
            wide = torch.empty(0, dtype=dtype or torch.bfloat16)
            yield from quantize(name, Fp8().dequantize((values, scales), wide), precision)


def _take(left: dict[str, Stored], name: str, shape: torch.Size, problems: list[str]) -> list[str]:
    """Takes out of `left` what makes up one of our tensors: a stack's matrices in order, or the tensor itself."""
    names = [name]
    if (stack := STACK.fullmatch(name)) and name not in left:
        projections = ("gate", "up") if stack[2] == "gate_up" else ("down",)
        names = [f"{stack[1]}.{expert}.{part}_proj.weight" for expert in range(shape[0]) for part in projections]
        shape = torch.Size((shape[1] // len(projections), shape[2]))
    num_scales = 0
    for each in names:
        values, scale = left.pop(each, None), left.pop(f"{each}_scale", None)
        num_scales += scale is not None
        if values is None:
            problems.append(f"missing {each}")
        elif values.shape != shape:
            problems.append(f"{each} has shape {tuple(values.shape)}, expected {tuple(shape)}")
        elif (values.dtype == FP8_DTYPE) != (scale is not None):
            problems.append(f"{each} is of type {values.dtype} and has {'a' if scale is not None else 'no'} scale")
        elif scale is not None and scale.shape.numel() not in (1, shape[:-1].numel()):
            problems.append(f"{each}_scale has shape {tuple(scale.shape)}, expected {(*shape[:-1], 1)} or one number")
    if num_scales not in (0, len(names)):
        problems.append(f"{name} is quantised in part")
    return names


def _join(names: list[str], read: Callable[[str], Tensor], whole: Tensor) -> Tensor:
    """Reads the parts of a tensor into it, one below the other; a part of one number is repeated."""
    for name, place in zip(names, whole.view(len(names), -1), strict=True):
        place.copy_(read(name).flatten().expand(len(place)))
    return whole
