"""How likely it is that a fill would be accepted as it stands, and that each of its tokens is right.

A denoiser's probabilities say how it chose, not how often it is right. Two logistic models, fitted on held-out files
and kept beside the weights, turn one into the other (Platt, "Probabilistic outputs for support vector machines", 1999).
"""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TypeVar

from lacuna_model.errors import ConfigError
from lacuna_model.json_object import JsonObject
from lacuna_model.result import Fill, Slot, Token

CALIBRATION_FILE = "calibration.json"

LEAST_PROBABILITY = 1e-4
"""Confidences are kept so far away from 0 and 1, where one token would outweigh all others."""

Piece = TypeVar("Piece", Slot, Token)

FEATURES = ("log_probability", "log_following")
"""What tells good fills from bad ones; see `features_of`."""

TOKEN_FEATURES = ("log_odds", "cuts_word", "log_odds_cutting_word")
"""What tells good tokens from bad ones; see `token_features_of`."""


@dataclass(frozen=True, slots=True)
class Logistic:
    """A logistic model: the log-odds are a weighted sum of standardised values.

    Attributes:
        names: of the values.
        weights: of each value, in nats a standard deviation.
        means: of each value over the material.
        scales: standard deviations over the material, above 0.
        bias: log-odds in nats of what is average in everything.

    Raises:
        ConfigError: these are not the same number of finite figures, or a scale is not above 0.
    """

    names: tuple[str, ...]
    weights: tuple[float, ...]
    means: tuple[float, ...]
    scales: tuple[float, ...]
    bias: float

    def __post_init__(self) -> None:
        figures = (self.weights, self.means, self.scales)
        is_whole = all(len(each) == len(self.names) for each in figures)
        is_finite = all(math.isfinite(value) for each in (*figures, (self.bias,)) for value in each)
        if not (is_whole and is_finite and all(scale > 0 for scale in self.scales)):
            raise ConfigError(f"A logistic model of {', '.join(self.names)} lacks a figure or has one that is none.")

    def probability(self, values: Sequence[float]) -> float:
        """The probability, 0 to 1, that values in the order of `names` stand for something right."""
        rows = zip(values, self.weights, self.means, self.scales, strict=True)
        log_odds = self.bias + math.fsum(weight * (value - mean) / scale for value, weight, mean, scale in rows)
        return 1 / (1 + math.exp(-log_odds)) if log_odds > -700 else 0.0  # further down exp overflows

    @classmethod
    def read(cls, document: JsonObject) -> "Logistic":
        """Reads its JSON. Raises ConfigError if that is wrong."""
        weights, means, scales = (_numbers(document, key) for key in ("weights", "means", "scales"))
        return cls(document.strings("names"), weights, means, scales, document.number("bias", minimum=-math.inf))


@dataclass(frozen=True, slots=True)
class Calibration:
    """What a checkpoint's confidence means. It holds for gaps that are denoised from left to right.

    Attributes:
        fills: tells a fill's probability from its `FEATURES`.
        tokens: tells a token's probability from its `TOKEN_FEATURES`; never falls where the confidence rises.
        threshold: what a setting such as `min_confidence` should be, by a precision on held-out files.
        fitted_on: what the figures come from, for people.

    Raises:
        ConfigError: `fills` is a model of other features, `tokens` falls, or the threshold is no probability.
    """

    fills: Logistic
    tokens: Logistic
    threshold: float
    fitted_on: str

    def __post_init__(self) -> None:
        if (self.fills.names, self.tokens.names) != (FEATURES, TOKEN_FEATURES):
            names = ", ".join((*FEATURES, *TOKEN_FEATURES))
            raise ConfigError(
                f"{CALIBRATION_FILE} was fitted to other features than {names}; "
                "write it anew with `lacuna eval --calibration`, or delete it."
            )
        if min(self.tokens.weights[0], self.tokens.weights[2]) < 0 or not 0 <= self.threshold <= 1:
            raise ConfigError(f"{CALIBRATION_FILE} makes sure tokens unsure, or has no probability as its threshold.")

    def fill(self, fill: Fill, before: str) -> Fill:
        """A fill with calibrated figures; it gets a probability if it is of a single gap and was judged.

        Args:
            fill: with the denoiser's own confidences.
            before: the text before the first gap.
        """
        features = features_of(fill, before) if len(fill.texts) == 1 else None
        probability = None if features is None else self.fills.probability(features)
        return replace(fill, tokens=self.gaps(fill.tokens, before), probability=probability)

    def gaps(self, gaps: Sequence[Sequence[Piece]], before: str) -> tuple[tuple[Piece, ...], ...]:
        """The tokens or slots of all gaps with calibrated confidences; 0, where nothing was predicted, stays 0.

        Args:
            gaps: with the denoiser's own confidences.
            before: the text before the first gap.
        """
        may_cut = len(gaps) == 1 and cuts_word(before)
        return tuple(
            tuple(
                replace(piece, confidence=self._confidence(piece.confidence, may_cut and number == 0))
                for number, piece in enumerate(gap)
            )
            for gap in gaps
        )

    def _confidence(self, confidence: float, is_cut: bool) -> float:
        return self.tokens.probability(token_features_of(confidence, is_cut)) if confidence else 0.0

    @classmethod
    def load(cls, directory: Path) -> "Calibration | None":
        """Reads `calibration.json` of a checkpoint directory; None where there is none.

        Raises:
            ConfigError: it is not JSON, lacks a key, or was fitted to other features.
        """
        path = directory / CALIBRATION_FILE
        if not path.is_file():
            return None
        document = JsonObject.load(path)
        return cls(
            fills=Logistic.read(document.object("fills")),
            tokens=Logistic.read(document.object("tokens")),
            threshold=document.number("threshold", maximum=1.0),
            fitted_on=str(document.get("fitted_on")),
        )

    def save(self, directory: Path) -> None:
        """Writes `calibration.json` at once, so that nobody reads half of it."""
        partial = directory / f"{CALIBRATION_FILE}.partial"
        partial.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")
        partial.replace(directory / CALIBRATION_FILE)


def features_of(fill: Fill, before: str) -> tuple[float, ...] | None:
    """The values of `FEATURES`; None where the fill was not judged.

    Args:
        fill: of one gap, with the denoiser's own confidences.
        before: the text before the gap.

    Returns:
        Log-probability of the tokens, but for one that ends a cut word, and of what follows; both in nats.
    """
    if fill.log_following is None:
        return None
    logs = [math.log(max(token.confidence, LEAST_PROBABILITY)) for gap in fill.tokens for token in gap]
    return (math.fsum(logs[1:] if cuts_word(before) else logs), fill.log_following)


def token_features_of(confidence: float, is_cut: bool) -> tuple[float, ...]:
    """The values of `TOKEN_FEATURES`.

    Args:
        confidence: the denoiser's own.
        is_cut: whether the token may be the rest of a word that the gap cuts in two. Its confidence is that of the
            whole word's token where any other would have done, though part of the word was given.

    Returns:
        Log-odds in nats, or 0 for a rest; 1 for a rest, else 0; log-odds of a rest, else 0.
    """
    kept = min(max(confidence, LEAST_PROBABILITY), 1 - LEAST_PROBABILITY)
    log_odds = math.log(kept / (1 - kept))
    return (0.0, 1.0, log_odds) if is_cut else (log_odds, 0.0, 0.0)


def cuts_word(before: str) -> bool:
    """Whether a gap behind some text may begin inside a word."""
    return before[-1:].isalnum() or before.endswith("_")


def _numbers(document: JsonObject, key: str) -> tuple[float, ...]:
    values = document.get(key)
    if not isinstance(values, list) or not all(type(value) in (int, float) for value in values):
        raise ConfigError(f"{document.path}: '{key}' must be a list of numbers.")
    try:
        return tuple(map(float, values))
    except OverflowError as error:
        raise ConfigError(f"{document.path}: '{key}' holds a number that is too large.") from error
