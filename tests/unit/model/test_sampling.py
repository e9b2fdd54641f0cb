import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from lacuna_model.canvas import CLAMPED, Canvas
from lacuna_model.errors import ConfigError
from lacuna_model.sampling.acceptance import ConfidenceThreshold, EntropyBound
from lacuna_model.sampling.draws import SeededDraws
from lacuna_model.sampling.lengths import length_hypotheses
from lacuna_model.sampling.noise import Absorbing, Uniform
from lacuna_model.sampling.prediction import Prediction
from lacuna_model.sampling.revision import LeastConfident, Never
from lacuna_model.sampling.schedule import LinearTemperature
from lacuna_model.sampling.stopping import StableAndConfident

CPU = torch.device("cpu")
MASK = 4

figures = st.lists(st.floats(0, 1, width=32), min_size=1, max_size=12)


def prediction(entropy: Tensor, confidence: Tensor) -> Prediction:
    ids = torch.zeros_like(entropy, dtype=torch.int64)
    return Prediction(ids, ids, entropy, confidence, torch.empty(0, 1), torch.empty(0, dtype=torch.int64))


def undecided_like(values: list[float], seed: int) -> Tensor:
    return torch.rand(1, len(values), generator=torch.Generator().manual_seed(seed)) < 0.7


@given(figures, st.floats(0, 2, width=32), st.integers(0, 100))
def test_entropy_bound_equals_taking_one_slot_after_the_other(values: list[float], bound: float, seed: int) -> None:
    entropy, undecided = torch.tensor([values]), undecided_like(values, seed)
    accepted = EntropyBound(bound).accept(prediction(entropy, entropy), undecided)

    expected = [False] * len(values)
    total = torch.zeros(())
    for place in sorted((i for i in range(len(values)) if undecided[0, i]), key=lambda i: values[i]):
        total = total + entropy[0, place]
        if total - entropy[0, place] <= bound:
            expected[place] = True
    assert accepted.tolist() == [expected]
    assert bool(accepted.any()) == bool(undecided.any())


@given(figures, st.floats(0, 1, width=32), st.integers(0, 100))
def test_threshold_accepts_the_confident_and_always_the_surest(values: list[float], level: float, seed: int) -> None:
    confidence, undecided = torch.tensor([values]), undecided_like(values, seed)
    accepted = ConfidenceThreshold(level).accept(prediction(confidence, confidence), undecided)[0].tolist()
    open_values = [value for value, is_open in zip(values, undecided[0].tolist(), strict=True) if is_open]
    for value, is_accepted, is_open in zip(values, accepted, undecided[0].tolist(), strict=True):
        assert not is_accepted or is_open
        if is_accepted:
            assert value >= level or value == max(open_values)
        elif is_open:
            assert value < level
    assert any(accepted) == bool(open_values)


def test_prediction_equals_figures_computed_slot_by_slot() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 7, generator=generator)
    ids = torch.arange(6).view(2, 3)
    rows = torch.tensor([1, 3, 5])
    seen = Prediction.of_logits(logits, logits, ids, rows, None, SeededDraws(generator))
    for logit, row in zip(logits, rows.tolist(), strict=True):
        weights = [math.exp(value) for value in logit.tolist()]
        shares = [weight / sum(weights) for weight in weights]
        assert int(seen.best.flatten()[row]) == shares.index(max(shares)) == int(seen.candidate.flatten()[row])
        assert float(seen.confidence.flatten()[row]) == pytest.approx(max(shares), rel=1e-5)
        entropy = -sum(share * math.log(share) for share in shares)
        assert float(seen.entropy.flatten()[row]) == pytest.approx(entropy, rel=1e-5)
        assert float(seen.probability_of(ids).flatten()[row]) == pytest.approx(shares[row], rel=1e-5)


def test_only_slots_that_are_not_greedy_draw() -> None:
    logits = torch.zeros(2000, 4).index_fill(1, torch.tensor([2]), 0.1)
    is_greedy = torch.arange(2000) < 1000
    ids, rows = torch.zeros(1, 2000, dtype=torch.int64), torch.arange(2000)
    candidate = Prediction.of_logits(logits, logits, ids, rows, is_greedy, SeededDraws.of_seed(0, CPU)).candidate[0]
    assert candidate[:1000].tolist() == [2] * 1000
    counts = candidate[1000:].bincount(minlength=4).tolist()
    assert all(200 < count < 320 for count in counts)


def test_absorbing_noise_commits_and_uniform_noise_judges_anew() -> None:
    canvas = Canvas.of_rows([[(MASK, 0), (7, 0), (MASK, 0), (MASK, CLAMPED)]], 0, CPU)
    accepted = torch.tensor([[True, False, False, False]])
    candidate = torch.full((1, 4), 8)
    draws = SeededDraws.of_seed(0, CPU)

    absorbing = Absorbing(MASK)
    undecided = absorbing.undecided(canvas)
    assert undecided.tolist() == [[True, False, True, False]]
    assert absorbing.advance(canvas, undecided, accepted, candidate, draws).ids.tolist() == [[8, 7, MASK, MASK]]

    uniform = Uniform(5)
    undecided = uniform.undecided(canvas)
    assert undecided.tolist() == [[True, True, True, False]]
    after = uniform.advance(canvas, undecided, accepted, candidate, draws).ids[0].tolist()
    assert after[0] == 8 and after[1] < 5 and after[3] == MASK


def test_temperature_falls_in_a_straight_line() -> None:
    schedule = LinearTemperature(0.4, 0.8)
    assert [schedule.temperature(left, 4) for left in (4, 3, 2, 1)] == pytest.approx([0.8, 0.7, 0.6, 0.5])


def test_stopping_needs_both_stability_and_confidence() -> None:
    policy = StableAndConfident(stability=2, confidence=0.1)
    stops = policy.stop(torch.tensor([2, 1, 2, 3]), torch.tensor([0.05, 0.05, 0.1, 0.0]))
    assert stops.tolist() == [True, False, False, True]


def test_revision_doubts_the_least_confident_within_its_share() -> None:
    confidence = torch.tensor([[0.1, 0.4, 0.2, 0.9, 0.0], [0.9, 0.8, 0.9, 0.3, 0.0]])
    editable = torch.tensor([[True] * 4 + [False]] * 2)
    doubted = LeastConfident(threshold=0.5, share=0.5).doubt(confidence, editable)
    assert doubted.tolist() == [[True, False, True, False, False], [False, False, False, True, False]]
    assert not bool(Never().doubt(confidence, editable).any())


@given(st.integers(1, 300), st.integers(1, 8))
def test_length_hypotheses_rise_to_the_longest(max_tokens: int, num_hypotheses: int) -> None:
    lengths = length_hypotheses(max_tokens, num_hypotheses)
    assert lengths == sorted(set(lengths)) and lengths[-1] == max_tokens
    assert 1 <= len(lengths) <= num_hypotheses and lengths[0] >= 1
    if num_hypotheses > 1:
        assert lengths[0] == 1


@pytest.mark.parametrize(
    ("policy", "arguments"),
    [
        (EntropyBound, (-0.1,)),
        (EntropyBound, (math.nan,)),
        (ConfidenceThreshold, (1.5,)),
        (LinearTemperature, (0.8, 0.4)),
        (StableAndConfident, (-1, 0.1)),
        (StableAndConfident, (1, -0.1)),
        (LeastConfident, (0.5, 0.0)),
        (Uniform, (0,)),
    ],
)
def test_policies_refuse_values_out_of_range(policy: Any, arguments: tuple[float, ...]) -> None:
    with pytest.raises(ConfigError):
        policy(*arguments)
