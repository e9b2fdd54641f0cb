import math
from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from denoising_loops import exhaust
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lacuna_model import beams as beams_module
from lacuna_model.beams import MAX_LAG, MAX_LAG_BEHIND_FINISHED, MAX_RUN, MIN_PROBABILITY_OF_RUN, BeamDenoising
from lacuna_model.canvas import CLAMPED, Canvas
from lacuna_model.config import DenoiserConfig
from lacuna_model.constraints.beginnings import Beginnings
from lacuna_model.constraints.token_classes import IMPOSSIBLE
from lacuna_model.denoising import Denoised, Limits, State
from lacuna_model.sampling.acceptance import EntropyBound
from lacuna_model.sampling.draws import SeededDraws
from lacuna_model.sampling.noise import noise_of
from lacuna_model.sampling.revision import Never
from lacuna_model.sampling.sampler import Sampler
from lacuna_model.sampling.schedule import LinearTemperature
from lacuna_model.sampling.stopping import StableAndConfident
from lacuna_model.transformer.denoiser import Denoiser

CPU = torch.device("cpu")
DELETE, MASK = 3, 4
BANNED = torch.tensor([0, 1, 2, MASK, 5])
BLANK = [token % 2 == 1 for token in range(6 + 256)]
TOKEN_BYTES = [b"" if token < 6 else b" " if BLANK[token] else bytes([97 + token % 26]) for token in range(6 + 256)]
PROMPT = torch.tensor([[2, 30, 40, 50, 60]])

Row = list[tuple[int, int]]
OPEN = 0


class OftenDeletes(Denoiser):
    """Sometimes sure of a delete, sometimes in doubt, sometimes sure of a token."""

    def logits(self, states: Tensor) -> Tensor:
        logits = 1.5 * super().logits(states)
        logits[..., DELETE] += 8.0 + 14.0 * (40.0 * states[..., 0]).sin()
        return logits


@pytest.fixture(scope="module")
def denoiser(tiny_config: Callable[..., DenoiserConfig], tiny_denoiser: Callable[..., Denoiser]) -> Denoiser:
    return tiny_denoiser(tiny_config(), kind=OftenDeletes)


def beams(
    denoiser: Denoiser, width: int, goes_on: bool = False, word: bytes = b"", num_wanted: int = 1
) -> BeamDenoising:
    sampler = Sampler(
        noise=noise_of(denoiser.config),
        acceptance=EntropyBound(0.0),
        schedule=LinearTemperature(0.0, 0.0),
        stopping=StableAndConfident(1, 0.0),
        revision=Never(),
        candidate_temperature=0.7,
    )
    _, prefix = denoiser.encode(PROMPT)
    draws = SeededDraws.of_seed(0, CPU)
    return BeamDenoising(
        denoiser,
        sampler,
        prefix,
        BANNED,
        draws,
        token_bytes=TOKEN_BYTES,
        beginnings=Beginnings(TOKEN_BYTES),
        word=word,
        width=width,
        num_wanted=num_wanted,
        goes_on=goes_on,
    )


def run(loop: BeamDenoising, row: Row, num_steps: int = 64) -> tuple[list[State], Denoised]:
    steps = loop.run(Canvas.of_rows([row], 0, CPU), Limits(num_steps, None, 0, lambda: False))
    return exhaust(steps)


def rows_of(denoised: Denoised) -> list[list[int]]:
    return [row[gaps != -2].tolist() for row, gaps in zip(denoised.canvas.ids, denoised.canvas.gaps, strict=True)]


@st.composite
def layouts(draw: st.DrawFn) -> Row:
    """One or two gaps, some with tokens of a draft in them, and given tokens around them."""
    row: Row = []
    for gap in range(draw(st.integers(1, 2))):
        for _ in range(draw(st.integers(1, 5))):
            row.append((draw(st.sampled_from([OPEN, OPEN, OPEN, 70])), gap))
        row += [(token, CLAMPED) for token in draw(st.lists(st.integers(5, 200), min_size=1, max_size=3))]
    return row


def plain(loop: BeamDenoising, row: Row) -> list[tuple[list[int], float]]:
    """The same search with lists, one row and one slot at a time."""
    ids = [MASK if gap >= 0 and token == OPEN else token for token, gap in row]
    drafted = [gap >= 0 and token != OPEN for token, gap in row]
    places = [(token, gap, is_drafted) for token, (_, gap), is_drafted in zip(ids, row, drafted, strict=True)]
    hypotheses = [(places, 0.0)]
    while any(is_open(hypothesis) for hypothesis, _ in hypotheses):
        ways = []
        for hypothesis, score in hypotheses:
            ways += continued(loop, hypothesis, score) if is_open(hypothesis) else [(hypothesis, score, score)]
        # they are compared by what the pass says about the frontier alone
        finished = [score for hypothesis, score in hypotheses if not is_open(hypothesis)]
        chosen = sorted(ways, key=lambda way: -way[2])[: loop.width]
        least = max(max(finished, default=-math.inf) - MAX_LAG_BEHIND_FINISHED, chosen[0][2] - MAX_LAG)
        hypotheses = [
            (way, score) for rank, (way, score, compared) in enumerate(chosen) if rank < 1 or compared >= least
        ]
    return [([token for token, _, _ in hypothesis], score) for hypothesis, score in hypotheses]


Places = list[tuple[int, int, bool]]


def is_open(places: Places) -> bool:
    return any(token == MASK and gap >= 0 for token, gap, _ in places)


def seen(places: Places) -> tuple[list[int], list[int]]:
    """Where what a pass sees lies, and the slots that may be accepted in it."""
    num_open: dict[int, int] = {}
    last = max(place for place, (_, gap, _) in enumerate(places) if gap >= 0)
    shown, read = [], []
    for place, (token, gap, _) in enumerate(places):
        if gap >= 0 and token == MASK:
            num_open[gap] = num_open.get(gap, 0) + 1
            is_all = any(is_drafted for _, _, is_drafted in places)
            if is_all or num_open[gap] <= beams_module.MAX_RUN:
                read.append(place)
            if is_all or num_open[gap] <= beams_module.MAX_OPEN_SLOTS:
                shown.append(place)
        elif place - last <= beams_module.MAX_SUFFIX_TOKENS:
            shown.append(place)
    return shown, read


def continued(loop: BeamDenoising, places: Places, score: float) -> list[tuple[Places, float, float]]:
    shown, read = seen(places)
    ids = torch.tensor([[places[place][0] for place in shown]])
    logits = loop.denoiser.logits(loop.denoiser.denoise(ids, loop.prefix))[0]
    logits[:, BANNED] = IMPOSSIBLE
    steps = dict(zip(shown, logits.log_softmax(-1), strict=True))
    frontier = next(place for place, (token, gap, _) in enumerate(places) if token == MASK and gap >= 0)
    gap = places[frontier][1]
    begins = all(BLANK[token] for token, other, _ in places[:frontier] if other == gap)
    ways = []
    for token in range(len(steps[frontier])):
        if token == DELETE and begins and not loop.goes_on and steps[frontier][DELETE] < math.log(0.5):
            continue
        at_frontier = score + float(steps[frontier][token])
        accepted, total = {frontier: token}, at_frontier
        if token == int(steps[frontier].argmax()):
            together = 0.0
            for place in range(frontier + 1, len(places)):
                if place not in read:
                    break
                best = float(steps[place].max())
                together += best
                if together < math.log(MIN_PROBABILITY_OF_RUN):
                    break
                accepted[place] = int(steps[place].argmax())
                total += best
        after = [(accepted.get(place, old), other, is_drafted) for place, (old, other, is_drafted) in enumerate(places)]
        ways.append((without_surplus(after, accepted), total, at_frontier))
    return ways


def without_surplus(places: list[tuple[int, int, bool]], accepted: dict[int, int]) -> Places:
    kept: Places = []
    ended: int | None = None
    for place, (token, gap, is_drafted) in enumerate(places):
        if gap != ended or is_drafted:
            ended = None
        if place in accepted and token == DELETE:
            ended = gap
            continue
        if ended is not None and token == MASK and place not in accepted:
            continue
        kept.append((token, gap, is_drafted))
    return kept


@settings(max_examples=60, deadline=None)
@given(row=layouts(), width=st.sampled_from([1, 2, 5]), goes_on=st.booleans(), is_short_sighted=st.booleans())
def test_the_search_equals_a_plain_one(
    denoiser: Denoiser, row: Row, width: int, goes_on: bool, is_short_sighted: bool
) -> None:
    loop = beams(denoiser, width, goes_on)
    with pytest.MonkeyPatch.context() as patch:
        if is_short_sighted:
            for name, value in {"MAX_RUN": 2, "MAX_OPEN_SLOTS": 3, "MAX_SUFFIX_TOKENS": 1}.items():
                patch.setattr(beams_module, name, value)
        _, denoised = run(loop, row)
        expected = plain(loop, row)
    assert rows_of(denoised)[0] == expected[0][0]
    assert sorted(rows_of(denoised)) == sorted(ids for ids, _ in expected)
    torch.testing.assert_close(
        denoised.score.sort().values, torch.tensor([score for _, score in expected]).sort().values, atol=1e-3, rtol=1e-4
    )


@settings(max_examples=30, deadline=None)
@given(row=layouts(), width=st.sampled_from([1, 4]), num_steps=st.integers(1, 4))
def test_given_and_drafted_tokens_stay_and_nothing_is_left_undecided(
    denoiser: Denoiser, row: Row, width: int, num_steps: int
) -> None:
    states, denoised = run(beams(denoiser, width), row, num_steps)
    given = [token for token, gap in row if gap == CLAMPED]
    for canvas in (*(state.canvas for state in states), denoised.canvas):
        for ids, gaps in zip(canvas.ids, canvas.gaps, strict=True):
            assert ids[gaps == CLAMPED].tolist() == given
            assert ids.tolist().count(70) >= sum(token == 70 for token, gap in row if gap >= 0)
    filled = denoised.canvas.ids[denoised.canvas.editable]
    assert not bool(torch.isin(filled, torch.cat((BANNED, torch.tensor([DELETE])))).any())
    assert len(states) == denoised.num_steps <= num_steps
    assert len(denoised.score) <= width


def test_candidates_are_best_first_distinct_and_better_the_wider_the_beam(denoiser: Denoiser) -> None:
    row: Row = [(OPEN, 0)] * 6 + [(60, CLAMPED)]
    best = []
    for width in (1, 4, 16):
        _, denoised = run(beams(denoiser, width, num_wanted=width), row)
        candidates = [tuple(ids) for ids in rows_of(denoised)]
        assert len(set(candidates)) == len(candidates) == width
        best.append(float(denoised.score.max()))
    assert all(wider >= narrower - 1e-4 for narrower, wider in pairwise(best))


class Certain(Denoiser):
    """Knows what every slot holds: the same token everywhere."""

    def logits(self, states: Tensor) -> Tensor:
        logits = torch.zeros_like(super().logits(states))
        logits[..., 80] = 20.0
        return logits


def test_what_is_certain_takes_one_pass(
    tiny_config: Callable[..., DenoiserConfig], tiny_denoiser: Callable[..., Denoiser]
) -> None:
    loop = beams(tiny_denoiser(tiny_config(), kind=Certain), 1)
    states, denoised = run(loop, [(OPEN, 0)] * MAX_RUN + [(60, CLAMPED), (OPEN, 1), (60, CLAMPED)])
    assert len(states) == 2  # the other gap is another run
    assert denoised.canvas.ids[0].tolist() == [80] * MAX_RUN + [60, 80, 60]


@pytest.mark.parametrize(
    ("chance", "goes_on", "is_empty"), [(0.4, False, False), (0.6, False, True), (0.4, True, True)]
)
def test_a_gap_stays_empty_if_that_is_likelier_than_not(
    tiny_config: Callable[..., DenoiserConfig],
    tiny_denoiser: Callable[..., Denoiser],
    chance: float,
    goes_on: bool,
    is_empty: bool,
) -> None:
    class Undecided(Denoiser):
        def logits(self, states: Tensor) -> Tensor:
            logits = torch.zeros_like(super().logits(states))
            num_others = logits.shape[-1] - len(BANNED) - 1
            logits[..., DELETE] = math.log(chance / (1 - chance) * num_others)
            return logits

    loop = beams(tiny_denoiser(tiny_config(), kind=Undecided), 1, goes_on)
    _, denoised = run(loop, [(OPEN, 0)] * 3 + [(60, CLAMPED)])
    assert (denoised.canvas.ids[0].tolist() == [60]) == is_empty


@pytest.mark.parametrize(("drafted", "is_kept"), [(71, False), (70, True)])
def test_blanks_alone_are_no_text(
    tiny_config: Callable[..., DenoiserConfig], tiny_denoiser: Callable[..., Denoiser], drafted: int, is_kept: bool
) -> None:
    class LikesToStop(Denoiser):
        def logits(self, states: Tensor) -> Tensor:
            logits = torch.zeros_like(super().logits(states))
            logits[..., DELETE] = 2.0
            return logits

    loop = beams(tiny_denoiser(tiny_config(), kind=LikesToStop), 1)
    _, denoised = run(loop, [(drafted, 0), (OPEN, 0), (OPEN, 0), (60, CLAMPED)])
    assert bool(BLANK[drafted]) is not is_kept
    assert (denoised.canvas.ids[0].tolist() == [drafted, 60]) == is_kept


@pytest.mark.parametrize("num_steps", [1, 2, 20])
@pytest.mark.parametrize("word", [b"q", b" sacs"])
def test_the_first_gap_begins_with_the_word(denoiser: Denoiser, word: bytes, num_steps: int) -> None:
    row: Row = [(OPEN, 0)] * 12 + [(60, CLAMPED), (OPEN, 1), (OPEN, 1), (60, CLAMPED)]
    _, denoised = run(beams(denoiser, 4, word=word), row, num_steps)
    for ids, gaps in zip(denoised.canvas.ids, denoised.canvas.gaps, strict=True):
        assert b"".join(TOKEN_BYTES[token] for token in ids[gaps == 0].tolist()).startswith(word)


def test_a_word_alone_is_no_text(
    tiny_config: Callable[..., DenoiserConfig], tiny_denoiser: Callable[..., Denoiser]
) -> None:
    class LikesToStop(Denoiser):
        def logits(self, states: Tensor) -> Tensor:
            logits = torch.zeros_like(super().logits(states))
            logits[..., DELETE] = 2.0
            return logits

    loop = beams(tiny_denoiser(tiny_config(), kind=LikesToStop), 1, word=b"ac")
    _, denoised = run(loop, [(OPEN, 0)] * 9 + [(60, CLAMPED)])
    text = b"".join(TOKEN_BYTES[token] for token in denoised.canvas.ids[0][denoised.canvas.editable[0]].tolist())
    assert text.startswith(b"ac") and text[2:].strip()


def test_a_step_limit_leaves_whole_texts(denoiser: Denoiser) -> None:
    states, denoised = run(beams(denoiser, 3), [(OPEN, 0)] * 8 + [(60, CLAMPED)], 1)
    assert denoised.stop_reason == "max_steps"
    assert not bool((denoised.canvas.ids == MASK).any())
    assert bool((denoised.confidence[denoised.canvas.editable] > 0).all())
    assert all(0 <= float(value) <= 1 for value in states[0].confidence.flatten())


def test_rows_wait_for_each_other_unchanged(denoiser: Denoiser) -> None:
    loop = beams(denoiser, 4)
    states, denoised = run(loop, [(OPEN, 0)] * 7 + [(60, CLAMPED)])
    finished: dict[tuple[int, ...], float] = {}
    for state in states:
        for ids, gaps, score, is_finished in zip(
            state.canvas.ids, state.canvas.gaps, state.score, state.finished, strict=True
        ):
            if bool(is_finished):
                text = tuple(ids[gaps >= 0].tolist())
                assert finished.setdefault(text, float(score)) == pytest.approx(float(score))
    assert {tuple(ids[:-1]) for ids in rows_of(denoised)} <= set(finished)
