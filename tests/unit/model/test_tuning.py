import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch
from filelock import FileLock
from safetensors import SafetensorError
from safetensors.torch import load_file

from lacuna_model.checkpoint import WEIGHTS_FILE, save_checkpoint
from lacuna_model.config import CONFIG_FILE, DenoiserConfig
from lacuna_model.errors import InputError
from lacuna_model.evaluation.documents import Document
from lacuna_model.infill import Infiller
from lacuna_model.tokenizer import FILE_NAME, Tokenizer
from lacuna_model.training import tuning
from lacuna_model.training.canvases import read_examples
from lacuna_model.training.recipe import NANO_GENERATION_CONFIG, initialized, nano_config
from lacuna_model.training.state import STATE_FILE
from lacuna_model.training.tuning import Outcome, Watch, tune
from lacuna_model.training.tuning_card import CARD_FILE, TITLE
from lacuna_model.training.tuning_files import MIN_FILES, collect, split
from lacuna_model.training.tuning_run import opened, remembered
from lacuna_model.training.tuning_tasks import ELSEWHERE, CanvasTask, Figure, Progress, resolve

NUM_PASSES = 4 / 3
"""Of 96 canvases in batches of 32: 4 steps."""


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory, byte_tokenizer_json: str) -> Path:
    directory = tmp_path_factory.mktemp("start")
    (directory / FILE_NAME).write_text(byte_tokenizer_json)
    document = nano_config(Tokenizer.load(directory), "absorbing")
    document["text_config"] |= {
        "hidden_size": 32,
        "intermediate_size": 32,
        "layer_types": ["full_attention"],
        "num_hidden_layers": 1,
        "per_layer_config": {"0": {"head_dim": 64, "num_key_value_heads": 2}},
        "moe_intermediate_size": 16,
    }
    document["canvas_length"] = 32
    model = initialized(DenoiserConfig.from_json(document), seed=0)
    save_checkpoint(directory, model, document, NANO_GENERATION_CONFIG, torch.float32)
    return directory


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs report every step and save every other one."""
    monkeypatch.setattr(tuning, "LOG_EVERY", 1)
    monkeypatch.setattr(tuning, "SAVE_EVERY", 2)


@pytest.fixture(scope="module")
def task(start: Path, tmp_path_factory: pytest.TempPathFactory) -> CanvasTask:
    """Canvases of 40 characters; what is to be found is always an x, so that a few steps teach it."""
    file = tmp_path_factory.mktemp("task") / "canvases.jsonl"
    rows = [{"prefix": "?", "givens": f"{number:038}..", "canvas": f"{number:038}xx"} for number in range(100)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    examples = read_examples(file, Tokenizer.load(start), DenoiserConfig.load(start))
    return CanvasTask(examples[:96], examples[96:], num_canvases=4, seed=0)


@dataclass(frozen=True)
class Scripted(CanvasTask):
    """Trains as a canvas task does, but its figures are made up, one measurement after the other."""

    scores: list[int] = field(default_factory=list)

    def measure(self, infiller: Infiller, progress: Progress) -> list[Figure]:
        return [Figure("held-out canvases", 9, self.scores.pop(0), 1.0)]


def scripted(task: CanvasTask, *scores: int) -> Scripted:
    return Scripted(task.training, task.held_out, task.num_canvases, task.seed, list(scores))


def quietly(_: str) -> nullcontext[Progress]:
    return nullcontext(lambda done, total: None)


def run(start: Path, output: Path, task: CanvasTask, watch: Watch = quietly, num_passes: float = NUM_PASSES) -> Outcome:
    with opened(output) as directory:
        return tune(start, output, directory, task, source="here", num_passes=num_passes, device="cpu", watch=watch)


def interrupted(after: int) -> Watch:
    """A watch that ends the training as Ctrl+C would."""

    @contextmanager
    def watch(stage: str) -> Iterator[Progress]:
        def progress(done: int, total: int) -> None:
            if stage == "Training" and done >= after:
                raise KeyboardInterrupt

        yield progress

    return watch


def test_tuning_makes_a_checkpoint_that_solves_the_task(start: Path, task: CanvasTask, tmp_path: Path) -> None:
    output = tmp_path / "data" / "tuned"
    outcome = run(start, output, task, num_passes=15)
    assert outcome.refusal is None
    assert (outcome.before[0].num_right, outcome.after[0].num_right) == (0, 4)
    assert outcome.after[0].forwards < 48
    assert [each.name for each in output.parent.iterdir()] == [output.name]
    infiller = Infiller.load(output, "cpu")
    assert infiller.denoiser.config.canvas_length == 64
    assert infiller.denoiser.config.beam_width is None
    assert resolve(infiller, task.held_out[0])[0] == list(task.held_out[0].canvas)
    card = (output / "README.md").read_text()
    assert "96 canvases; 4 others were held out" in card
    assert "45 steps of 32 windows" in card
    assert "| held-out canvases | 4 | 0.0 % | 100.0 % |" in card


@pytest.mark.parametrize(
    ("scores", "is_kept"), [((3, 4), True), ((3, 3), False), ((3, 2), False)], ids=["better", "as good", "worse"]
)
def test_only_a_better_checkpoint_is_kept(
    scores: tuple[int, int], is_kept: bool, start: Path, task: CanvasTask, tmp_path: Path
) -> None:
    output = tmp_path / "tuned"
    outcome = run(start, output, scripted(task, *scores), num_passes=1)
    assert (outcome.refusal is None) == is_kept
    assert list(tmp_path.iterdir()) == ([output] if is_kept else [])


@pytest.mark.parametrize(("new", "is_kept"), [(5, False), (7, True)])
def test_a_checkpoint_that_is_there_has_to_be_surpassed_too(
    new: int, is_kept: bool, start: Path, task: CanvasTask, tmp_path: Path
) -> None:
    output = tmp_path / "tuned"
    shutil.copytree(start, output)
    (output / CARD_FILE).write_text(TITLE)
    (output / "notes.txt").write_text("the user's")
    weights = (output / WEIGHTS_FILE).read_bytes()
    outcome = run(start, output, scripted(task, 3, 6, new), num_passes=1)
    assert outcome.before[0].num_right == 6
    assert (outcome.refusal is None) == is_kept
    assert ((output / WEIGHTS_FILE).read_bytes() != weights) == is_kept
    assert (output / "notes.txt").read_text() == "the user's"


def test_forgetting_what_others_write_is_a_reason_to_refuse() -> None:
    def outcome(elsewhere: int) -> Outcome:
        before = [Figure("held-out files", 100, 20, 8.0), Figure(ELSEWHERE, 100, 40, 8.0)]
        return Outcome(before, [Figure("held-out files", 100, 30, 8.0), Figure(ELSEWHERE, 100, elsewhere, 8.0)])

    assert outcome(30).refusal is None
    assert outcome(29).refusal == "Only 29 of 100 in other projects' files came out right; 40 before."


def test_an_interrupted_run_ends_as_an_uninterrupted_one(start: Path, task: CanvasTask, tmp_path: Path) -> None:
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    run(start, straight, scripted(task, 1, 2))
    with pytest.raises(KeyboardInterrupt):
        run(start, broken, scripted(task, 1), interrupted(after=3))
    assert not broken.exists()
    seen = []

    @contextmanager
    def watch(stage: str) -> Iterator[Progress]:
        yield lambda done, total: seen.append((stage, done, total))

    run(start, broken, scripted(task, 2), watch)  # what was measured before need not be measured again
    assert [each for each in seen if each[0] == "Training"] == [("Training", step, 4) for step in (2, 3, 4)]
    one, other = (load_file(output / WEIGHTS_FILE) for output in (straight, broken))
    for name, weight in one.items():
        torch.testing.assert_close(weight, other[name], msg=name)


def unfinished(start: Path, task: CanvasTask, output: Path) -> Path:
    with pytest.raises(KeyboardInterrupt):
        run(start, output, scripted(task, 1), interrupted(after=2))
    return output.with_name(output.name + ".tuning")


def test_a_broken_state_is_told_and_left_alone(start: Path, task: CanvasTask, tmp_path: Path) -> None:
    state = unfinished(start, task, tmp_path / "tuned") / STATE_FILE
    state.write_bytes(state.read_bytes()[:1000])
    with pytest.raises(InputError, match="cannot be read; delete it to begin anew"):
        run(start, tmp_path / "tuned", scripted(task, 2))
    assert state.stat().st_size == 1000


def test_other_options_do_not_mix_with_a_begun_run(start: Path, task: CanvasTask, tmp_path: Path) -> None:
    directory = unfinished(start, task, tmp_path / "tuned")
    with pytest.raises(InputError, match="begun with other options"):
        run(start, tmp_path / "tuned", scripted(task, 2), num_passes=1)
    assert (directory / STATE_FILE).is_file()


def test_a_full_disk_is_told_and_the_run_goes_on_later(
    start: Path, task: CanvasTask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "tuned"

    def full(*_: object) -> None:
        raise SafetensorError("Error while serializing: No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("lacuna_model.training.state.save_file", full)
        with pytest.raises(InputError, match=r"No space left on device.*; make room and repeat the command"):
            run(start, output, scripted(task, 1))
    assert run(start, output, scripted(task, 2), num_passes=NUM_PASSES).refusal is None
    assert (output / CONFIG_FILE).is_file()


def test_one_run_at_a_time(tmp_path: Path) -> None:
    directory = tmp_path / "tuned.tuning"
    directory.mkdir()
    with FileLock(directory / "lock"), pytest.raises(InputError, match="Another process"), opened(tmp_path / "tuned"):
        pass
    assert directory.is_dir()


def test_what_is_no_checkpoint_is_not_written_to(tmp_path: Path) -> None:
    (tmp_path / "code.py").write_text("x = 1\n")
    for output, message in ((tmp_path, "neither empty nor a tuned checkpoint"), (tmp_path / "code.py", "is a file")):
        with pytest.raises(InputError, match=message), opened(output):
            pass
    assert [each.name for each in tmp_path.iterdir()] == ["code.py"]


def documents(num: int) -> list[Document]:
    body = "def function_{0}_{1}(argument_{0}):\n    return argument_{0} + {1}\n\n\n"
    return [
        Document("".join(body.format(file, line) for line in range(12)), "python", "own", f"module_{file}.py")
        for file in range(num)
    ]


def test_files_are_held_out_whole_and_the_same_ones_each_time() -> None:
    found = split(documents(40))
    assert found == split(documents(40)[::-1])
    assert (len(found.training), len(found.held_out)) == (34, 6)
    assert {each.path for each in found.training} | {each.path for each in found.held_out} == {
        each.path for each in documents(40)
    }


def test_no_near_copy_of_a_held_out_file_is_learned_from() -> None:
    held_out = split(documents(40)).held_out
    copies = [Document(each.text + "# changed\n", "python", "own", f"copy_{each.path}") for each in held_out]
    found = split([*documents(40), *copies])
    assert len(found.training) + len(found.held_out) == 40
    texts = {each.text.removesuffix("# changed\n") for each in found.held_out}
    assert not texts & {each.text.removesuffix("# changed\n") for each in found.training}


def test_copies_leave_enough_to_learn_from() -> None:
    copies = [
        Document(documents(1)[0].text + f"# {number}\n", "python", "own", f"c{number}.py") for number in range(60)
    ]
    found = split([*documents(12), *copies])
    assert (len(found.training), len(found.held_out)) == (10, 2)


def test_a_run_goes_on_with_the_same_material_only(start: Path, task: CanvasTask, tmp_path: Path) -> None:
    output = tmp_path / "tuned"
    with pytest.raises(KeyboardInterrupt):
        run(start, output, task, watch=interrupted(1))
    with opened(output) as directory, pytest.raises(InputError, match="begun with other options"):
        tune(start, output, directory, task, source="there", num_passes=NUM_PASSES, device="cpu", watch=quietly)


def test_too_few_files_are_told() -> None:
    with pytest.raises(InputError, match=f"files {MIN_FILES - 1} can be learned from"):
        split(documents(MIN_FILES - 1))
    assert split(documents(MIN_FILES)).training


def test_a_resumed_run_has_the_files_it_began_with(tmp_path: Path) -> None:
    assert remembered(tmp_path, lambda: documents(9)) == documents(9)
    assert remembered(tmp_path, lambda: documents(10)) == documents(9)


def test_only_source_worth_learning_from_is_collected(tmp_path: Path) -> None:
    good = documents(1)[0]
    contents = {
        "good.py": good.text.encode(),
        "broken.py": b"def (:\n" * 40,
        "latin.py": b"# caf\xe9\n" + good.text.encode(),
        "generated.py": b"# Automatically generated\n" + good.text.encode(),
        "notes.md": good.text.encode(),
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    (document,) = collect(tmp_path, [*(tmp_path / name for name in contents), tmp_path / "missing.py"])
    assert document == Document(good.text, "python", tmp_path.name, "good.py")
