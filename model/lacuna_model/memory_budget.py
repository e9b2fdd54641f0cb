"""Whether a device can hold a denoiser: what it takes is told by its configuration, before anything is loaded."""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

import torch
from torch import nn

from lacuna_model.config import DenoiserConfig
from lacuna_model.errors import ConfigError, DeviceError
from lacuna_model.quantization.precision import Precision, prepare
from lacuna_model.transformer.denoiser import Denoiser

WeightFormat = Literal["float32", "bfloat16", "fp8", "4-bit"]
"""What weights can be held as; the last two quantise most of a model in bfloat16."""

NUM_PREFIX_TOKENS = 2048
"""The prefix that a budget has room for: as much as an infiller reads unless it is told otherwise."""

_PRECISIONS: dict[WeightFormat, tuple[torch.dtype, Precision | None]] = {
    "float32": (torch.float32, None),
    "bfloat16": (torch.bfloat16, None),
    "fp8": (torch.bfloat16, "fp8"),
    "4-bit": (torch.bfloat16, "4bit"),
}
_NUM_LOGITS = 4  # that a step holds at once: raw, tempered, probabilities, random numbers
_MEMINFO = Path("/proc/meminfo")


@dataclass(frozen=True, slots=True)
class MemoryBudget:
    """Bytes that a denoiser takes on its device.

    Attributes:
        weights: of all parameters.
        prefix: keys and values of one prefix.
        step: logits of one canvas, as often as a step holds them; four-bit experts of one layer made wide, as they are
            where the kernel for them cannot be had.
    """

    weights: int
    prefix: int
    step: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.weights + self.prefix + self.step


def memory_budget(config: DenoiserConfig, weight_format: WeightFormat) -> MemoryBudget:
    """What a configuration takes, with one canvas of full length behind one prefix of `NUM_PREFIX_TOKENS`.

    Raises:
        ConfigError: its shapes do not fit the format.
    """
    dtype, precision = _PRECISIONS[weight_format]
    one_of_each = replace(config, layer_kinds=tuple(sorted(set(config.layer_kinds))))  # layers of a kind are alike
    with torch.device("meta"):
        denoiser = Denoiser(one_of_each).to(dtype)
    prepare(denoiser, precision)
    outside = _num_bytes(denoiser) - sum(_num_bytes(layer) for layer in denoiser.stack)
    layers = sum(_num_bytes(layer) * config.layer_kinds.count(layer.kind) for layer in denoiser.stack)
    return _budget(config, outside + layers, dtype, precision)


def available_memory(device: torch.device) -> int | None:
    """Bytes that could be taken on a device now; None where nobody says."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    if device.type == "cpu" and _MEMINFO.is_file():
        found = re.search(r"^MemAvailable:\s*(\d+) kB$", _MEMINFO.read_text(encoding="ascii"), re.MULTILINE)
        return None if found is None else 1024 * int(found[1])
    return None


def check_fits(
    config: DenoiserConfig,
    num_weight_bytes: int,
    dtype: torch.dtype,
    device: torch.device,
    precision: Precision | None = None,
) -> None:
    """Makes sure that a device has room for a denoiser.

    Args:
        config: its shape.
        num_weight_bytes: what its weights will take there.
        dtype: what it computes in.
        device: where it shall lie.
        precision: what its weights are quantised to.

    Raises:
        DeviceError: it has not; the message says which formats it has room for.
    """
    available = available_memory(device)
    needed = _budget(config, num_weight_bytes, dtype, precision)
    if available is None or needed.total <= available:
        return
    totals = {name: budget.total for name, budget in _budgets(config)}
    fitting = [f"{name} ({_gigabytes(total)})" for name, total in totals.items() if total <= available]
    least = min(totals, key=totals.__getitem__)
    advice = (
        f"It would fit as {' or '.join(fitting)}."
        if fitting
        else f"Even as {least} it takes {_gigabytes(totals[least])}: free some memory or choose another device."
    )
    raise DeviceError(
        f"The model takes {_gigabytes(needed.total)} ({_gigabytes(needed.weights)} of it weights), and {device} has "
        f"{_gigabytes(available)} left. {advice}"
    )


def _budgets(config: DenoiserConfig) -> Iterator[tuple[WeightFormat, MemoryBudget]]:
    """The budgets of all formats that a configuration's shapes fit."""
    for weight_format in get_args(WeightFormat):
        with suppress(ConfigError):
            yield weight_format, memory_budget(config, weight_format)


def _budget(
    config: DenoiserConfig, num_weight_bytes: int, dtype: torch.dtype, precision: Precision | None
) -> MemoryBudget:
    attentions = (config.attention(kind) for kind in config.layer_kinds)
    num_key_values = sum(2 * attention.num_kv_heads * attention.head_dim for attention in attentions)
    num_widened = 2 * config.num_experts * config.expert_size * config.hidden_size if precision == "4bit" else 0
    num_logits = _NUM_LOGITS * config.canvas_length * config.vocab_size
    return MemoryBudget(
        weights=num_weight_bytes,
        prefix=NUM_PREFIX_TOKENS * num_key_values * dtype.itemsize,
        step=num_logits * torch.float32.itemsize + num_widened * dtype.itemsize,
    )


def _num_bytes(module: nn.Module) -> int:
    return sum(tensor.nbytes for tensor in module.state_dict().values())


def _gigabytes(num_bytes: int) -> str:
    return f"{num_bytes / 1e9:.1f} GB"
