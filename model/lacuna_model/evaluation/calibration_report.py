"""What confidence is worth: tables of probabilities against what came out right."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from rich.console import Console

from lacuna_model.calibration import Calibration
from lacuna_model.evaluation.calibration_fit import (
    area_under_roc,
    brier_score,
    expected_calibration_error,
    least_threshold,
)
from lacuna_model.evaluation.calibration_gaps import NOTHING
from lacuna_model.evaluation.report import describe, mean, percent, render_table

PRECISION = 0.6
"""Share of the fills shown unasked that shall be what was there."""


class JudgedToken(NamedTuple):
    """A token with the denoiser's own confidence.

    Attributes:
        is_cut: whether it may be the rest of a word that the gap cuts in two.
        is_right: whether what was there goes on with it.
    """

    confidence: float
    is_cut: bool
    is_right: bool


@dataclass(frozen=True, slots=True)
class Trial:
    """A gap that was filled, with the denoiser's own confidences.

    Attributes:
        kind: of the gap; `NOTHING` where nothing is missing.
        half: of the packages, 0 or 1.
        fill: what came, "" if nothing.
        features: see `calibration.FEATURES`; None where the fill was cut or added to for its syntax, so that nobody has
            judged it.
        mean_confidence: of its tokens, 0 to 1; 0 where there are none.
        is_right: see `report.is_exact`.
        tokens: up to the first wrong one; those behind it stand behind other text and cannot be judged.
    """

    kind: str
    half: int
    fill: str
    features: tuple[float, ...] | None
    mean_confidence: float
    is_right: bool
    tokens: tuple[JudgedToken, ...]

    @property
    def is_silent(self) -> bool:
        """Whether there is nothing to show, or nothing that has a probability."""
        return self.features is None or not self.fill.strip()


@dataclass(frozen=True, slots=True)
class Score:
    """Probabilities of the trials that are not silent, in their order, by the name of what tells them."""

    name: str
    probabilities: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class ScoreRow:
    """What a score is worth.

    Attributes:
        error: expected calibration error.
        brier: Brier score.
        auroc: area under the ROC curve; None where all is right or all wrong.
        threshold: the least one that gives `PRECISION` on both halves together; 1 where none does.
        precision: share of what is shown that is right; None if nothing is shown. What is shown of a half is decided by
            the least threshold that gives `PRECISION` on the other half.
        coverage: share of the gaps for which something is shown.
        silence: share of the places where nothing is missing for which nothing is shown; None without any.
    """

    score: str
    error: float
    brier: float
    auroc: float | None
    threshold: float
    precision: float | None
    coverage: float
    silence: float | None


@dataclass(frozen=True, slots=True)
class KindRow:
    """What is shown of the gaps of one kind, at the same thresholds."""

    kind: str
    num_gaps: int
    num_shown: int
    precision: float | None


@dataclass(frozen=True, slots=True)
class CalibrationReport:
    """What the confidence of a model is worth before and after calibration, and the calibration itself.

    Attributes:
        settings: of every request.
        trials: all gaps.
        scores: each half's from a fit to the other half: first the calibrated one, last the denoiser's own.
        token_probabilities: of the tokens that can be judged, likewise.
        calibration: fitted to all trials.
    """

    settings: dict[str, Any]
    trials: tuple[Trial, ...]
    scores: tuple[Score, ...]
    token_probabilities: tuple[float, ...]
    calibration: Calibration

    @property
    def shown(self) -> list[Trial]:
        """Trials that are not silent."""
        return [trial for trial in self.trials if not trial.is_silent]

    @property
    def tokens(self) -> list[JudgedToken]:
        """Tokens that can be judged."""
        return [token for trial in self.trials for token in trial.tokens]

    @property
    def rows(self) -> list[ScoreRow]:
        """The scores side by side."""
        return [self._row(score) for score in self.scores]

    @property
    def kinds(self) -> list[KindRow]:
        """What the calibrated score shows, by kind of gap."""
        kept = self._kept(self.scores[0])
        rows = []
        for kind in dict.fromkeys(trial.kind for trial in self.trials):
            is_right = [trial.is_right for trial in kept if trial.kind == kind]
            num_gaps = sum(trial.kind == kind for trial in self.trials)
            rows.append(KindRow(kind, num_gaps, len(is_right), mean(is_right) if is_right else None))
        return rows

    @property
    def token_errors(self) -> tuple[float, float]:
        """Expected calibration error of the tokens, before and after."""
        is_right = [token.is_right for token in self.tokens]
        return (
            expected_calibration_error([token.confidence for token in self.tokens], is_right),
            expected_calibration_error(self.token_probabilities, is_right),
        )

    def as_json(self) -> dict[str, Any]:
        """Everything, ready for `json.dumps`."""
        before, after = self.token_errors
        return {
            "settings": self.settings,
            "scores": [asdict(row) for row in self.rows],
            "kinds": [asdict(row) for row in self.kinds],
            "tokens": {"number": len(self.tokens), "error_before": before, "error_after": after},
            "calibration": asdict(self.calibration),
            "gaps": [asdict(trial) for trial in self.trials],
        }

    def render(self, console: Console) -> None:
        """Prints the tables."""
        render_table(
            console,
            f"Confidence in {len(self.shown)} fills of {len(self.trials)} held-out gaps",
            ("score", "calibration error", "Brier", "AUROC", "threshold", "precision", "coverage", "correct silence"),
            [
                [
                    row.score,
                    f"{row.error:.3f}",
                    f"{row.brier:.3f}",
                    "–" if row.auroc is None else f"{row.auroc:.3f}",  # noqa: RUF001 - a dash is meant
                    f"{row.threshold:.2f}",
                    percent(row.precision),
                    percent(row.coverage),
                    percent(row.silence),
                ]
                for row in self.rows
            ],
            [
                "fitted to one half of the packages, measured on the other; the calibration itself is fitted to both; "
                f"threshold: for a precision of {PRECISION:.0%}"
            ],
        )
        render_table(
            console,
            "Shown by the calibrated probability",
            ("gaps", "number", "shown", "precision"),
            [[row.kind, str(row.num_gaps), str(row.num_shown), percent(row.precision)] for row in self.kinds],
        )
        before, after = self.token_errors
        render_table(
            console,
            f"Confidence in {len(self.tokens)} tokens that can be judged",
            ("score", "calibration error"),
            [["calibrated", f"{after:.3f}"], ["the denoiser's own", f"{before:.3f}"]],
            [describe(self.settings)],
        )

    def _row(self, score: Score) -> ScoreRow:
        is_right = [trial.is_right for trial in self.shown]
        kept = self._kept(score)
        num_kept = sum(trial.kind != NOTHING for trial in kept)
        num_nothing = sum(trial.kind == NOTHING for trial in self.trials)
        return ScoreRow(
            score=score.name,
            error=expected_calibration_error(score.probabilities, is_right),
            brier=brier_score(score.probabilities, is_right),
            auroc=area_under_roc(score.probabilities, is_right),
            threshold=threshold_of(list(zip(self.shown, score.probabilities, strict=True))),
            precision=mean([trial.is_right for trial in kept]) if kept else None,
            coverage=num_kept / max(1, len(self.trials) - num_nothing),
            silence=1 - (len(kept) - num_kept) / num_nothing if num_nothing else None,
        )

    def _kept(self, score: Score) -> list[Trial]:
        """What is shown of each half at the threshold of the other one."""
        rated = list(zip(self.shown, score.probabilities, strict=True))
        kept = []
        for half in (0, 1):
            threshold = threshold_of([each for each in rated if each[0].half != half])
            kept += [trial for trial, probability in rated if trial.half == half and probability >= threshold]
        return kept


def threshold_of(rated: Sequence[tuple[Trial, float]]) -> float:
    """The least probability from which on trials come out right as often as `PRECISION` asks for."""
    return least_threshold([p for _, p in rated], [trial.is_right for trial, _ in rated], PRECISION)
