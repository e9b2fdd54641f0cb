import math
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lacuna_model.calibration import FEATURES, TOKEN_FEATURES
from lacuna_model.config import DenoiserConfig, GenerationConfig
from lacuna_model.errors import InputError
from lacuna_model.evaluation.calibration import calibrated, evaluate_calibration, fit_tokens, graded
from lacuna_model.evaluation.calibration_fit import (
    Bin,
    area_under_roc,
    brier_score,
    expected_calibration_error,
    fit_logistic,
    least_threshold,
    reliability,
)
from lacuna_model.evaluation.calibration_gaps import NOTHING, HeldGap, cut_halves, sample_complete, split
from lacuna_model.evaluation.calibration_plots import RELIABILITY_PICTURE, RISK_PICTURE, draw_pictures, risk_coverage
from lacuna_model.evaluation.calibration_report import PRECISION, JudgedToken, Score, Trial
from lacuna_model.evaluation.documents import Document, read_documents
from lacuna_model.evaluation.filler import Gap
from lacuna_model.infill import Infiller
from lacuna_model.request import InfillOptions
from lacuna_model.result import Fill, Token
from lacuna_model.tokenizer import Tokenizer
from lacuna_model.transformer.denoiser import Denoiser

rated = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=30)


def test_the_fit_recovers_the_weights_that_made_the_data() -> None:
    draw = random.Random(0)
    rows = [(draw.gauss(3, 2), draw.gauss(0, 0.5)) for _ in range(20_000)]
    is_right = [draw.random() < 1 / (1 + math.exp(-(0.5 + 0.75 * (a - 3) - 2 * b))) for a, b in rows]
    fitted = fit_logistic(("a", "b"), rows, is_right, l2=1e-6)
    slopes = [weight / scale for weight, scale in zip(fitted.weights, fitted.scales, strict=True)]
    assert slopes == pytest.approx([0.75, -2], rel=0.06)
    assert fitted.probability((3, 0)) == pytest.approx(1 / (1 + math.exp(-0.5)), abs=0.02)


@pytest.mark.parametrize("right", [True, False])
def test_one_sided_and_constant_material_gives_figures(right: bool) -> None:
    fitted = fit_logistic(("a",), [(5.0,)] * 20, [right] * 20)
    assert abs(fitted.probability((5.0,)) - right) < 0.05
    assert fitted.weights == pytest.approx((0.0,))


def test_a_stronger_penalty_makes_smaller_weights() -> None:
    rows, is_right = [(0.0,), (1.0,), (2.0,), (3.0,)], [False, False, True, True]
    weights = [fit_logistic(("a",), rows, is_right, l2).weights[0] for l2 in (0.1, 1.0, 10.0)]
    assert weights[0] > weights[1] > weights[2] > 0


@pytest.mark.parametrize(
    ("predictions", "precision", "threshold"),
    [
        ([(0.9, True), (0.5, True), (0.1, False)], 0.6, 0.0),
        ([(0.9, True), (0.5, True), (0.1, False)], 0.9, 0.11),
        ([(0.9, True), (0.5, False), (0.1, False)], 0.6, 0.51),
        ([(0.9, False), (0.5, True)], 0.6, 1.0),
        ([(0.9, True), (0.5, False)], 0.5, 0.0),
        ([(0.3, False)], 0.6, 1.0),
        ([], 0.6, 1.0),
    ],
)
def test_the_least_threshold_that_is_precise_enough(
    predictions: list[tuple[float, bool]], precision: float, threshold: float
) -> None:
    assert least_threshold([p for p, _ in predictions], [right for _, right in predictions], precision) == threshold


@given(rated, st.floats(0, 1))
def test_from_the_threshold_on_the_precision_is_kept(predictions: list[tuple[float, bool]], precision: float) -> None:
    threshold = least_threshold([p for p, _ in predictions], [right for _, right in predictions], precision)
    kept = [right for probability, right in predictions if probability >= threshold]
    assert threshold == 1.0 or sum(kept) >= precision * len(kept) > 0 or precision == 0


def test_figures_of_known_predictions() -> None:
    probabilities, is_right = [0.0, 0.25, 0.25, 1.0], [False, True, False, True]
    assert reliability(probabilities, is_right) == [Bin(1, 0.0, 0.0), Bin(2, 0.25, 0.5), Bin(1, 1.0, 1.0)]
    assert expected_calibration_error(probabilities, is_right) == pytest.approx(0.125)
    assert brier_score(probabilities, is_right) == pytest.approx((0.75**2 + 0.25**2) / 4)
    assert area_under_roc(probabilities, is_right) == pytest.approx((3 + 0.5) / 4)
    assert area_under_roc(probabilities, [True] * 4) is None


@given(rated)
def test_figures_lie_where_they_must(predictions: list[tuple[float, bool]]) -> None:
    probabilities, is_right = [p for p, _ in predictions], [right for _, right in predictions]
    assert 0 <= expected_calibration_error(probabilities, is_right) <= 1
    assert 0 <= brier_score(probabilities, is_right) <= 1
    area = area_under_roc(probabilities, is_right)
    assert area is None or 0 <= area <= 1


def test_halves_share_no_package_and_are_alike_in_size() -> None:
    documents = read_documents()
    halves = split(documents)
    packages = [{document.package for document in half} for half in halves]
    assert not packages[0] & packages[1]
    assert sum(map(len, halves)) == len(documents)
    assert abs(len(halves[0]) - len(halves[1])) < 20


def test_files_of_one_package_are_split_one_by_one() -> None:
    documents = [Document(f"x = {number}\n", "python", "own", f"{number}.py") for number in range(4)]
    assert [len(half) for half in split(documents)] == [2, 2]


def test_gaps_are_cut_where_editors_ask_by_themselves() -> None:
    cut = cut_halves(read_documents(), 6, seed=1)
    assert cut == cut_halves(read_documents(), 6, seed=1)
    for half in (0, 1):
        kinds = [held.kind for held in cut if held.half == half]
        assert {kind: kinds.count(kind) for kind in kinds} == dict.fromkeys(
            ("line_rest", "line", "block", "mid_word", NOTHING), 3
        )
    for held in cut:
        rest = held.gap.suffix.partition("\n")[0]
        assert not any(character.isalnum() for character in rest)
        assert (held.gap.middle == "") == (held.kind == NOTHING)


def test_lines_without_text_are_no_places_where_nothing_is_missing() -> None:
    gaps = sample_complete([Document("a = 1  \n\n  \nb\n", "python", "x", "x.py")], 10)
    assert sorted((gap.prefix, gap.suffix) for gap in gaps) == [("a = 1", "  \n\n  \nb\n"), ("a = 1  \n\n  \nb", "\n")]


def test_one_file_is_too_little() -> None:
    with pytest.raises(InputError, match="give more files"):
        cut_halves([Document("x = 1\n", "python", "own", "x.py")], 4, seed=0)


@pytest.mark.parametrize(
    ("middle", "tokens", "is_right"),
    [
        ("foo(bar)", ("foo", "(", "bar", ")"), [True] * 4),
        ("foo(bar)", ("foo", "(", "baz", ")"), [True, True, False]),
        ("foo", ("foo", "bar"), [True, False]),
        ("foobar", ("foo",), [True]),
        ("", ("x",), [False]),
    ],
)
def test_tokens_are_judged_up_to_the_first_wrong_one(
    middle: str, tokens: tuple[str, ...], is_right: list[bool]
) -> None:
    fill = Fill(("".join(tokens),), (tuple(Token(text, 0.5) for text in tokens),), 0.0, log_following=-1.0)
    trial = graded(HeldGap("line", 0, Gap("x", middle, "\n", "python")), fill)
    assert [token.is_right for token in trial.tokens] == is_right
    assert [token.is_cut for token in trial.tokens] == [True] + [False] * (len(is_right) - 1)
    assert trial.is_right == (middle == "".join(tokens))


def test_what_was_changed_for_its_syntax_has_no_probability() -> None:
    fill = Fill(("x",), ((Token("x", 0.5),),), 0.0, valid=True)
    assert graded(HeldGap("line", 0, Gap("", "x", "\n", "python")), fill).is_silent


def trial(half: int, probability: float, is_right: bool, kind: str = "line") -> Trial:
    features = (math.log(probability), -1.0)
    return Trial(kind, half, "x", features, 0.9, is_right, (JudgedToken(probability, False, is_right),))


def test_tokens_that_are_surer_when_wrong_are_all_alike() -> None:
    trials = [trial(0, 0.9, False), trial(0, 0.8, False), trial(0, 0.2, True), trial(0, 0.1, True)]
    fitted = fit_tokens(trials)
    assert fitted.names == TOKEN_FEATURES
    assert fitted.weights[0] == 0


def test_calibrated_probabilities_are_worth_more_than_overconfident_ones() -> None:
    """The mean confidence of every trial is 0.9; only the log-probability tells right ones from wrong ones."""
    draw = random.Random(1)
    trials = []
    for number in range(400):
        probability = draw.uniform(0.05, 0.95)
        trials.append(trial(number % 2, probability, draw.random() < probability))
    nothing = [trial(number % 2, 0.1, False, NOTHING) for number in range(20)]
    report = calibrated([*trials, *nothing], {}, "made up")
    best, own = report.rows[0], report.rows[-1]
    assert [row.score for row in report.rows] == [
        "calibrated probability",
        *(f"without {name}" for name in FEATURES),
        "mean token confidence",
    ]
    assert best.auroc is not None and own.auroc == 0.5 and best.auroc > 0.75
    assert best.error < 0.1 < own.error
    assert best.brier < own.brier
    assert best.precision is not None and abs(best.precision - PRECISION) < 0.1
    assert best.coverage > 0.5 and best.silence is not None and best.silence > 0.9
    assert report.calibration.threshold == best.threshold
    assert {row.kind: row.num_gaps for row in report.kinds} == {"line": 400, NOTHING: 20}


def test_a_half_without_fills_is_too_little() -> None:
    silent = Trial("line", 1, "\n", (0.0, -1.0), 0.0, False, ())
    with pytest.raises(InputError, match="too few of the gaps"):
        calibrated([trial(0, 0.5, True), silent], {}, "made up")


def test_risk_over_coverage() -> None:
    shown = [trial(0, 0.5, True), trial(0, 0.5, False), trial(0, 0.5, True)]
    coverage, risk = risk_coverage(shown, Score("x", (0.2, 0.5, 0.9)), 4)
    assert coverage == [0.25, 0.5, 0.75]
    assert risk == pytest.approx([0, 0.5, 1 / 3])


DOCUMENTS = [
    Document("def first(names):\n    for name in names:\n        return name\n", "python", "one", "a.py"),
    Document("def second(values):\n    for value in values:\n        return value\n", "python", "two", "b.py"),
]


@pytest.fixture
def infiller(
    tiny_config: Callable[..., DenoiserConfig], tiny_denoiser: Callable[..., Denoiser], byte_tokenizer: Tokenizer
) -> Infiller:
    return Infiller(tiny_denoiser(tiny_config(beam_width=2)), byte_tokenizer, GenerationConfig(num_denoising_steps=4))


def test_a_model_is_calibrated_whatever_it_fills_with(infiller: Infiller, tmp_path: Path) -> None:
    progress: list[tuple[int, int]] = []
    report = evaluate_calibration(
        infiller,
        DOCUMENTS,
        num=4,
        options=InfillOptions(max_tokens=8),
        progress=lambda done, total: progress.append((done, total)),
    )
    assert progress[-1] == (len(report.trials), len(report.trials))
    assert len(report.shown) == len(report.scores[0].probabilities) > 0
    assert report.calibration.fitted_on == f"{len(report.trials)} gaps in files of one, two; seed 0"
    draw_pictures(report, tmp_path)
    for name in (RELIABILITY_PICTURE, RISK_PICTURE):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


def test_only_left_to_right_is_calibrated(tiny_denoiser: Callable[..., Denoiser], byte_tokenizer: Tokenizer) -> None:
    with pytest.raises(InputError, match="beam_width"):
        evaluate_calibration(Infiller(tiny_denoiser(), byte_tokenizer, GenerationConfig()), DOCUMENTS)
