from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
import torch
from denoising_loops import BANNED, check_equal, exhaust, limits, sampler_of
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lacuna_model.canvas import CLAMPED, Canvas
from lacuna_model.captured import step as captured_step
from lacuna_model.captured.denoising import CapturedDenoising, CapturedSteps, can_capture
from lacuna_model.captured.draws import SlotDraws, pick
from lacuna_model.config import DenoiserConfig
from lacuna_model.denoising import Denoising, Limits
from lacuna_model.gap_constraints import GapConstraints
from lacuna_model.quantization.precision import Precision, quantized
from lacuna_model.sampling.lengths import length_hypotheses
from lacuna_model.sampling.revision import LeastConfident
from lacuna_model.transformer.denoiser import Denoiser

# The compiler says so of the rotary frequencies. It is right, and does with them what the cache would.
pytestmark = pytest.mark.filterwarnings("ignore:Dynamo detected a call to a `functools.lru_cache`-wrapped:UserWarning")

CPU = torch.device("cpu")
PROMPT = torch.tensor([[2, *range(30, 55)]])  # longer than the sliding window

Row = list[tuple[int, int]]


@pytest.fixture(scope="module")
def denoiser(tiny_config: Callable[..., DenoiserConfig], tiny_denoiser: Callable[..., Denoiser]) -> Denoiser:
    return tiny_denoiser(tiny_config(noise="uniform", mask_token_id=None, delete_token_id=None))


@st.composite
def canvases(draw: st.DrawFn) -> list[Row]:
    """Rows of one or two gaps, some slots drafted, with given tokens between and behind them; some without a slot."""
    rows = []
    for _ in range(draw(st.integers(1, 3))):
        row: Row = []
        for gap in range(2):
            row += [(draw(st.sampled_from([0, 0, 0, 77])), gap) for _ in range(draw(st.integers(0, 9)))]
            row += [(token, CLAMPED) for token in draw(st.lists(st.integers(5, 200), max_size=4))]
        rows.append([*row, (1, CLAMPED)])
    return rows


@settings(max_examples=20, deadline=None)
@given(
    rows=canvases(),
    temperatures=st.sampled_from([(0.4, 0.8, 0.0), (0.05, 0.1, 0.0), (0.0, 0.0, 0.0), (0.0, 0.0, 0.7)]),
    bound=st.sampled_from([0.1, 3.0]),
    num_prefix_tokens=st.sampled_from([1, 7, len(PROMPT[0])]),
    seed=st.integers(0, 1000),
)
def test_captured_steps_give_the_plain_loops_canvases(
    denoiser: Denoiser,
    rows: list[Row],
    temperatures: tuple[float, float, float],
    bound: float,
    num_prefix_tokens: int,
    seed: int,
) -> None:
    t_min, t_max, candidates = temperatures
    sampler = sampler_of(denoiser.config, t_min, t_max, bound, candidates)
    _, prefix = denoiser.encode(PROMPT[:, :num_prefix_tokens])
    steps = CapturedSteps(denoiser, BANNED)
    check_equal(denoiser, sampler, prefix, Canvas.of_rows(rows, 0, CPU), seed, steps)


@dataclass(frozen=True, slots=True)
class DrawsOfRows(SlotDraws):
    """Those of some rows of a batch, cut to their length: the same whatever else is denoised beside them."""

    rows: slice

    def numbers(self, shape: torch.Size) -> Tensor:
        return torch.rand(4, 64, generator=self.generator)[self.rows, : shape[1]]

    def noise(self, shape: torch.Size, vocab_size: int) -> Tensor:
        return torch.randint(vocab_size, (4, 64), generator=self.generator)[self.rows, : shape[1]]


@pytest.mark.parametrize("most", [8, 24, 32])
@pytest.mark.parametrize(("t_min", "t_max"), [(0.0, 0.0), (0.05, 0.1), (0.4, 0.8)])
def test_hypotheses_of_the_length_are_denoised_together_as_each_alone(
    denoiser: Denoiser, most: int, t_min: float, t_max: float
) -> None:
    """One captured step for all of them; alone, each goes through the plain loop, without any padding."""
    suffix = [(token, CLAMPED) for token in (60, 61, 62, 1)]
    rows: list[Row] = [[(0, 0)] * length + suffix for length in length_hypotheses(most, 4)]
    assert len({len(row) for row in rows}) == 4
    sampler, steps = sampler_of(denoiser.config, t_min, t_max), CapturedSteps(denoiser, BANNED)
    _, prefix = denoiser.encode(PROMPT)

    def draws(rows: slice) -> DrawsOfRows:
        return DrawsOfRows(torch.Generator().manual_seed(most), rows)

    loop = CapturedDenoising(denoiser, sampler, prefix, BANNED, draws(slice(None)), steps=steps)
    _, together = exhaust(loop.run(Canvas.of_rows(rows, 0, CPU), limits(9)))
    for index, row in enumerate(rows):
        plain = Denoising(denoiser, sampler, prefix, BANNED, draws(slice(index, index + 1)))
        _, alone = exhaust(plain.run(Canvas.of_rows([row], 0, CPU), limits(9)))
        assert together.canvas.ids[index, : len(row)].tolist() == alone.canvas.ids[0].tolist()
        assert set(together.canvas.ids[index, len(row) :].tolist()) <= {0}
        torch.testing.assert_close(together.confidence[index, : len(row)], alone.confidence[0], atol=1e-4, rtol=1e-3)


def test_steps_are_kept_and_know_nothing_of_earlier_requests(denoiser: Denoiser) -> None:
    sampler, steps = sampler_of(denoiser.config, 0.05, 0.1), CapturedSteps(denoiser, BANNED)
    reasons = set()
    for seed, length in enumerate((26, 1, 13, 26)):
        canvas = Canvas.of_rows([[(0, 0)] * (4 + seed) + [(60, CLAMPED)]] * 2, 0, CPU)
        _, prefix = denoiser.encode(PROMPT[:, :length])
        made = steps.step(sampler, canvas, 8, length)
        reasons.add(check_equal(denoiser, sampler, prefix, canvas, seed, steps, most=12).stop_reason)
        assert steps.step(sampler, canvas, 8, length) is made
    assert "stable" in reasons
    shapes = {steps.step(sampler, canvas, num_slots, 9) for num_slots in (1, 32, 33, 65, 129, 257)}
    assert len(shapes) == 5
    assert made not in {steps.step(sampler, canvas, 8, 26)}  # it was dropped


@pytest.mark.parametrize("reason", ["cancelled", "deadline"])
def test_the_loop_ends_early(denoiser: Denoiser, reason: str) -> None:
    _, prefix = denoiser.encode(PROMPT)
    sampler = sampler_of(denoiser.config, 0.8, 0.8)
    canvas = Canvas.of_rows([[(0, 0)] * 12], 0, CPU)
    loop = CapturedDenoising(
        denoiser, sampler, prefix, BANNED, SlotDraws.of_seed(0, CPU), steps=CapturedSteps(denoiser, BANNED)
    )
    answers = iter([False, False, True])
    limit = Limits(9, None, 0, lambda: next(answers)) if reason == "cancelled" else Limits(9, 0.0, 0, lambda: False)
    states, denoised = exhaust(loop.run(canvas, limit))
    assert denoised.stop_reason == reason
    assert denoised.num_steps == len(states) == (2 if reason == "cancelled" else 1)


@pytest.fixture
def graphs(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> list[torch.fx.GraphModule]:
    """Steps are compiled from now on, and may not break into several graphs; here is what they become."""
    graphs: list[torch.fx.GraphModule] = []

    def keep(graph: torch.fx.GraphModule, _: list[Tensor]) -> torch.fx.GraphModule:
        graphs.append(graph)
        return graph

    request.addfinalizer(torch._dynamo.reset)
    compiled = torch.compile(captured_step.advance, fullgraph=True, dynamic=False, backend=keep)
    monkeypatch.setattr(captured_step, "advance", compiled)
    return graphs


def test_a_step_is_one_graph_for_every_request(denoiser: Denoiser, graphs: list[torch.fx.GraphModule]) -> None:
    """No value, only the shape, decides what is computed."""
    sampler, steps = sampler_of(denoiser.config, 0.05, 0.1), CapturedSteps(denoiser, BANNED)
    for seed, length in enumerate((26, 1, 13)):
        canvas = Canvas.of_rows([[(0, 0)] * (4 + 3 * seed) + [(60, CLAMPED)], [(0, 0)] * 5], 0, CPU)
        _, prefix = denoiser.encode(PROMPT[:, :length])
        check_equal(denoiser, sampler, prefix, canvas, seed, steps, most=6)
    assert len(graphs) == 1
    assert not {"item", "tolist", "nonzero"} & operations(graphs[0])


def operations(graph: torch.fx.GraphModule) -> set[str]:
    """What a graph and those within it call."""
    within = [module for module in graph.modules() if isinstance(module, torch.fx.GraphModule)]
    return {str(node.target) for each in within for node in each.graph.nodes}


def test_layers_of_a_kind_are_compiled_once(
    tiny_config: Callable[..., DenoiserConfig],
    tiny_denoiser: Callable[..., Denoiser],
    graphs: list[torch.fx.GraphModule],
) -> None:
    kinds = ("sliding_attention", "sliding_attention", "full_attention", "sliding_attention", "full_attention")
    config = tiny_config(noise="uniform", mask_token_id=None, delete_token_id=None, layer_kinds=kinds)
    denoiser = tiny_denoiser(config)
    _, prefix = denoiser.encode(PROMPT)
    canvas = Canvas.of_rows([[(0, 0)] * 9 + [(60, CLAMPED)]], 0, CPU)
    check_equal(denoiser, sampler_of(config, 0.05, 0.1), prefix, canvas, 0, CapturedSteps(denoiser, BANNED), most=4)
    calls = [node for node in graphs[0].graph.nodes if "invoke_subgraph" in str(node.target)]
    assert len(calls) == len(kinds)
    assert len({node.args[0].target for node in calls}) == len(set(kinds))


@pytest.mark.parametrize("precision", ["fp8", "4bit"])
def test_quantised_experts_are_part_of_the_graph(
    tiny_config: Callable[..., DenoiserConfig],
    tiny_denoiser: Callable[..., Denoiser],
    graphs: list[torch.fx.GraphModule],
    precision: Precision,
) -> None:
    config = tiny_config(
        **{"noise": "uniform", "mask_token_id": None, "delete_token_id": None},
        **{"hidden_size": 64, "expert_size": 32, "num_experts": 6},
    )
    denoiser = quantized(tiny_denoiser(config).bfloat16(), precision)
    _, prefix = denoiser.encode(PROMPT)
    canvas = Canvas.of_rows([[(0, 0)] * 9 + [(60, CLAMPED)]], 0, CPU)
    draws, steps = SlotDraws.of_seed(0, CPU), CapturedSteps(denoiser, BANNED)
    loop = CapturedDenoising(denoiser, sampler_of(config, 0.4, 0.8), prefix, BANNED, draws, steps=steps)
    _, denoised = exhaust(loop.run(canvas, limits(3)))
    assert bool((denoised.confidence[:, :9] > 0).all()) and int(denoised.canvas.ids[0, 9]) == 60
    assert len(graphs) == 1


@given(st.integers(0, 2**24 - 1), st.integers(0, 1000))
def test_a_drawn_token_is_possible(number: int, seed: int) -> None:
    """Inverting a distribution never meets a token of probability 0, not even at the ends."""
    generator = torch.Generator().manual_seed(seed)
    chances = torch.randn(1, 40, generator=generator).masked_fill(torch.rand(40, generator=generator) < 0.5, -torch.inf)
    chances[0, 7] = 0.0
    probabilities = chances.softmax(-1)
    for each in (0, number, 2**24 - 1):
        token = pick(probabilities, torch.tensor([each / 2**24]))
        assert float(probabilities[0, token]) > 0


@pytest.mark.parametrize("places", [(0, 1, 2, 3), (3, 511, 512, 1999), (1023, 1024, 1025, 1536)])
def test_tokens_are_drawn_as_often_as_they_are_probable(places: tuple[int, ...]) -> None:
    probabilities = torch.zeros(20_000, 2000)
    probabilities[:, list(places)] = torch.tensor([0.5, 0.0, 0.2, 0.3])
    numbers = SlotDraws.of_seed(0, CPU).numbers(torch.Size((20_000,)))
    shares = pick(probabilities, numbers).bincount(minlength=2000) / 20_000
    torch.testing.assert_close(shares, probabilities[0], atol=0.02, rtol=0)


def test_numbers_that_rise_draw_tokens_that_fall() -> None:
    """As inverting the whole distribution at once does, at the same numbers."""
    probabilities = torch.randn(1, 2000, generator=torch.Generator().manual_seed(0)).softmax(-1)
    numbers = torch.linspace(0, 1 - 2**-24, 500)
    drawn = pick(probabilities.expand(500, -1), numbers)
    expected = torch.searchsorted(probabilities[0].cumsum(-1), (1 - numbers) * probabilities.sum())
    assert (drawn - expected).abs().max() <= 1  # sums are rounded otherwise
    assert bool((drawn.diff() <= 0).all())


class OnGpu(Denoiser):
    @property
    def device(self) -> torch.device:
        return torch.device("cuda")


def test_only_what_the_released_sampler_does_is_captured(
    denoiser: Denoiser, tiny_config: Callable[..., DenoiserConfig]
) -> None:
    config = denoiser.config
    sampler, deleting = sampler_of(config, 0.4, 0.8), replace(config, delete_token_id=3)
    constraints = GapConstraints(())
    assert can_capture(OnGpu(config), sampler, None)
    assert not can_capture(denoiser, sampler, None)
    assert not can_capture(OnGpu(deleting), sampler, None)
    assert not can_capture(OnGpu(config), sampler_of(tiny_config(), 0.4, 0.8), None)
    assert not can_capture(OnGpu(config), replace(sampler, revision=LeastConfident()), None)
    assert not can_capture(OnGpu(config), sampler, constraints)
