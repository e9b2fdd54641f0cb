"""Fits to held-out gaps what a model's confidence means.

Whatever is reported was fitted to one half of the packages and measured on the other. What goes to the checkpoint is
fitted to all of them, by the same steps.
"""

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from lacuna_model.calibration import (
    FEATURES,
    TOKEN_FEATURES,
    Calibration,
    Logistic,
    cuts_word,
    features_of,
    token_features_of,
)
from lacuna_model.errors import InputError
from lacuna_model.evaluation.calibration_fit import fit_logistic
from lacuna_model.evaluation.calibration_gaps import HeldGap, cut_halves
from lacuna_model.evaluation.calibration_report import CalibrationReport, JudgedToken, Score, Trial, threshold_of
from lacuna_model.evaluation.documents import Document
from lacuna_model.evaluation.filler import Gap
from lacuna_model.evaluation.report import Progress, is_exact, mean
from lacuna_model.infill import Infiller
from lacuna_model.request import InfillOptions, InfillRequest
from lacuna_model.result import Fill


def evaluate_calibration(
    infiller: Infiller,
    documents: Sequence[Document],
    *,
    num: int = 50,
    options: InfillOptions = InfillOptions(max_tokens=48),  # noqa: B008 - frozen
    progress: Progress | None = None,
) -> CalibrationReport:
    """Fills gaps, and fits what the confidences mean.

    Args:
        infiller: gives the model; neither its ranking nor its calibration is used.
        documents: files that the model was not trained on.
        num: gaps of each kind, and places where nothing is missing.
        options: of every request; the seed is that of the choice of gaps, too.
        progress: told after every fill.

    Raises:
        InputError: the checkpoint is sampled otherwise than from left to right, or the files are too few or too small.
    """
    if infiller.denoiser.config.beam_width is None:
        raise InputError("Only checkpoints with a beam_width can be calibrated: it holds for denoising left to right.")
    raw = Infiller(infiller.denoiser, infiller.tokenizer, infiller.generation)
    cut = cut_halves(documents, num, options.seed)
    trials = []
    for held in cut:
        request = InfillRequest((held.gap.prefix, held.gap.suffix), held.gap.language, options)
        trials.append(graded(held, raw.infill(request).fills[0]))
        if progress is not None:
            progress(len(trials), len(cut))
    packages = ", ".join(sorted({document.package for document in documents}))
    return calibrated(trials, asdict(options), f"{len(trials)} gaps in files of {packages}; seed {options.seed}")


def graded(held: HeldGap, fill: Fill) -> Trial:
    """Grades a fill as it left the denoiser."""
    confidences = [token.confidence for token in fill.tokens[0]]
    return Trial(
        kind=held.kind,
        half=held.half,
        fill=fill.texts[0],
        features=features_of(fill, held.gap.prefix),
        mean_confidence=mean(confidences) if confidences else 0.0,
        is_right=is_exact(held.gap, fill.texts[0]),
        tokens=_judged_tokens(fill, held.gap),
    )


def calibrated(trials: Sequence[Trial], settings: dict[str, Any], fitted_on: str) -> CalibrationReport:
    """Fits to each half for the other one, and to both for the checkpoint.

    Raises:
        InputError: a half has no fill or no token to fit to.
    """
    for half in (0, 1):
        if not any(trial.tokens and not trial.is_silent for trial in trials if trial.half == half):
            raise InputError("The model fills too few of the gaps to be calibrated; raise --limit or give more files.")
    shown = [trial for trial in trials if not trial.is_silent]
    scores = [_cross_fitted("calibrated probability", trials, FEATURES)]
    for name in FEATURES:
        scores.append(_cross_fitted(f"without {name}", trials, tuple(other for other in FEATURES if other != name)))
    scores.append(Score("mean token confidence", tuple(trial.mean_confidence for trial in shown)))
    of_tokens = [fit_tokens([trial for trial in trials if trial.half != half]) for half in (0, 1)]
    tokens = [(trial.half, token) for trial in trials for token in trial.tokens]
    return CalibrationReport(
        settings=settings,
        trials=tuple(trials),
        scores=tuple(scores),
        token_probabilities=tuple(of_tokens[half].probability(_token_values(token)) for half, token in tokens),
        calibration=Calibration(
            fills=fit_fills(trials),
            tokens=fit_tokens(trials),
            threshold=threshold_of(list(zip(shown, scores[0].probabilities, strict=True))),
            fitted_on=fitted_on,
        ),
    )


def fit_fills(trials: Sequence[Trial], names: Sequence[str] = FEATURES) -> Logistic:
    """Fits the probability that a fill is right, to those that say anything."""
    shown = [trial for trial in trials if not trial.is_silent]
    return fit_logistic(names, [_values(trial, names) for trial in shown], [trial.is_right for trial in shown])


def fit_tokens(trials: Sequence[Trial]) -> Logistic:
    """Fits the probability that a token is right; where that would fall with the confidence, it stays level."""
    tokens = [token for trial in trials for token in trial.tokens]
    fitted = fit_logistic(TOKEN_FEATURES, [_token_values(token) for token in tokens], [t.is_right for t in tokens])
    slope, of_cut, slope_of_cut = fitted.weights
    return replace(fitted, weights=(max(0.0, slope), of_cut, max(0.0, slope_of_cut)))


def _cross_fitted(name: str, trials: Sequence[Trial], names: Sequence[str]) -> Score:
    fits = [fit_fills([trial for trial in trials if trial.half != half], names) for half in (0, 1)]
    shown = [trial for trial in trials if not trial.is_silent]
    return Score(name, tuple(fits[trial.half].probability(_values(trial, names)) for trial in shown))


def _values(trial: Trial, names: Sequence[str]) -> list[float]:
    assert trial.features is not None, "silent trials are left out"
    return [value for name, value in zip(FEATURES, trial.features, strict=True) if name in names]


def _token_values(token: JudgedToken) -> tuple[float, ...]:
    return token_features_of(token.confidence, token.is_cut)


def _judged_tokens(fill: Fill, gap: Gap) -> tuple[JudgedToken, ...]:
    judged: list[JudgedToken] = []
    text = ""
    for token in fill.tokens[0]:
        text += token.text
        is_right = gap.middle.startswith(text)
        judged.append(JudgedToken(token.confidence, not judged and cuts_word(gap.prefix), is_right))
        if not is_right:
            break
    return tuple(judged)
