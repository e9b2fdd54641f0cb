"""Whatever a model wants to say, its fills obey; random models want to say anything."""

import re
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lacuna_model.config import DenoiserConfig, GenerationConfig
from lacuna_model.constraints.building import AutomatonBuilder
from lacuna_model.constraints.kinds import Choice, Constraint, JsonSchema, Preset, Regex
from lacuna_model.errors import ConstraintError, InputError
from lacuna_model.infill import Infiller
from lacuna_model.request import InfillOptions, InfillRequest
from lacuna_model.tokenizer import Tokenizer
from lacuna_model.transformer.denoiser import Denoiser

KINDS: dict[str, dict[str, Any]] = {
    "absorbing, deletes": {},
    "absorbing": {"delete_token_id": None},
    "uniform": {"noise": "uniform", "mask_token_id": None},
}
PATTERNS = ("[0-9]{2,4}", "(ab|cd)+", "a*", "é{1,3}", "(true|false)", '"[^"\\\\]*"')


@pytest.fixture(scope="session")
def automata(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("automata")


@pytest.fixture(scope="session", params=KINDS)
def infiller(
    request: pytest.FixtureRequest,
    tiny_config: Callable[..., DenoiserConfig],
    tiny_denoiser: Callable[..., Denoiser],
    byte_tokenizer: Tokenizer,
    automata: Path,
) -> Infiller:
    generation = GenerationConfig(num_denoising_steps=6, t_min=0.4, t_max=0.8, confidence=0.05)
    made = Infiller(tiny_denoiser(tiny_config(**KINDS[request.param])), byte_tokenizer, generation)
    made._automata = AutomatonBuilder(byte_tokenizer.vocabulary, automata)
    return made


def texts(infiller: Infiller, segments: tuple[str, ...], *constraints: Constraint | None, **options: Any) -> list[Any]:
    request = InfillRequest(segments, "python", InfillOptions(**options), constraints=constraints)
    fills = infiller.infill(request).fills
    assert fills
    return [fill.texts for fill in fills]


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(PATTERNS), st.integers(0, 99), st.integers(1, 4), st.integers(4, 12))
def test_every_candidate_obeys(
    infiller: Infiller, pattern: str, seed: int, num_candidates: int, max_tokens: int
) -> None:
    options = {"seed": seed, "num_candidates": num_candidates, "max_tokens": max_tokens}
    for (text,) in texts(infiller, ("x = ", "\n"), Regex(pattern), **options):
        assert re.fullmatch(pattern, text)


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.sampled_from((None, *PATTERNS)), min_size=2, max_size=3), st.sampled_from((6, 30)), st.integers(0, 99)
)
def test_each_gap_obeys_its_own(infiller: Infiller, patterns: list[str | None], max_tokens: int, seed: int) -> None:
    segments = ("x = ", *[", "] * (len(patterns) - 1), "\n")
    constraints = [None if pattern is None else Regex(pattern) for pattern in patterns]
    try:
        found = texts(infiller, segments, *constraints, seed=seed, max_tokens=max_tokens)
    except ConstraintError as error:  # gaps of one length each, and no length is right for all
        assert infiller.denoiser.config.delete_token_id is None, error
        return
    for fill in found:
        for pattern, text in zip(patterns, fill, strict=True):
            assert pattern is None or re.fullmatch(pattern, text)


@pytest.mark.parametrize(
    ("before", "after"), [("", ""), ("20", ""), ("2024-0", ""), ("", "-31"), ("19", "-01-01"), ("2024-12-3", "")]
)
def test_both_sides_count(infiller: Infiller, before: str, after: str) -> None:
    pattern = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
    for (text,) in texts(infiller, (f"'{before}", f"{after}'"), Regex(pattern, before, after), max_tokens=12):
        assert re.fullmatch(pattern, before + text + after)


def test_a_decided_token_stays_as_unsure_as_it_was(infiller: Infiller) -> None:
    if infiller.denoiser.config.noise == "uniform":
        pytest.skip("every step decides every slot anew")
    request = InfillRequest(("x = ", "\n"), "python", constraints=(Regex("[0-9]{8};"),))
    (fill,) = infiller.infill(request).fills
    *digits, end = fill.tokens[0]
    assert all(0 < digit.confidence < 0.995 for digit in digits)
    assert end.confidence == pytest.approx(1)


@pytest.mark.parametrize("num_slots", [40, 90])
def test_texts_longer_than_a_canvas_go_on_in_further_ones(infiller: Infiller, num_slots: int) -> None:
    assert num_slots > infiller.denoiser.config.canvas_length
    pattern = f"[ab]{{{num_slots}}}c"
    for (text,) in texts(infiller, ("x = ", "\n"), Regex(pattern), max_tokens=100):
        assert re.fullmatch(pattern, text)


@pytest.mark.parametrize(
    ("constraint", "expected"),
    [
        (Choice(("alpha", "beta", "a.b")), {"alpha", "beta", "a.b"}),
        (JsonSchema.of({"enum": [1, "two", None]}), {"1", '"two"', "null"}),
        (Regex("yes"), {"yes"}),
        (Regex("^yes|no$"), {"yes", "no"}),
        (Regex(r"^\$\\\$"), {"$\\$"}),
    ],
)
def test_other_kinds(infiller: Infiller, constraint: Constraint, expected: set[str]) -> None:
    found = texts(infiller, ("x = ", "\n"), constraint, num_candidates=3)
    assert set(chain.from_iterable(found)) <= expected


def test_a_preset(infiller: Infiller) -> None:
    for (text,) in texts(infiller, ("id = '", "'"), Preset("uuid"), max_tokens=36):
        assert re.fullmatch("(?i)[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", text)


@pytest.mark.parametrize(
    ("constraint", "message"),
    [
        (Regex("(a"), "(a is not a regular expression: missing ), unterminated subpattern at position 0."),
        (Regex("a)|(b"), "a)|(b is not a regular expression: unbalanced parenthesis at position 1."),
        (Regex("a(?=b)"), "look-around"),
        (Regex(r"(a)\1"), "back-references"),
        (Regex("[0-9]+", before="x"), "Nothing that the format allows begins with 'x'."),
        (Regex("[0-9]+", after="x"), "Nothing that the format allows ends with 'x'."),
        (Regex("a[0-9]b", before="a", after="1"), "begins with 'a' and ends with '1'."),
        (Regex(r"\x00"), "Nothing that the format allows can be written by this model."),
        (Regex("(^a|b)$c"), "inner anchors"),
        (Regex("[0-9]{40}"), "allow more of them."),
        (Preset("no-such"), "no-such"),
        (JsonSchema.of({"type": "integer", "multipleOf": 7}), "multipleOf"),
    ],
)
def test_what_cannot_be_obeyed_is_said(infiller: Infiller, constraint: Constraint, message: str) -> None:
    with pytest.raises(ConstraintError, match=re.escape(message)):
        texts(infiller, ("x = ", "\n"), constraint)


def test_what_does_not_go_together(infiller: Infiller) -> None:
    digits = Regex("[0-9]+")
    with pytest.raises(InputError, match="max_lines"):
        InfillRequest(("", ""), options=InfillOptions(max_lines=1), constraints=(digits,))
    with pytest.raises(InputError, match="draft"):
        InfillRequest(("", ""), draft=(("1", None),), constraints=(digits,))
    with pytest.raises(InputError, match="2 constraints for 1 gaps"):
        InfillRequest(("", ""), constraints=(digits, digits))


def test_an_early_deadline_gives_a_whole_text(infiller: Infiller) -> None:
    pattern = "([a-z]{3},){4}"
    for (text,) in texts(infiller, ("x = ", "\n"), Regex(pattern), deadline_ms=0.0):
        assert re.fullmatch(pattern, text)


def test_the_same_seed_gives_the_same_fills(infiller: Infiller) -> None:
    options = {"num_candidates": 3, "seed": 5}
    first, second = (texts(infiller, ("x = ", "\n"), Regex("[a-z]{5}"), **options) for _ in range(2))
    assert first == second
