from pathlib import Path

import numpy as np
import pytest
import torch

import lacuna_model
from lacuna_model.beams import MAX_OPEN_SLOTS, MAX_SUFFIX_TOKENS
from lacuna_model.config import DenoiserConfig
from lacuna_model.evaluation.documents import Document
from lacuna_model.tokenizer import Tokenizer
from lacuna_model.training.examples import ANY, Batch, Role, WindowDataset, WindowShape, batches
from lacuna_model.training.noising import Noising, add_noise
from lacuna_model.training.recipe import nano_config
from lacuna_model.training.spans import SpanMixture

SOURCE = Path(torch.__file__).with_name("_utils.py").read_text(encoding="utf-8")
WORDS = Tokenizer.load(Path(lacuna_model.__file__).with_name("weights") / "nano")
CONFIG = DenoiserConfig.from_json(nano_config(WORDS, "absorbing"))
MASK, DELETE = CONFIG.mask_token_id, CONFIG.delete_token_id


@pytest.fixture(scope="module")
def dataset() -> WindowDataset:
    documents = [Document(text=SOURCE, language="python", package="torch", path="_utils.py")]
    return WindowDataset(documents, WORDS, CONFIG, WindowShape(), SpanMixture(), seed=3)


def test_prefix_middle_and_suffix_stand_in_the_document(dataset: WindowDataset) -> None:
    num_checked = 0
    for index in range(12):
        window = dataset[index]
        for ids, roles, start in zip(window.canvases, window.roles, window.starts, strict=True):
            gaps = "".join("-MEs"[role] for role in roles).strip("-").split("-")
            if not any(gaps) or not all("E" in gap for gap in gaps if gap):
                continue  # no gap, or one whose text may be longer than its slots
            text = WORDS.decode([*window.tokens[:start].tolist(), *ids[ids != DELETE].tolist()])
            assert text in SOURCE
            num_checked += 1
    assert num_checked > 30


def test_a_window_begins_with_its_language(dataset: WindowDataset) -> None:
    assert dataset[0].tokens[:2].tolist() == [CONFIG.bos_token_id, WORDS.language_id("python")]


def test_surplus_follows_one_end_and_slots_stay_in_their_part(dataset: WindowDataset) -> None:
    seen = set()
    for index in range(12):
        for ids, roles in zip(dataset[index].canvases, dataset[index].roles, strict=True):
            seen.update(roles.tolist())
            assert set(ids[np.isin(roles, (Role.END, Role.SURPLUS))]) <= {DELETE}
            assert DELETE not in ids[np.isin(roles, (Role.GIVEN, Role.MIDDLE))]
            for place in np.flatnonzero(roles == Role.SURPLUS):
                assert roles[place - 1] in (Role.END, Role.SURPLUS)
            assert not roles[dataset.shape.max_slots :].any()
    assert seen == set(Role)


def test_order_depends_on_the_seed_alone(dataset: WindowDataset) -> None:
    first = next(batches(dataset, 2, 5, num_workers=0))
    again = next(batches(dataset, 2, 5, num_workers=1))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))


@pytest.mark.parametrize("noising", [Noising(revision=0.0), Noising(revision=0.3), Noising("uniform")])
def test_noise_touches_slots_only(dataset: WindowDataset, noising: Noising) -> None:
    batch = next(batches(dataset, 4, 0, num_workers=0))
    noisy = add_noise(batch, noising, MASK, CONFIG.vocab_size, torch.Generator().manual_seed(0))
    given = batch.roles == Role.GIVEN
    assert torch.equal(noisy.ids[given], batch.canvases[given])
    assert not noisy.weights[given].any()
    ends = batch.roles == Role.END
    assert (noisy.weights[ends] == 1).all()
    if noising.kind == "absorbing":
        assert set(noisy.ids[ends].tolist()) == {MASK}
        changed = (batch.roles == Role.MIDDLE) & (noisy.ids != batch.canvases)
        assert (noisy.weights[changed] == 1).all()
        num_wrong = int((changed & (noisy.ids != MASK)).sum())
        assert (num_wrong > 0) == (noising.revision > 0)
    else:
        assert set(noisy.ids[ends].tolist()) != {DELETE}


def test_noise_levels_spread_and_some_canvases_are_all_masked(dataset: WindowDataset) -> None:
    batch = next(batches(dataset, 40, 0, num_workers=0))
    noisy = add_noise(batch, Noising(revision=0.0, full=0.5), MASK, CONFIG.vocab_size, torch.Generator().manual_seed(1))
    middle = batch.roles == Role.MIDDLE
    long = middle.sum(1) >= 8
    shares = ((noisy.ids == MASK) & middle).sum(1)[long] / middle.sum(1)[long]
    assert 0.4 < (shares == 1).float().mean() < 0.7
    assert shares.min() < 0.4


def test_canvases_in_order_show_the_first_slots_and_weigh_the_next_one(dataset: WindowDataset) -> None:
    batch = next(batches(dataset, 40, 0, num_workers=0))
    noising = Noising(revision=0.0, left_to_right=1.0, visible_weight=0.0)
    noisy = add_noise(batch, noising, MASK, CONFIG.vocab_size, torch.Generator().manual_seed(1))
    slots = batch.roles != Role.GIVEN
    masked = slots & (noisy.ids == MASK)
    shown = (batch.roles == Role.MIDDLE) & ~masked
    one_gap = (slots[:, 1:] & ~slots[:, :-1]).sum(1) + slots[:, 0] == 1
    last_shown = (shown.cumsum(1) * shown).argmax(1)
    first_masked = masked.int().argmax(1)
    both = shown.any(1) & masked.any(1) & one_gap
    assert both.sum() > 20
    assert (last_shown < first_masked)[both].all()
    rows = masked.any(1).nonzero().squeeze(1)
    assert (noisy.weights[rows, first_masked[rows]] >= noising.surplus_weight).all()
    assert noisy.weights.gt(noising.others_weight).sum(1).le(1).all()
    assert {int(n) for n in shown.sum(1)} >= set(range(6))


def test_canvases_are_as_a_pass_of_beams_sees_them() -> None:
    shape = WindowShape(num_tokens=96, num_canvases=6, canvas_length=32, num_characters=400, beams=1.0)
    documents = [Document(text=SOURCE, language="python", package="torch", path="_utils.py")]
    dataset = WindowDataset(documents, WORDS, CONFIG, shape, SpanMixture(), seed=3)
    batch = next(batches(dataset, 30, 0, num_workers=0))
    noising = Noising(revision=0.0, visible_weight=0.0)
    noisy = add_noise(batch, noising, MASK, CONFIG.vocab_size, torch.Generator().manual_seed(1))
    ends = 0
    for row, (ids, roles, start, num_shown) in enumerate(
        zip(batch.canvases, batch.roles, batch.starts.tolist(), batch.num_shown.tolist(), strict=True)
    ):
        num_slots = int((roles != Role.GIVEN).sum())
        assert num_slots == num_shown + MAX_OPEN_SLOTS
        is_masked = [token == MASK for token in noisy.ids[row, :num_slots].tolist()]
        assert is_masked == [False] * num_shown + [True] * MAX_OPEN_SLOTS
        assert int(noisy.weights[row].argmax()) == num_shown and noisy.weights[row, num_shown] == 1
        suffix = [token for token in ids[num_slots:].tolist() if token != CONFIG.pad_token_id]
        assert len(suffix) <= MAX_SUFFIX_TOKENS
        is_ended = bool((roles == Role.END).any())
        if is_ended or not suffix:
            ends += 1
            kept = [token for token in ids.tolist() if token not in (DELETE, CONFIG.pad_token_id)]
            assert WORDS.decode([*batch.tokens[row // 6, :start].tolist(), *kept]) in SOURCE
    assert ends > 20
    assert {int(n) for n in batch.num_shown} == set(range(32 - MAX_OPEN_SLOTS - MAX_SUFFIX_TOKENS + 1))


def test_a_canvas_of_many_gaps_still_stands_in_the_document() -> None:
    shape = WindowShape(num_tokens=96, num_canvases=1, canvas_length=160, num_gaps=12, max_surplus=2)
    documents = [Document(text=SOURCE, language="python", package="torch", path="_utils.py")]
    dataset = WindowDataset(documents, WORDS, CONFIG, shape, SpanMixture(), seed=3)
    num_gaps, num_checked = [], 0
    for index in range(12):
        window = dataset[index]
        ids, roles, start = window.canvases[0], window.roles[0], window.starts[0]
        gaps = [gap for gap in "".join("-MEs"[role] for role in roles).split("-") if gap]
        assert max(gap.count("E") + gap.count("s") for gap in gaps) <= shape.max_surplus
        num_gaps.append(len(gaps))
        kept = ids[(ids != DELETE) & (ids != CONFIG.pad_token_id)]
        if all(len(gap) < shape.max_slots and "E" in gap for gap in gaps[:-1]):  # none may have been cut short
            assert WORDS.decode([*window.tokens[:start].tolist(), *kept.tolist()]) in SOURCE
            num_checked += 1
    assert num_checked > 0
    assert sum(num_gaps) / len(num_gaps) > 3


def test_gaps_of_one_canvas_have_levels_of_their_own_in_half_of_the_canvases() -> None:
    roles = torch.tensor([Role.MIDDLE] * 20 + [Role.GIVEN] + [Role.MIDDLE] * 20).repeat(400, 1)
    canvases = torch.full_like(roles, 99)
    ones = torch.ones(400, dtype=torch.int64)
    batch = Batch(torch.full((400, 2), 99), canvases, roles, ones, ANY * ones)
    noisy = add_noise(batch, Noising(revision=0.0, full=0.0), MASK, CONFIG.vocab_size, torch.Generator().manual_seed(0))
    masked = (noisy.ids != batch.canvases).float()
    differs = (masked[:, :20].mean(1) - masked[:, 21:].mean(1)).abs() > 0.3
    assert 0.15 < differs.sum().item() / len(differs) < 0.35  # |a - b| > 0.3 in 49 % of pairs of levels
