"""Mixture of experts: a router that picks a few experts a token, and the experts themselves."""

from typing import Literal

import torch
import torch.nn.functional as F  # noqa: N812 - the name every PyTorch reader knows
from torch import Tensor, nn

from lacuna_model.config import DenoiserConfig
from lacuna_model.transformer.linear import Linear
from lacuna_model.transformer.norm import rms_normalize

Projection = Literal["gate_up_proj", "down_proj"]
"""Name of one of the two stacks of matrices, (E, out, in)."""


class Router(nn.Module):
    """Chooses the experts of each token."""

    def __init__(self, config: DenoiserConfig) -> None:
        super().__init__()
        self.eps = config.rms_norm_eps
        self.num_chosen = config.num_experts_per_token
        self.proj = Linear(config.hidden_size, config.num_experts)
        self.scale = nn.Parameter(torch.ones(config.hidden_size))
        self.per_expert_scale = nn.Parameter(torch.ones(config.num_experts))

    def forward(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """Routes tokens, (N, D), by their raw residual.

        Returns:
            Weights of the chosen experts, (N, K) float32, which sum to one before each expert's own scale, and their
            indices, (N, K) int64.
        """
        states = rms_normalize(states, self.eps).type_as(states) * self.scale * states.shape[-1] ** -0.5
        scores, chosen = self.proj(states).topk(self.num_chosen, dim=-1)  # (N, K)
        return F.softmax(scores, dim=-1, dtype=torch.float32) * self.per_expert_scale[chosen], chosen


class Experts(nn.Module):
    """Gated feed-forward experts, their weights stacked in two tensors."""

    def __init__(self, config: DenoiserConfig) -> None:
        super().__init__()
        self.num_experts = config.num_experts
        self.gate_up_proj = nn.Parameter(torch.empty(config.num_experts, 2 * config.expert_size, config.hidden_size))
        self.down_proj = nn.Parameter(torch.empty(config.num_experts, config.hidden_size, config.expert_size))
        # With so few experts, running all of them in one product costs less than sorting the tokens.
        self.runs_all = config.num_experts <= 2 * config.num_experts_per_token

    def forward(self, states: Tensor, weights: Tensor, chosen: Tensor) -> Tensor:
        """Adds up the chosen experts of each token, weighted.

        Args:
            states: normalised hidden states, (N, D).
            weights: (N, K) float32.
            chosen: indices of experts, (N, K) int64.
        """
        if self.runs_all:
            return self.run_all(states, weights, chosen)
        if self.groups(states):
            return self.run_grouped(states, weights, chosen)
        return self.run_chosen(states, weights, chosen)

    def groups(self, states: Tensor) -> bool:
        """Whether one grouped product serves better than a product for each expert.

        On a GPU it saves launches and waits for nothing; compiled, its shapes are static. On a CPU both cost the same.
        There is one for bfloat16 alone.
        """
        return states.dtype == torch.bfloat16 and (states.is_cuda or torch.compiler.is_compiling())

    def run_all(self, states: Tensor, weights: Tensor, chosen: Tensor) -> Tensor:
        """Runs every expert on every token; the weight of those not chosen is zero."""
        num_tokens, hidden_size = states.shape
        spread = weights.new_zeros(num_tokens, self.num_experts).scatter(1, chosen, weights)  # (N, E)
        gate_up = F.linear(states, self.gate_up_proj.flatten(0, 1)).view(num_tokens, self.num_experts, -1)
        gate, up = gate_up.chunk(2, dim=-1)  # (N, E, expert_size)
        gated = F.gelu(gate, approximate="tanh") * up * spread[..., None].to(gate.dtype)
        return F.linear(gated.flatten(1), self.down_proj.transpose(0, 1).reshape(hidden_size, -1))  # (N, D)

    def run_chosen(self, states: Tensor, weights: Tensor, chosen: Tensor) -> Tensor:
        """Runs each expert on the tokens that chose it."""
        order = chosen.flatten().argsort(stable=True)  # (N * K,), grouped by expert
        tokens = order // chosen.shape[1]
        counts = chosen.flatten().bincount(minlength=self.num_experts).tolist()
        weights = weights.flatten()[order].to(states.dtype)
        total = torch.zeros_like(states)
        shares = zip(torch.split(tokens, counts), torch.split(weights, counts), strict=True)
        for expert, (rows, row_weights) in enumerate(shares):
            if rows.numel():
                gate, up = self.product("gate_up_proj", states[rows], expert).chunk(2, dim=-1)
                output = self.product("down_proj", F.gelu(gate, approximate="tanh") * up, expert)
                total.index_add_(0, rows, output * row_weights[:, None])
        return total

    def run_grouped(self, states: Tensor, weights: Tensor, chosen: Tensor) -> Tensor:
        """Runs each expert on the tokens that chose it, all in one product; no shape depends on the choice."""
        experts, order = chosen.flatten().to(torch.int16).sort(stable=True)  # (N * K,); a pass for every byte of a key
        every = torch.arange(self.num_experts, dtype=experts.dtype, device=experts.device)
        ends = torch.searchsorted(experts, every, right=True, out_int32=True)  # (E,): where each expert's tokens end
        gate, up = self.grouped_product("gate_up_proj", states[order // chosen.shape[1]], ends).chunk(2, dim=-1)
        output = self.grouped_product("down_proj", F.gelu(gate, approximate="tanh") * up, ends)  # (N * K, D)
        places = torch.empty_like(order).index_copy(0, order, torch.arange(len(order), device=order.device))
        return (output[places.view_as(chosen)] * weights[..., None].to(states.dtype)).sum(1)

    def product(self, projection: Projection, rows: Tensor, expert: int) -> Tensor:
        """Multiplies rows, (T, in), by one expert's matrix, to (T, out)."""
        weight: Tensor = getattr(self, projection)[expert]
        return F.linear(rows, weight)

    def grouped_product(self, projection: Projection, rows: Tensor, ends: Tensor) -> Tensor:
        """Multiplies rows, (T, in), each by its expert's matrix, to (T, out).

        Args:
            projection: which of the two stacks.
            rows: grouped by expert.
            ends: index behind each expert's last row, (E,) int32.
        """
        stack: Tensor = getattr(self, projection)
        return F.grouped_mm(rows, stack.transpose(1, 2), offs=ends)
