"""Muon for the matrices, AdamW for the rest, and the learning rate over time."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lacuna_model.transformer.denoiser import Denoiser


@dataclass(frozen=True, slots=True)
class OptimizerConfig:
    """Learning rates and their course: a linear warm-up, a plateau, and a linear fall to zero at the end.

    Attributes:
        matrix_lr: of Muon (Jordan et al., 2024), for the matrices inside the layers.
        other_lr: of AdamW, for embeddings, norms and routers.
        weight_decay: decoupled, on matrices only.
        num_warmup_steps: steps until the plateau.
        max_gradient_norm: longer gradients are scaled down to this.
    """

    matrix_lr: float = 0.01
    other_lr: float = 1.5e-3
    weight_decay: float = 0.01
    num_warmup_steps: int = 50
    max_gradient_norm: float = 1.0

    def scale(self, step: int, num_steps: int, num_cooldown_steps: int) -> float:
        """Factor on both learning rates at a step of `num_steps`."""
        warmup = min(1.0, (step + 1) / self.num_warmup_steps)
        cooldown = min(1.0, (num_steps - step) / max(1, num_cooldown_steps))
        return warmup * cooldown


class Optimizer:
    """Both optimisers as one."""

    def __init__(self, model: Denoiser, config: OptimizerConfig) -> None:
        self.config = config
        self.parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self.stacked = [parameter for parameter in self.parameters if parameter.ndim == 3]
        # Muon takes matrices; each expert of a stack is one. They share the stack's memory.
        self.experts = [[nn.Parameter(matrix) for matrix in stack.detach()] for stack in self.stacked]
        matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and _is_inner(name)]
        others = [p for name, p in model.named_parameters() if p.ndim < 2 or (p.ndim == 2 and not _is_inner(name))]
        self.muon = torch.optim.Muon(
            [*matrices, *(matrix for stack in self.experts for matrix in stack)],
            lr=config.matrix_lr,
            weight_decay=config.weight_decay,
            momentum=0.95,
        )
        self.adam = torch.optim.AdamW(others, lr=config.other_lr, betas=(0.9, 0.95), weight_decay=0.0)

    def step(self, scale: float) -> float:
        """Takes one step with both learning rates scaled; returns the gradient's norm before clipping."""
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, self.config.max_gradient_norm)
        for stack, matrices in zip(self.stacked, self.experts, strict=True):
            assert stack.grad is not None
            for matrix, gradient in zip(matrices, stack.grad, strict=True):
                matrix.grad = gradient
        for optimizer, rate in ((self.muon, self.config.matrix_lr), (self.adam, self.config.other_lr)):
            for group in optimizer.param_groups:
                group["lr"] = rate * scale
            optimizer.step()  # type: ignore[no-untyped-call]  # Muon's is not annotated
        for parameter in self.parameters:
            parameter.grad = None
        return float(norm)

    def named_state(self) -> Iterator[tuple[str, Tensor]]:
        """Every tensor of both optimisers' state, named; empty before the first step."""
        for prefix, optimizer in (("muon", self.muon), ("adam", self.adam)):
            for index, entry in optimizer.state_dict()["state"].items():
                for name, value in entry.items():
                    yield f"{prefix}.{index}.{name}", torch.as_tensor(value)

    def load_named_state(self, tensors: dict[str, Tensor]) -> None:
        """Takes back what `named_state` gave."""
        for prefix, optimizer in (("muon", self.muon), ("adam", self.adam)):
            state: dict[int, dict[str, Tensor]] = {}
            for key, value in tensors.items():
                owner, index, name = key.split(".", 2)
                if owner == prefix:
                    state.setdefault(int(index), {})[name] = value
            optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def _is_inner(name: str) -> bool:
    """Whether a matrix maps hidden states to hidden states: neither the embedding nor a router."""
    return "embed_tokens" not in name and "router" not in name
