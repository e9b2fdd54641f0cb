"""Pictures of what confidence is worth: the reliability diagram and the risk-coverage curve."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot
from matplotlib.axes import Axes

from lacuna_model.evaluation.calibration_fit import reliability
from lacuna_model.evaluation.calibration_report import PRECISION, CalibrationReport, Score, Trial

RELIABILITY_PICTURE = "reliability.png"
RISK_PICTURE = "risk-coverage.png"


def draw_pictures(report: CalibrationReport, directory: Path) -> None:
    """Draws both into a directory, on halves of the packages that were not fitted to."""
    calibrated, denoisers = report.scores[0], report.scores[-1]
    is_right = [trial.is_right for trial in report.shown]
    tokens_right = [token.is_right for token in report.tokens]
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 4.5), layout="constrained", sharey=True)
    for axes, title in ((left, "fills"), (right, "tokens")):
        axes.plot((0, 1), (0, 1), color="0.7", linewidth=1)
        axes.set(title=title, xlabel="told probability", xlim=(0, 1), ylim=(0, 1))
        axes.grid(alpha=0.3)
    _draw_reliability(left, calibrated.probabilities, is_right, calibrated.name, "C0")
    _draw_reliability(left, denoisers.probabilities, is_right, denoisers.name, "C1")
    _draw_reliability(right, report.token_probabilities, tokens_right, "calibrated", "C0")
    _draw_reliability(right, [token.confidence for token in report.tokens], tokens_right, "the denoiser's own", "C1")
    left.set(ylabel="share that is right")
    for axes in (left, right):
        axes.legend()
    figure.savefig(directory / RELIABILITY_PICTURE, dpi=90)
    pyplot.close(figure)

    figure, axes = pyplot.subplots(figsize=(6, 4.5), layout="constrained")
    for score, color in ((calibrated, "C0"), (denoisers, "C1")):
        axes.plot(*risk_coverage(report.shown, score, len(report.trials)), color=color, label=score.name)
    axes.axhline(1 - PRECISION, color="0.7", linewidth=1)
    axes.set(xlabel="share of the places that get a suggestion", ylabel="share of the suggestions that is wrong")
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(directory / RISK_PICTURE, dpi=90)
    pyplot.close(figure)


def risk_coverage(shown: Sequence[Trial], score: Score, num_gaps: int) -> tuple[list[float], list[float]]:
    """What share of the gaps gets a suggestion, and what share of those is wrong, from strict thresholds to lax ones.

    El-Yaniv and Wiener, "On the foundations of noise-free selective classification", 2010.
    """
    surest_first = sorted(zip(score.probabilities, shown, strict=True), key=lambda each: -each[0])
    coverage, risk, num_wrong = [], [], 0
    for number, (_, trial) in enumerate(surest_first, start=1):
        num_wrong += not trial.is_right
        coverage.append(number / num_gaps)
        risk.append(num_wrong / number)
    return coverage, risk


def _draw_reliability(
    axes: Axes, probabilities: Sequence[float], is_right: Sequence[bool], label: str, color: str
) -> None:
    """Draws tenths of the predictions as dots, whose areas grow with their numbers."""
    bins = reliability(probabilities, is_right)
    where, shares = [each.probability for each in bins], [each.share_right for each in bins]
    axes.plot(where, shares, color=color, linewidth=1)
    axes.scatter(where, shares, [20 + 300 * each.num / len(is_right) for each in bins], color, label=label, alpha=0.7)
