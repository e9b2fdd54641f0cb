"""Fits probabilities to what came out right, and measures how far probabilities can be trusted."""

from collections.abc import Sequence
from typing import NamedTuple

import torch

from lacuna_model.calibration import Logistic

NUM_BINS = 10
MAX_NEWTON_STEPS = 50


class Bin(NamedTuple):
    """Predictions of about the same probability: how many, their mean, and the share that came out right."""

    num: int
    probability: float
    share_right: float


def fit_logistic(
    names: Sequence[str], rows: Sequence[Sequence[float]], is_right: Sequence[bool], l2: float = 1.0
) -> Logistic:
    """Fits a logistic model by Newton's method, which is exact after a few steps of so few weights.

    Args:
        names: of the values.
        rows: values in that order, one row each; at least one row.
        is_right: of each row.
        l2: penalty on the squares of the weights, in nats of the whole material; the bias is free of it.
    """
    values = torch.tensor(rows, dtype=torch.float64).view(len(rows), len(names))  # (N, F)
    means, scales = values.mean(0), values.std(0, correction=0)
    scales = torch.where(scales > 0, scales, 1.0)  # what never changes tells nothing
    inputs = torch.cat((values.new_ones(len(rows), 1), (values - means) / scales), dim=1)  # (N, 1 + F)
    targets = torch.tensor(is_right, dtype=torch.float64)
    penalty = torch.full((len(names) + 1,), l2, dtype=torch.float64)
    penalty[0] = 1e-3  # finite even where all is right or all is wrong
    weights = torch.zeros_like(penalty)
    for _ in range(MAX_NEWTON_STEPS):
        predicted = (inputs @ weights).sigmoid()
        gradient = inputs.T @ (predicted - targets) + penalty * weights
        curvature = (inputs.T * (predicted * (1 - predicted))) @ inputs + penalty.diag()
        step = torch.linalg.solve(curvature, gradient)
        weights = weights - step
        if float(step.abs().max()) < 1e-9:
            break
    bias, *others = weights.tolist()
    return Logistic(tuple(names), tuple(others), tuple(means.tolist()), tuple(scales.tolist()), bias)


def least_threshold(probabilities: Sequence[float], is_right: Sequence[bool], precision: float) -> float:
    """The least hundredth from which on at least a given share of the predictions is right; 1 where there is none."""
    for threshold in (hundredth / 100 for hundredth in range(100)):
        kept = [right for probability, right in zip(probabilities, is_right, strict=True) if probability >= threshold]
        if kept and sum(kept) >= precision * len(kept):
            return threshold
    return 1.0


def reliability(probabilities: Sequence[float], is_right: Sequence[bool]) -> list[Bin]:
    """Predictions by tenths of their probability; empty tenths are left out."""
    bins: list[list[tuple[float, bool]]] = [[] for _ in range(NUM_BINS)]
    for probability, right in zip(probabilities, is_right, strict=True):
        bins[min(int(probability * NUM_BINS), NUM_BINS - 1)].append((probability, right))
    return [
        Bin(len(each), sum(p for p, _ in each) / len(each), sum(right for _, right in each) / len(each))
        for each in bins
        if each
    ]


def expected_calibration_error(probabilities: Sequence[float], is_right: Sequence[bool]) -> float:
    """How far a tenth's mean probability lies from its share of right ones, on average over the predictions.

    Guo et al., "On calibration of modern neural networks", 2017.
    """
    bins = reliability(probabilities, is_right)
    return sum(each.num * abs(each.probability - each.share_right) for each in bins) / len(probabilities)


def brier_score(probabilities: Sequence[float], is_right: Sequence[bool]) -> float:
    """Mean squared distance of the probabilities from what came out, 1 or 0."""
    return sum((p - right) ** 2 for p, right in zip(probabilities, is_right, strict=True)) / len(probabilities)


def area_under_roc(probabilities: Sequence[float], is_right: Sequence[bool]) -> float | None:
    """How often a right one is more probable than a wrong one, ties counted half; None if one of them is missing."""
    of_right = [p for p, right in zip(probabilities, is_right, strict=True) if right]
    of_wrong = [p for p, right in zip(probabilities, is_right, strict=True) if not right]
    if not (of_right and of_wrong):
        return None
    differences = torch.tensor(of_right, dtype=torch.float64)[:, None] - torch.tensor(of_wrong, dtype=torch.float64)
    return float((differences.sign() + 1).mean() / 2)
