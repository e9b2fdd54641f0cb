from collections.abc import Callable
from dataclasses import replace
from itertools import chain

import pytest
import torch
from denoising_loops import exhaust
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lacuna_model.canvas import CLAMPED, PADDING, Canvas
from lacuna_model.config import DenoiserConfig
from lacuna_model.constraints.token_classes import IMPOSSIBLE
from lacuna_model.denoising import Denoising, Limits
from lacuna_model.sampling.acceptance import Acceptance, ConfidenceThreshold, EntropyBound
from lacuna_model.sampling.draws import SeededDraws
from lacuna_model.sampling.noise import noise_of
from lacuna_model.sampling.revision import LeastConfident, Never, Revision
from lacuna_model.sampling.sampler import Sampler
from lacuna_model.sampling.schedule import LinearTemperature
from lacuna_model.sampling.stopping import StableAndConfident
from lacuna_model.transformer.denoiser import Denoiser

CPU = torch.device("cpu")
DELETE, MASK = 3, 4
BANNED = torch.tensor([0, 1, 2, MASK])
PROMPT = torch.tensor([[2, 30, 40, 50, 60]])

Row = list[tuple[int, int]]


class EagerToDelete(Denoiser):
    """Finds the delete token so probable that several are predicted in most canvases."""

    def logits(self, states: Tensor) -> Tensor:
        logits = super().logits(states)
        logits[..., DELETE] += 8.0 + 20.0 * (1000.0 * states[..., 0]).sin()  # a coin for every slot
        return logits


@pytest.fixture(scope="module")
def denoisers(
    tiny_config: Callable[..., DenoiserConfig], tiny_denoiser: Callable[..., Denoiser]
) -> dict[str, Denoiser]:
    return {
        "absorbing": tiny_denoiser(tiny_config(), kind=EagerToDelete),
        "uniform": tiny_denoiser(tiny_config(noise="uniform", mask_token_id=None), kind=EagerToDelete),
    }


def denoising(
    denoiser: Denoiser,
    acceptance: Acceptance,
    seed: int = 0,
    temperature: float = 0.0,
    revision: Revision | None = None,
) -> Denoising:
    sampler = Sampler(
        noise=noise_of(denoiser.config),
        acceptance=acceptance,
        schedule=LinearTemperature(temperature, temperature),
        stopping=StableAndConfident(1, 0.5),
        revision=LeastConfident() if revision is None else revision,
        candidate_temperature=0.7,
    )
    _, prefix = denoiser.encode(PROMPT)
    return Denoising(denoiser, sampler, prefix, BANNED, SeededDraws.of_seed(seed, CPU))


def limits(num_steps: int) -> Limits:
    return Limits(num_steps, None, 0, lambda: False)


@st.composite
def canvases(draw: st.DrawFn) -> list[Row]:
    """Rows of one to three gaps with given tokens, any of the vocabulary, between and behind them."""
    num_gaps = draw(st.integers(1, 3))
    rows = []
    for _ in range(draw(st.integers(1, 3))):
        row: Row = []
        for gap in range(num_gaps):
            row += [(0, gap)] * draw(st.integers(0, 6))
            row += [(token, CLAMPED) for token in draw(st.lists(st.integers(0, 200), max_size=4))]
        rows.append([*row, (1, CLAMPED)])
    return rows


def slots(canvas: Canvas, row: int) -> list[int]:
    filled: list[int] = canvas.ids[row][canvas.editable[row]].tolist()
    return filled


def given_tokens(canvas: Canvas) -> list[list[int]]:
    return [row[gaps == CLAMPED].tolist() for row, gaps in zip(canvas.ids, canvas.gaps, strict=True)]


@settings(max_examples=60, deadline=None)
@given(
    rows=canvases(),
    noise=st.sampled_from(["absorbing", "uniform"]),
    acceptance=st.sampled_from([EntropyBound(0.1), EntropyBound(8.0), ConfidenceThreshold(0.3)]),
    temperature=st.sampled_from([0.0, 0.8]),
    seed=st.integers(0, 1000),
)
def test_given_tokens_never_change(
    denoisers: dict[str, Denoiser],
    rows: list[Row],
    noise: str,
    acceptance: Acceptance,
    temperature: float,
    seed: int,
) -> None:
    canvas = Canvas.of_rows(rows, 0, CPU)
    states, denoised = exhaust(denoising(denoisers[noise], acceptance, seed, temperature).run(canvas, limits(6)))
    expected = given_tokens(canvas)
    for state in states:
        assert given_tokens(state.canvas) == expected
        assert state.whole[state.canvas.gaps == CLAMPED].tolist() == list(chain.from_iterable(expected))
    assert given_tokens(denoised.canvas) == expected
    filled = denoised.canvas.ids[denoised.canvas.editable]
    assert not bool(torch.isin(filled, torch.cat((BANNED, torch.tensor([DELETE])))).any())
    assert bool((denoised.canvas.ids[denoised.canvas.gaps == PADDING] == 0).all())


@pytest.mark.parametrize("noise", ["absorbing", "uniform"])
def test_the_same_seed_gives_the_same_canvas(denoisers: dict[str, Denoiser], noise: str) -> None:
    canvas = Canvas.of_rows([[(0, 0)] * 12 + [(60, CLAMPED)]] * 2, 0, CPU)

    def run(seed: int) -> list[list[list[int]]]:
        loop = denoising(denoisers[noise], EntropyBound(1.0), seed, temperature=0.8)
        return [state.canvas.ids.tolist() for state in exhaust(loop.run(canvas, limits(5)))[0]]

    assert run(1) == run(1)
    assert run(1) != run(2)


def plain_loop(loop: Denoising, ids: list[int], gaps: list[int], num_steps: int) -> tuple[list[list[int]], list[int]]:
    """Greedy absorbing denoising of one row with lists and single slots: the canvas after each step, and the fill."""
    denoiser, bound, stopping = loop.denoiser, loop.sampler.acceptance, loop.sampler.stopping
    assert isinstance(bound, EntropyBound) and isinstance(stopping, StableAndConfident)
    ids = [MASK if gap >= 0 else token for token, gap in zip(ids, gaps, strict=True)]
    gaps = list(gaps)
    beliefs: list[Tensor] | None = None
    guess: list[int] | None = None
    num_stable, num_revisions = 0, 0
    trace: list[list[int]] = []

    def remove(places: list[int]) -> None:
        for values in (ids, gaps, guess, beliefs, sure):
            if values is not None:
                for place in reversed(places):
                    del values[place]

    while len(trace) < num_steps:
        given = denoiser.embed(torch.tensor(ids))
        soft = None
        if beliefs is not None:
            soft = torch.stack([b if gap >= 0 else g for b, g, gap in zip(beliefs, given, gaps, strict=True)])[None]
        logits = denoiser.logits(denoiser.denoise(torch.tensor([ids]), loop.prefix, soft))[0]
        logits[:, BANNED] = IMPOSSIBLE
        chances = [row.softmax(-1) for row in logits]
        entropies = [float(torch.special.entr(chance).sum()) for chance in chances]
        masked = [place for place, token in enumerate(ids) if gaps[place] >= 0 and token == MASK]
        accepted, total = [], 0.0
        for place in sorted(masked, key=lambda place: entropies[place]):
            if total > bound.bound:
                break
            accepted.append(place)
            total += entropies[place]
        for place in accepted:
            ids[place] = int(chances[place].argmax())
        before, guess = (
            guess,
            [
                int(chance.argmax()) if gap >= 0 and token == MASK else token
                for token, gap, chance in zip(ids, gaps, chances, strict=True)
            ],
        )
        sure: list[float] = [float(chance[token]) for chance, token in zip(chances, guess, strict=True)]
        num_stable = num_stable + 1 if guess == before else 0
        mean = sum(entropies[place] for place in masked) / max(1, len(masked))
        beliefs = list(denoiser.beliefs(logits))
        finished = num_stable >= stopping.stability and mean < stopping.confidence
        deleted = [place for place in accepted if ids[place] == DELETE]
        remove(
            [
                place
                for place in range(len(ids))
                if place in deleted
                or (
                    ids[place] == MASK
                    and gaps[place] >= 0
                    and any(gaps[d] == gaps[place] and d < place for d in deleted)
                )
            ]
        )
        trace.append(list(ids))
        if not (finished or all(token != MASK or gap < 0 for token, gap in zip(ids, gaps, strict=True))):
            continue
        if num_revisions == loop.sampler.revision.num_passes:
            break
        num_revisions += 1
        settle(ids, gaps, guess, remove)
        slots = sorted((place for place, gap in enumerate(gaps) if gap >= 0), key=lambda place: sure[place])
        doubted = [place for place in slots[: -(-len(slots) // 4)] if sure[place] < 0.5]
        if not doubted:
            break
        for place in doubted:
            ids[place] = MASK
        num_stable = 0
    settle(ids, gaps, guess or [], remove)
    return trace, ids


def settle(ids: list[int], gaps: list[int], guess: list[int], remove: Callable[[list[int]], None]) -> None:
    ended: set[int] = set()
    surplus = []
    for place, gap in enumerate(gaps):
        if gap >= 0:
            if guess[place] == DELETE:
                ended.add(gap)
            if gap in ended and (ids[place] == MASK or guess[place] == DELETE):
                surplus.append(place)
            ids[place] = guess[place]
    remove(surplus)


@settings(max_examples=40, deadline=None)
@given(rows=canvases(), bound=st.sampled_from([0.1, 3.0, 12.0]), num_steps=st.integers(1, 10))
def test_the_loop_equals_a_plain_one(
    denoisers: dict[str, Denoiser], rows: list[Row], bound: float, num_steps: int
) -> None:
    ids, gaps = (list(column) for column in zip(*rows[0], strict=True))
    if max(gaps) < 0:
        return
    loop = denoising(denoisers["absorbing"], EntropyBound(bound))
    states, denoised = exhaust(loop.run(Canvas.of_rows(rows[:1], 0, CPU), limits(num_steps)))
    trace, fill = plain_loop(loop, ids, gaps, num_steps)
    assert [state.canvas.ids[0].tolist() for state in states] == trace
    assert denoised.canvas.ids[0].tolist() == fill
    assert denoised.num_steps == len(trace)


def test_a_row_that_is_finished_waits_for_the_others(denoisers: dict[str, Denoiser]) -> None:
    rows: list[Row] = [[(0, 0)] * 2 + [(60, CLAMPED)] * 9, [(0, 0)] * 10 + [(60, CLAMPED)]]
    loop = denoising(denoisers["absorbing"], EntropyBound(0.0), revision=Never())
    states, denoised = exhaust(loop.run(Canvas.of_rows(rows, 0, CPU), limits(12)))
    first_done = next(i for i, state in enumerate(states) if bool(state.finished[0]))
    assert first_done < len(states) - 1
    expected = states[first_done].whole[0][states[first_done].canvas.editable[0]].tolist()
    for state in states[first_done:]:
        assert state.whole[0][state.canvas.editable[0]].tolist() == expected
    assert slots(denoised.canvas, 0) == expected


@pytest.mark.parametrize("noise", ["absorbing", "uniform"])
def test_a_revision_never_lengthens_the_run_beyond_its_limit(denoisers: dict[str, Denoiser], noise: str) -> None:
    canvas = Canvas.of_rows([[(0, 0)] * 8 + [(60, CLAMPED)]], 0, CPU)
    doubtful = LeastConfident(threshold=1.0, share=1.0, num_passes=2)
    for num_steps in range(1, 7):
        loop = denoising(denoisers[noise], EntropyBound(50.0), revision=doubtful)
        states, denoised = exhaust(loop.run(canvas, limits(num_steps)))
        assert len(states) == denoised.num_steps <= num_steps
        if noise == "absorbing":  # everything is accepted at once, so each step ends a pass
            assert denoised.num_steps == min(num_steps, 1 + doubtful.num_passes)


def test_candidates_other_than_the_first_are_drawn(denoisers: dict[str, Denoiser]) -> None:
    canvas = Canvas.of_rows([[(0, 0)] * 8 + [(60, CLAMPED)]] * 4, 0, CPU)
    loop = denoising(denoisers["absorbing"], EntropyBound(3.0), revision=Never())
    fills = {tuple(slots(exhaust(loop.run(canvas, limits(8)))[1].canvas, row)) for row in range(4)}
    assert len(fills) > 1
    greedy = replace(loop, sampler=replace(loop.sampler, candidate_temperature=0.0))
    denoised = exhaust(greedy.run(canvas, limits(8)))[1]
    assert len({tuple(slots(denoised.canvas, row)) for row in range(4)}) == 1


class GivenToDelete(Denoiser):
    """Deletes often, yet not so that rounding errors decide."""

    def logits(self, states: Tensor) -> Tensor:
        logits = super().logits(states)
        logits[..., DELETE] += 10.0 + 12.0 * (5.0 * states[..., 0]).sin()
        return logits


def test_a_row_does_not_depend_on_the_rows_beside_it(
    tiny_config: Callable[..., DenoiserConfig], tiny_denoiser: Callable[..., Denoiser]
) -> None:
    denoiser = tiny_denoiser(tiny_config(), kind=GivenToDelete)
    num_unequal = 0
    for seed in range(12):
        row: Row = [(0, 0)] * 8 + [(40 + seed, CLAMPED), (60, CLAMPED)]
        alone, together = (denoising(denoiser, EntropyBound(0.5), seed) for _ in range(2))
        _, first = exhaust(alone.run(Canvas.of_rows([row], 0, CPU), limits(16)))
        _, all_rows = exhaust(together.run(Canvas.of_rows([row, row, row], 0, CPU), limits(16)))
        assert slots(all_rows.canvas, 0) == slots(first.canvas, 0)
        num_unequal += len({len(slots(all_rows.canvas, number)) for number in range(3)}) > 1
    assert num_unequal > 3


def test_confidence_does_not_depend_on_the_temperature(denoisers: dict[str, Denoiser]) -> None:
    row: Row = [(0, 0)] * 4 + [(60, CLAMPED)]
    steps = denoising(denoisers["absorbing"], EntropyBound(0.0)).run(Canvas.of_rows([row] * 2, 0, CPU), limits(1))
    state = next(steps)
    same = state.whole[0] == state.whole[1]
    assert bool(same[:4].any())
    torch.testing.assert_close(state.confidence[0][same], state.confidence[1][same])


def test_a_tiny_temperature_is_nearly_greedy(denoisers: dict[str, Denoiser]) -> None:
    row: Row = [(0, 0)] * 6 + [(60, CLAMPED)]
    _, cold = exhaust(
        denoising(denoisers["absorbing"], EntropyBound(0.5), temperature=1e-9).run(
            Canvas.of_rows([row], 0, CPU), limits(16)
        )
    )
    assert cold.num_steps < 6
