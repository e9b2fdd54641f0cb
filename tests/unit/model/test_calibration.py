import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lacuna_model.calibration import (
    CALIBRATION_FILE,
    FEATURES,
    LEAST_PROBABILITY,
    TOKEN_FEATURES,
    Calibration,
    Logistic,
    features_of,
)
from lacuna_model.config import DenoiserConfig, GenerationConfig
from lacuna_model.constraints.kinds import Regex
from lacuna_model.errors import ConfigError
from lacuna_model.infill import EMBEDDED_CHECKPOINT, Infiller
from lacuna_model.request import InfillOptions, InfillRequest
from lacuna_model.result import DenoisingStep, Fill, InfillResult, Slot, Token
from lacuna_model.tokenizer import Tokenizer
from lacuna_model.transformer.denoiser import Denoiser

FILLS = Logistic(FEATURES, (1.0, 0.5), (-2.0, -1.0), (2.0, 0.5), -0.5)
TOKENS = Logistic(TOKEN_FEATURES, (0.5, 0.5, 0.125), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), 0.25)
CALIBRATION = Calibration(FILLS, TOKENS, 0.25, "nothing")

confidences = st.floats(0, 1)


def fill_of(*confidence: float, log_following: float | None = -1.0) -> Fill:
    tokens = tuple(Token("x", each) for each in confidence)
    return Fill(("x" * len(confidence),), (tokens,), 0.0, log_following=log_following)


@pytest.mark.parametrize(
    ("fill", "before", "expected"),
    [
        (fill_of(0.5, 0.25), "x = ", (math.log(0.125), -1.0)),
        (fill_of(0.5, 0.25, log_following=-2.0), "re", (math.log(0.25), -2.0)),
        (fill_of(0.5), "_", (0.0, -1.0)),
        (fill_of(0.0), "é ", (math.log(LEAST_PROBABILITY), -1.0)),
        (fill_of(), "", (0.0, -1.0)),
        (fill_of(), "7", (0.0, -1.0)),
    ],
)
def test_features_of_a_fill(fill: Fill, before: str, expected: tuple[float, ...]) -> None:
    assert features_of(fill, before) == pytest.approx(expected)


def test_a_fill_gets_a_probability_and_calibrated_tokens() -> None:
    fill = CALIBRATION.fill(fill_of(0.5, 0.0), "x ")
    log_odds = -0.5 + (math.log(0.5 * LEAST_PROBABILITY) + 2) / 2
    assert fill.probability == pytest.approx(1 / (1 + math.exp(-log_odds)))
    assert [token.confidence for token in fill.tokens[0]] == pytest.approx([1 / (1 + math.exp(-0.25)), 0.0])


def test_the_rest_of_a_cut_word_is_judged_by_itself() -> None:
    (pieces,) = CALIBRATION.gaps(((Slot("a", 0.5), Slot("b", 0.5)),), "x")
    assert [piece.confidence for piece in pieces] == pytest.approx(
        [1 / (1 + math.exp(-0.75)), 1 / (1 + math.exp(-0.25))]
    )
    several = CALIBRATION.gaps(((Slot("a", 0.5),), (Slot("b", 0.5),)), "x")
    assert [gap[0].confidence for gap in several] == pytest.approx([1 / (1 + math.exp(-0.25))] * 2)


@pytest.mark.parametrize(
    "fill",
    [
        Fill(("x", "y"), ((Token("x", 0.5),), (Token("y", 0.5),)), 0.0, log_following=-1.0),
        fill_of(0.5, log_following=None),
    ],
)
def test_fills_of_several_gaps_and_unjudged_ones_have_no_probability(fill: Fill) -> None:
    assert CALIBRATION.fill(fill, "").probability is None


@given(confidences, confidences, st.sampled_from(["", "x"]))
def test_surer_tokens_stay_surer(one: float, other: float, before: str) -> None:
    one, other = sorted((one, other))
    (pieces,) = CALIBRATION.gaps(((Slot("a", one),),), before)
    (others,) = CALIBRATION.gaps(((Slot("a", other),),), before)
    assert 0 <= pieces[0].confidence <= others[0].confidence <= 1


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=2))
def test_probabilities_lie_between_0_and_1(values: list[float]) -> None:
    assert 0 <= FILLS.probability(values) <= 1


def test_a_calibration_comes_back_from_its_file(tmp_path: Path) -> None:
    assert Calibration.load(tmp_path) is None
    CALIBRATION.save(tmp_path)
    assert Calibration.load(tmp_path) == CALIBRATION
    assert [path.name for path in tmp_path.iterdir()] == [CALIBRATION_FILE]


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        (("threshold",), 1.5, "'threshold' must be a finite number from 0.0 to 1.0"),
        (("threshold",), None, "lacks the key 'threshold'"),
        (("fitted_on",), None, "lacks the key 'fitted_on'"),
        (("fills",), [], "calibration.json: fills must be a JSON object"),
        (("fills", "names"), ["log_following"], "lacks a figure"),
        (("fills", "names"), ["a", "b"], "was fitted to other features than log_probability"),
        (("fills", "names"), 5, "'names' must be a list of strings"),
        (("fills", "weights"), [1, "2"], "'weights' must be a list of numbers"),
        (("fills", "weights"), [1, math.nan], "lacks a figure or has one that is none"),
        (("fills", "scales"), [1, 0], "lacks a figure or has one that is none"),
        (("fills", "bias"), math.inf, "'bias' must be a finite number"),
        (("tokens", "names"), ["x", "y", "z"], "was fitted to other features"),
        (("tokens", "weights"), [-1, 0, 0], "makes sure tokens unsure"),
        (("tokens", "weights"), [0, 0, -1], "makes sure tokens unsure"),
    ],
)
def test_a_damaged_file_is_told(tmp_path: Path, path: tuple[str, ...], value: Any, problem: str) -> None:
    CALIBRATION.save(tmp_path)
    file = tmp_path / CALIBRATION_FILE
    document = json.loads(file.read_text())
    *sections, key = path
    section = document
    for name in sections:
        section = section[name]
    if value is None:
        del section[key]
    else:
        section[key] = value
    file.write_text(json.dumps(document))
    with pytest.raises(ConfigError, match=problem):
        Calibration.load(tmp_path)


def test_what_is_no_json_is_told(tmp_path: Path) -> None:
    (tmp_path / CALIBRATION_FILE).write_text("{")
    with pytest.raises(ConfigError, match="cannot be read as JSON"):
        Calibration.load(tmp_path)


@pytest.fixture
def infiller(
    tiny_config: Callable[..., DenoiserConfig], tiny_denoiser: Callable[..., Denoiser], byte_tokenizer: Tokenizer
) -> Infiller:
    denoiser = tiny_denoiser(tiny_config(beam_width=3))
    return Infiller(denoiser, byte_tokenizer, GenerationConfig(num_denoising_steps=8), calibration=CALIBRATION)


def run(infiller: Infiller, request: InfillRequest) -> tuple[list[DenoisingStep], InfillResult]:
    steps, found = infiller.run(request), []
    while True:
        try:
            found.append(next(steps))
        except StopIteration as stop:
            return found, stop.value


def of_each_gap(gaps: Sequence[Any], before: Sequence[str]) -> tuple[Any, ...]:
    return tuple(CALIBRATION.gaps((gap,), text)[0] for gap, text in zip(gaps, before, strict=False))


OPTIONS = InfillOptions(max_tokens=6, num_candidates=2)


@pytest.mark.parametrize(
    ("calibrated", "told", "request_"),
    [
        (True, True, InfillRequest(("x = ", "\n"), "python", OPTIONS)),
        (True, True, InfillRequest(("re", "\n"), "python", replace(OPTIONS, max_tokens=12))),
        (True, False, InfillRequest(("x", "y", "\n"), "python", OPTIONS)),
        (False, False, InfillRequest(("x = ", "\n"), "python", replace(OPTIONS, temperature=0.5))),
        (False, False, InfillRequest(("x = ", "\n"), "python", OPTIONS, constraints=(Regex("[a-z]{2,4}"),))),
    ],
)
def test_what_is_denoised_from_left_to_right_is_calibrated(
    infiller: Infiller, calibrated: bool, told: bool, request_: InfillRequest
) -> None:
    steps, result = run(infiller, request_)
    infiller.calibration = None
    raw_steps, raw = run(infiller, request_)
    assert [fill.texts for fill in result.fills] == [fill.texts for fill in raw.fills]
    before = request_.segments  # of each gap, as far as it matters: each has a canvas of its own
    for fill, own in zip(result.fills, raw.fills, strict=True):
        assert fill.tokens == (of_each_gap(own.tokens, before) if calibrated else own.tokens)
        assert fill.probability == (CALIBRATION.fill(own, before[0]).probability if told else None)
    for step, own_step in zip(steps, raw_steps, strict=True):
        assert step.gaps == (of_each_gap(own_step.gaps, before) if calibrated else own_step.gaps)


def test_the_embedded_checkpoint_is_calibrated() -> None:
    calibration = Infiller.load(device="cpu").calibration
    assert calibration is not None and calibration == Calibration.load(EMBEDDED_CHECKPOINT)
    assert 0 < calibration.threshold < 1
    surer, unsurer = fill_of(0.9, 0.9, log_following=-0.1), fill_of(0.2, 0.2, log_following=-3.0)
    likely, unlikely = calibration.fill(surer, "x = ").probability, calibration.fill(unsurer, "x = ").probability
    assert likely is not None and unlikely is not None and likely > calibration.threshold > unlikely
