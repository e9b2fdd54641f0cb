import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

from lacuna_model.config import DenoiserConfig, GenerationConfig
from lacuna_model.denoising import Denoising
from lacuna_model.errors import InputError
from lacuna_model.infill import Infiller
from lacuna_model.layout import MAX_HOLE_SURPLUS, lay_out
from lacuna_model.request import InfillOptions, InfillRequest
from lacuna_model.result import DenoisingStep, InfillResult
from lacuna_model.sampling.draws import SeededDraws
from lacuna_model.sampling.revision import LeastConfident, Never
from lacuna_model.sampling.sampler import Sampler
from lacuna_model.tokenizer import Tokenizer
from lacuna_model.transformer.denoiser import Denoiser

CPU = torch.device("cpu")
PAD, DELETE = 0, 3
GENERATION = GenerationConfig(num_denoising_steps=16, t_min=0.0, t_max=0.0, confidence=0.05)
DOUBT = LeastConfident().threshold

GapDraft = tuple[str | None, ...]
InfillerFactory = Callable[..., Infiller]


class DeletingDenoiser(Denoiser):
    """Is sure that every slot is surplus."""

    def logits(self, states: Tensor) -> Tensor:
        return super().logits(states).index_fill(-1, torch.tensor([DELETE]), 100.0)


@pytest.fixture(scope="module")
def infiller_of(
    tiny_config: Callable[..., DenoiserConfig], tiny_denoiser: Callable[..., Denoiser], byte_tokenizer: Tokenizer
) -> InfillerFactory:
    def build(kind: type[Denoiser] = Denoiser, **overrides: Any) -> Infiller:
        denoiser = tiny_denoiser(tiny_config(**overrides), kind=kind)
        not_ascii = [id for id in range(byte_tokenizer.vocab_size) if byte_tokenizer.token_bytes(id) > b"~"]
        denoiser.embed_tokens.weight[not_ascii] = 0.0  # fills whose text can be compared token for token
        return Infiller(denoiser, byte_tokenizer, GENERATION)

    return build


@pytest.fixture(scope="module")
def tiny(infiller_of: InfillerFactory) -> Infiller:
    return infiller_of()


@pytest.fixture(scope="module")
def embedded() -> Infiller:
    infiller = Infiller.load(device="cpu")
    infiller.calibration = None  # it is the denoiser's own confidence that drafts are doubted by
    return infiller


@pytest.fixture
def unrevised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lacuna_model.sampling.sampler.LeastConfident", Never)


def ask(*segments: str, draft: tuple[GapDraft, ...], **options: Any) -> InfillRequest:
    return InfillRequest(segments, "python", InfillOptions(**options), draft=draft)


def run(infiller: Infiller, request: InfillRequest) -> tuple[list[DenoisingStep], InfillResult]:
    steps, found = infiller.run(request), []
    while True:
        try:
            found.append(next(steps))
        except StopIteration as stop:
            return found, stop.value


def fits(infiller: Infiller, request: InfillRequest) -> bool:
    """Whether the drafts of several gaps fit into one canvas."""
    try:
        lay_out(request, infiller.tokenizer, infiller.denoiser.config, GENERATION, 100)
    except InputError:
        return False
    return True


def keeps(text: str, draft: GapDraft) -> bool:
    """Whether a text is a draft with something, or nothing, in the place of every run of open slots."""
    pattern = "".join(".*" if piece is None else re.escape(piece) for piece in draft)
    return re.fullmatch(pattern, text, re.DOTALL) is not None


PIECES = st.one_of(st.none(), st.text("ab (\n", min_size=1, max_size=3))
DRAFTS = st.lists(st.lists(PIECES, max_size=6).map(tuple), min_size=1, max_size=2).map(tuple)


@pytest.mark.parametrize(
    ("segments", "draft", "message"),
    [
        (("", ""), (), "0 gaps"),
        (("", "", ""), (("a",),), "1 gaps, but there are 2"),
        (("", ""), (("a",) * 9,), "9 slots is longer than max_tokens, 8"),
        (("", ""), ((None,) * 9,), "9 slots is longer than max_tokens, 8"),
    ],
)
def test_a_draft_of_other_gaps_is_refused(segments: tuple[str, ...], draft: tuple[GapDraft, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ask(*segments, draft=draft, max_tokens=8)


def test_a_draft_of_too_many_tokens_is_refused(tiny: Infiller) -> None:
    with pytest.raises(InputError, match="A draft of 12 tokens"):
        tiny.infill(ask("", "", draft=(("a dozen text",),), max_tokens=11))


@pytest.mark.parametrize(
    ("draft", "expected"),
    [
        ((), ""),
        ((None,), "........"),
        (("a",), "a"),
        (("ab", "c"), "abc"),
        (("a", None), "a......."),
        ((None, "b"), ".....b"),
        (("a", None, None, "b"), "a......b"),
        (("a", None, "b", None), "a.....b."),
        ((None, "ab", None, "c"), "..ab..c"),  # six slots in all would be too many: the holes share what there is
        (("abcdefg", None), "abcdefg."),
    ],
)
def test_slots(tiny: Infiller, draft: GapDraft, expected: str) -> None:
    request = ask("", "", draft=(draft,), max_tokens=8)
    layout = lay_out(request, tiny.tokenizer, tiny.denoiser.config, GENERATION, 100)
    canvas, _ = layout.canvas([8], CPU)
    ids = canvas.ids[canvas.editable].tolist()
    assert "".join("." if token == PAD else tiny.tokenizer.decode([token]) for token in ids) == expected
    assert canvas.open[canvas.editable].tolist() == [character == "." for character in expected]


@pytest.mark.parametrize("noise", [{}, {"noise": "uniform", "mask_token_id": None}])
def test_a_draft_is_only_where_denoising_starts(infiller_of: InfillerFactory, noise: dict[str, Any]) -> None:
    infiller = infiller_of(**noise)
    config = infiller.denoiser.config
    layout = lay_out(ask("x", "y", draft=(("a", None, "b"),)), infiller.tokenizer, config, GENERATION, 100)
    canvas, _ = layout.canvas([8], CPU)
    _, prefix = infiller.denoiser.encode(torch.tensor([layout.prefix]))
    sampler = Sampler.of_checkpoint(config, GENERATION)
    loop = Denoising(infiller.denoiser, sampler, prefix, infiller._banned, SeededDraws.of_seed(0, CPU))
    state = loop.start(canvas)
    assert torch.equal(state.is_open, canvas.open)
    assert torch.equal(state.canvas.ids[~canvas.open], canvas.ids[~canvas.open])
    assert state.drafted.sum() == 2


@settings(max_examples=40, deadline=None)
@given(draft=DRAFTS, seed=st.integers(0, 9), num_candidates=st.integers(1, 3), can_delete=st.booleans())
def test_only_open_slots_change_unless_revised(
    infiller_of: InfillerFactory, draft: tuple[GapDraft, ...], seed: int, num_candidates: int, can_delete: bool
) -> None:
    infiller = infiller_of() if can_delete else infiller_of(delete_token_id=None)
    segments = ("x = ", *["y"] * (len(draft) - 1), "z")
    request = ask(*segments, draft=draft, max_tokens=24, seed=seed, num_candidates=num_candidates)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lacuna_model.sampling.sampler.LeastConfident", Never)
        assume(fits(infiller, request))
        result = infiller.infill(request)
    for fill in result.fills:
        for text, tokens, pieces in zip(fill.texts, fill.tokens, draft, strict=True):
            assert keeps(text, pieces)
            assert len(tokens) <= 24
            if not can_delete and pieces[-1:] != (None,):
                assert len(tokens) == sum(1 if piece is None else len(piece) for piece in pieces)


@settings(max_examples=30, deadline=None)
@given(draft=DRAFTS, seed=st.integers(0, 9))
def test_the_same_seed_gives_the_same_fill(tiny: Infiller, draft: tuple[GapDraft, ...], seed: int) -> None:
    segments = ("x = ", *["y"] * (len(draft) - 1), "z")
    request = ask(*segments, draft=draft, max_tokens=12, seed=seed, temperature=1.0)
    first, second = (Infiller(tiny.denoiser, tiny.tokenizer, GENERATION) for _ in range(2))  # nothing is cached
    assume(fits(first, request))
    assert first.infill(request).fills == second.infill(request).fills


@settings(max_examples=40, deadline=None)
@given(text=st.text("ab (\n", min_size=1, max_size=16))
def test_a_draft_without_open_slots_costs_one_pass_unless_doubted(tiny: Infiller, text: str) -> None:
    check_cost(tiny, "x = ", "z", text)


@pytest.mark.parametrize("text", ["a + b", "sum(a, b)", "xyz", "a\n    b = 1\n    return a"])
def test_the_embedded_model_agrees_in_one_pass_or_doubts(embedded: Infiller, text: str) -> None:
    check_cost(embedded, "def add(a, b):\n    return ", "\n\n\nprint(add(1, 2))\n", text)


def check_cost(infiller: Infiller, prefix: str, suffix: str, text: str) -> None:
    steps, result = run(infiller, ask(prefix, suffix, draft=((text,),)))
    confidences = [slot.confidence for slot in steps[0].gaps[0]]
    assert all(0 < confidence <= 1 for confidence in confidences)
    assert "".join(slot.text or "" for slot in steps[0].gaps[0]) == text
    if min(confidences) >= DOUBT:
        assert result.num_steps == 1
        assert result.fills[0].texts == (text,)
        assert [token.confidence for token in result.fills[0].tokens[0]] == confidences
    else:
        assert result.num_steps > 1


def test_the_embedded_model_judges_its_own_fill(embedded: Infiller) -> None:
    segments = ("import os\n\n\ndef main():\n    for name in os.listdir(", "):\n        print(name)\n")
    check_cost(embedded, *segments, embedded.infill(InfillRequest(segments, "python")).fills[0].texts[0])


@pytest.mark.usefixtures("unrevised")
def test_the_embedded_model_fills_the_hole_in_a_draft(embedded: Infiller) -> None:
    draft: GapDraft = ("    return ", None, " + second", None)
    fill = embedded.infill(ask("def add(first, second):\n", "\n\n", draft=(draft,))).fills[0]
    assert keeps(fill.texts[0], draft)
    hole = fill.texts[0].removeprefix("    return ").partition(" + second")[0]
    assert len(embedded.tokenizer.encode(hole)) <= 1 + MAX_HOLE_SURPLUS


class DeletesFirstHole(Denoiser):
    """Is sure that the slots from the second to the sixth are surplus, and of no other."""

    def logits(self, states: Tensor) -> Tensor:
        logits = super().logits(states)
        logits[:, DELETE] = -100.0
        if len(states) == 12:
            logits[1 : 2 + MAX_HOLE_SURPLUS, DELETE] = 100.0
        return logits


@pytest.mark.usefixtures("unrevised")
def test_a_delete_sweeps_away_its_own_hole_alone(infiller_of: InfillerFactory) -> None:
    infiller = infiller_of(kind=DeletesFirstHole)
    (fill,) = infiller.infill(ask("x", "z", draft=(("a", None, "b", None),), max_tokens=12)).fills
    assert fill.texts[0].startswith("ab")
    assert len(fill.tokens[0]) == 12 - 1 - MAX_HOLE_SURPLUS


@pytest.mark.usefixtures("unrevised")
@pytest.mark.parametrize(
    ("draft", "expected"), [((None,), ""), (("a", None, "b", None), "ab"), ((None, "a", None, None, "b"), "ab")]
)
def test_holes_may_close(infiller_of: InfillerFactory, draft: GapDraft, expected: str) -> None:
    result = infiller_of(kind=DeletingDenoiser).infill(ask("x", "z", draft=(draft,)))
    assert result.fills[0].texts == (expected,)
    assert result.num_forwards == 1


@pytest.mark.usefixtures("unrevised")
@pytest.mark.parametrize("can_delete", [True, False])
@pytest.mark.parametrize(
    ("draft", "num_steps"),
    [
        (("0123456789" * 4,), 3),  # 16 slots a canvas
        (("0123456789abcdef",), 1),
        (("0123", None, "456789" * 5), None),
        (("0123456789abcdef", "01", None), None),
    ],
)
def test_a_long_draft_goes_on_in_further_canvases(
    infiller_of: InfillerFactory, draft: GapDraft, num_steps: int | None, can_delete: bool
) -> None:
    infiller = infiller_of() if can_delete else infiller_of(delete_token_id=None)
    result = infiller.infill(ask("x", "z", draft=(draft,), max_tokens=48))
    assert keeps(result.fills[0].texts[0], draft)
    assert len(result.fills[0].tokens[0]) <= 48
    assert num_steps in (None, result.num_steps)


def test_a_long_draft_survives_deletes(infiller_of: InfillerFactory) -> None:
    draft: GapDraft = ("0123", None, "456789" * 4, None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lacuna_model.sampling.sampler.LeastConfident", Never)
        result = infiller_of(kind=DeletingDenoiser).infill(ask("x", "z", draft=(draft,), max_tokens=48))
    assert result.fills[0].texts == ("0123" + "456789" * 4,)


def test_without_delete_only_the_end_of_a_draft_is_of_several_lengths(infiller_of: InfillerFactory) -> None:
    infiller = infiller_of(delete_token_id=None)
    closed = infiller.infill(ask("x", "z", draft=(("a", None, "b"),), max_tokens=16, num_candidates=9))
    assert [len(fill.tokens[0]) for fill in closed.fills] == [3]
    open_ended = infiller.infill(ask("x", "z", draft=(("abcde", None),), max_tokens=16, num_candidates=9))
    lengths = {len(fill.tokens[0]) for fill in open_ended.fills}
    assert min(lengths) >= 5 and max(lengths) == 16 and len(lengths) > 2
