import math
from pathlib import Path

import pytest
import torch
from rich.console import Console

import lacuna_model
from lacuna_model.checkpoint import load_denoiser
from lacuna_model.config import DenoiserConfig
from lacuna_model.errors import InputError
from lacuna_model.evaluation.documents import Document
from lacuna_model.tokenizer import Tokenizer
from lacuna_model.training.measuring import HeldOutLosses, measure, table_of
from lacuna_model.training.recipe import initialized, nano_config
from lacuna_model.training.runs import Material

NANO = Path(lacuna_model.__file__).with_name("weights") / "nano"


@pytest.fixture(scope="module")
def material() -> Material:
    source = Path(torch.__file__).with_name("_utils.py").read_text(encoding="utf-8")
    document = Document(text=source, language="python", package="torch", path="_utils.py")
    return Material(Tokenizer.load(NANO), [], [document])


def test_the_embedded_denoiser_beats_an_untrained_one_at_the_same_gaps(material: Material) -> None:
    untrained = initialized(DenoiserConfig.from_json(nano_config(material.vocabulary, "absorbing")), seed=0).eval()
    ours, theirs = (measure(model, material, num_windows=8, seed=0) for model in (load_denoiser(NANO), untrained))
    assert len(ours.next_token) == len(theirs.next_token) == 8
    assert len(ours.next_slot) == len(theirs.next_slot) > 64
    by_chance = math.log(material.vocabulary.vocab_size)
    for trained, random in ((ours.next_token, theirs.next_token), (ours.next_slot, theirs.next_slot)):
        assert trained.mean() < 0.5 * by_chance < 0.9 * by_chance < random.mean()


def test_a_seed_decides_what_is_measured(material: Material) -> None:
    model = load_denoiser(NANO)
    one, again, other = (measure(model, material, num_windows=8, seed=seed).next_slot for seed in (0, 0, 1))
    assert torch.equal(one, again)
    assert not torch.equal(one[:8], other[:8])


def test_other_noise_is_refused(material: Material) -> None:
    uniform = initialized(DenoiserConfig.from_json(nano_config(material.vocabulary, "uniform")), seed=0)
    with pytest.raises(InputError, match="absorbing"):
        measure(uniform, material, num_windows=8, seed=0)


def test_differences_are_paired(capsys: pytest.CaptureFixture[str]) -> None:
    first = HeldOutLosses(torch.tensor([1.0, 3.0]), torch.tensor([2.0, 6.0, 4.0]))
    better = HeldOutLosses(torch.tensor([0.5, 2.5]), torch.tensor([2.0, 5.0, 5.0]))
    Console(width=120).print(table_of({"first": first, "better": better}))
    *_, row, _ = capsys.readouterr().out.splitlines()
    cells = [cell.strip() for cell in row.strip("│").split("│")]
    assert cells == ["better", "1.500", "-0.500 ± 0.000", "4.000", "+0.000 ± 0.577"]
