"""The state of a training run on disk: one safetensors file, replaced atomically, so that a kill loses no run."""

import json
import os
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from lacuna_model.training.optimizer import Optimizer
from lacuna_model.transformer.denoiser import Denoiser

STATE_FILE = "state.safetensors"

Average = dict[str, Tensor]
"""Moving average of the weights, by parameter name."""


def new_average(model: Denoiser) -> Average:
    """An average that starts at the weights as they are."""
    return {name: parameter.detach().clone() for name, parameter in model.named_parameters()}


def update_average(average: Average, model: Denoiser, decay: float) -> None:
    """Moves the average towards the weights."""
    weights = [parameter.detach() for _, parameter in model.named_parameters()]
    torch._foreach_lerp_(list(average.values()), weights, 1 - decay)


def save_state(directory: Path, step: int, model: Denoiser, average: Average, optimizer: Optimizer | None) -> None:
    """Saves a run after `step` steps; the file is whole at every moment."""
    tensors = {f"model.{name}": parameter.detach() for name, parameter in model.named_parameters()}
    tensors |= {f"average.{name}": value for name, value in average.items()}
    if optimizer is not None:
        tensors |= {f"optimizer.{name}": value for name, value in optimizer.named_state()}
    path = directory / STATE_FILE
    temporary = path.with_suffix(".new")
    save_file(
        {name: value.cpu().contiguous() for name, value in tensors.items()},
        temporary,
        {"run": json.dumps({"step": step})},
    )
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    temporary.replace(path)


def load_state(directory: Path, model: Denoiser, average: Average, optimizer: Optimizer | None) -> int:
    """Takes a run up again; returns the number of steps it has done. Without an optimizer only weights are read."""
    with safe_open(directory / STATE_FILE, framework="pt") as file:
        step: int = json.loads(file.metadata()["run"])["step"]
        tensors = {name: file.get_tensor(name) for name in file.keys()}
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(tensors[f"model.{name}"])
            average[name].copy_(tensors[f"average.{name}"])
    if optimizer is not None:
        optimizer.load_named_state(
            {name.removeprefix("optimizer."): value for name, value in tensors.items() if name.startswith("optimizer.")}
        )
    return step
