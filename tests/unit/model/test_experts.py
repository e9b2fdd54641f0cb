import json
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn.functional import gelu

from lacuna_model.config import DenoiserConfig
from lacuna_model.transformer.experts import Experts, Router

CONFIG_FILE = Path(__file__).parents[2] / "fixtures" / "tiny-denoiser" / "config.json"


def make(num_experts: int, num_chosen: int) -> tuple[Router, Experts]:
    document = json.loads(CONFIG_FILE.read_text(encoding="utf-8"))
    document["text_config"] |= {"num_experts": num_experts, "top_k_experts": num_chosen}
    config = DenoiserConfig.from_json(document)
    torch.manual_seed(num_experts)
    router, experts = Router(config).requires_grad_(False), Experts(config).requires_grad_(False)
    for parameter in (*router.parameters(), *experts.parameters()):
        parameter.copy_(torch.randn_like(parameter) * 0.3 + (parameter.ndim == 1))
    return router, experts


def run_one_by_one(experts: Experts, states: Tensor, weights: Tensor, chosen: Tensor) -> Tensor:
    total = torch.zeros_like(states)
    for token, state in enumerate(states):
        for weight, expert in zip(weights[token], chosen[token].tolist(), strict=True):
            gate, up = (experts.gate_up_proj[expert] @ state).chunk(2)
            total[token] += weight * (experts.down_proj[expert] @ (gelu(gate, approximate="tanh") * up))
    return total


@pytest.mark.parametrize(("num_experts", "num_chosen"), [(1, 1), (4, 1), (4, 2), (4, 4), (8, 3), (16, 2)])
@pytest.mark.parametrize("num_tokens", [1, 2, 37])
def test_every_path_equals_one_token_at_a_time(num_experts: int, num_chosen: int, num_tokens: int) -> None:
    router, experts = make(num_experts, num_chosen)
    states = torch.randn(num_tokens, 32)
    weights, chosen = router(states)
    expected = run_one_by_one(experts, states, weights, chosen)
    for path in (experts.run_all, experts.run_chosen, experts.run_grouped):
        torch.testing.assert_close(path(states, weights, chosen), expected, atol=1e-5, rtol=1e-5)


def test_tokens_that_all_choose_the_same_experts() -> None:
    _, experts = make(16, 2)
    states, weights = torch.randn(9, 32), torch.rand(9, 2)
    chosen = torch.tensor([[15, 0]]).expand(9, 2)
    expected = run_one_by_one(experts, states, weights, chosen)
    torch.testing.assert_close(experts.run_grouped(states, weights, chosen), expected, atol=1e-5, rtol=1e-5)


def test_compiled_experts_are_one_graph_for_any_choice() -> None:
    """Neither the shapes nor the graph may depend on which experts are chosen: CUDA graphs are captured once."""
    router, experts = make(16, 2)
    router, experts = router.bfloat16(), experts.bfloat16()  # the one type that it compiles grouped products for
    num_graphs = 0

    def count(graph: torch.fx.GraphModule, _: list[Tensor]) -> torch.fx.GraphModule:
        nonlocal num_graphs
        num_graphs += 1
        return graph

    compiled = torch.compile(experts, fullgraph=True, dynamic=False, backend=count)
    with torch.inference_mode():
        for _ in range(3):
            states = torch.randn(11, 32, dtype=torch.bfloat16)
            weights, chosen = router(states)
            expected = experts.run_chosen(states, weights, chosen)
            torch.testing.assert_close(compiled(states, weights, chosen), expected, atol=0.1, rtol=0.02)
    assert num_graphs == 1


def test_the_router_weighs_the_likeliest_experts() -> None:
    router, _ = make(8, 3)
    states = torch.randn(5, 32) * 10
    weights, chosen = router(states)
    shares = weights / router.per_expert_scale[chosen]
    torch.testing.assert_close(shares.sum(-1), torch.ones(5))
    direction = states / states.pow(2).mean(-1, keepdim=True).sqrt() * router.scale * 32**-0.5
    likeliest = (direction @ router.proj.weight.T).topk(3).indices
    assert torch.equal(chosen, likeliest)


def test_routing_ignores_the_length_of_a_state() -> None:
    router, _ = make(8, 3)
    states = torch.randn(5, 32)
    weights, chosen = router(states)
    longer_weights, longer_chosen = router(states * 7)
    assert torch.equal(chosen, longer_chosen)
    torch.testing.assert_close(weights, longer_weights)


def test_gradients_reach_every_chosen_expert() -> None:
    router, experts = make(16, 2)
    experts.requires_grad_(True)
    states = torch.randn(11, 32)
    weights, chosen = router(states)
    gradients = []
    for path in (experts.run_all, experts.run_chosen):
        (gradient,) = torch.autograd.grad(path(states, weights, chosen).pow(2).sum(), experts.down_proj)
        assert {expert for expert in range(16) if gradient[expert].any()} == set(chosen.flatten().tolist())
        gradients.append(gradient)
    torch.testing.assert_close(gradients[0], gradients[1], atol=1e-4, rtol=1e-4)
