"""Tuning: a checkpoint goes on learning from a user's material, and is kept only if that made it better.

What is measured at the end are the weights as they were saved.
"""

import json
import math
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from safetensors import SafetensorError

from lacuna_model.checkpoint import INDEX_FILE, load_denoiser, save_checkpoint
from lacuna_model.config import CONFIG_FILE, GENERATION_CONFIG_FILE
from lacuna_model.device import choose_device
from lacuna_model.errors import InputError
from lacuna_model.infill import Infiller
from lacuna_model.json_object import JsonObject
from lacuna_model.tokenizer import Tokenizer
from lacuna_model.training.corpus_documents import write_atomically
from lacuna_model.training.loop import Trainer
from lacuna_model.training.state import Average
from lacuna_model.training.tuning_card import CARD_FILE, card
from lacuna_model.training.tuning_run import TUNED, begun, finish
from lacuna_model.training.tuning_tasks import ELSEWHERE, Figure, Progress, Task
from lacuna_model.transformer.denoiser import Denoiser

BEFORE_FILE = "before.json"
MAX_STEPS = 1500
LOG_EVERY = 5
SAVE_EVERY = 25
KEPT_ELSEWHERE = 0.75
"""Share of the gaps in other projects' files that came out right before and still have to."""

Watch = Callable[[str], AbstractContextManager[Progress]]
"""Shows a stage of the work, by its name."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Figures of the model to surpass and of the tuned one."""

    before: list[Figure]
    after: list[Figure]

    @property
    def refusal(self) -> str | None:
        """Why the tuned model is not kept; None if it is."""
        old, new = self.before[0], self.after[0]
        if new.num_right <= old.num_right:
            return f"{new.num_right} of {new.num} in {new.group} came out right, and {old.num_right} before."
        for before, after in zip(self.before, self.after, strict=True):
            if after.group == ELSEWHERE and after.num_right < KEPT_ELSEWHERE * before.num_right:
                return (
                    f"Only {after.num_right} of {after.num} in {after.group} came out right; {before.num_right} before."
                )
        return None


def tune(
    start: Path,
    output: Path,
    run: Path,
    task: Task,
    *,
    source: str,
    num_passes: float,
    device: str,
    watch: Watch,
) -> Outcome:
    """Tunes a checkpoint and writes the result to `output` if it is better; goes on with a run that was interrupted.

    Args:
        start: the checkpoint directory to start from.
        output: the checkpoint directory to write. A checkpoint that is there already has to be surpassed, too.
        run: the run's directory, from `tuning_run.opened`.
        task: what to learn, and how to measure that.
        source: where that came from; an unfinished run goes on only with the same.
        num_passes: passes over the material, as far as `MAX_STEPS` steps allow.
        device: to work on.
        watch: told about the progress.

    Raises:
        InputError: the run was begun with other options, or its state cannot be read or written.
        LacunaError: the checkpoint or the device cannot be used.
    """
    place = choose_device(device)
    plan = {
        "task": task.description,
        "source": source,
        "passes": num_passes,
        "start": str(start.resolve()),
        **task.settings,
    }
    copy = begun(run, start, task.adapt, plan)
    before = _before(run, copy, output, task, device, watch)
    model = load_denoiser(copy, place, torch.float32)
    training, held_out, num_windows = task.datasets(model.config, Tokenizer.load(copy))
    recipe = task.recipe(model.config)
    num_steps = min(MAX_STEPS, math.ceil(num_passes * num_windows / recipe.batch_size))
    recipe = replace(recipe, num_steps=num_steps, num_cooldown_steps=num_steps)
    try:
        trainer = Trainer(model.requires_grad_(True), recipe, run, compiled=place.type == "cuda")
    except (SafetensorError, LookupError, ValueError, RuntimeError) as error:
        raise InputError(f"The unfinished run in {run} cannot be read; delete it to begin anew.") from error
    tuned = run / TUNED
    try:
        with watch("Training") as progress:
            progress(trainer.step, num_steps)
            for metrics in trainer.run(training, held_out, log_every=LOG_EVERY, save_every=SAVE_EVERY):
                progress(metrics.step, num_steps)
        _save(model, trainer.average, copy, tuned)
    except SafetensorError as error:  # how a full disk shows; the last state is whole
        raise InputError(f"{run} cannot be written ({error}); make room and repeat the command to go on.") from error
    outcome = Outcome(before, _measured(tuned, task, device, watch))
    (tuned / CARD_FILE).write_text(card(start.name, task.description, recipe, before, outcome.after), encoding="utf-8")
    finish(run, output if outcome.refusal is None else None)
    return outcome


def _before(run: Path, start: Path, output: Path, task: Task, device: str, watch: Watch) -> list[Figure]:
    """Figures of the model to surpass: the one to start from, or the one in the output's place if that is better."""
    path = run / BEFORE_FILE
    if path.is_file():
        return [Figure(**row) for row in json.loads(path.read_text(encoding="utf-8"))]
    rivals = [start, *([output] if (output / CONFIG_FILE).is_file() else [])]
    figures = [_measured(rival, task, device, watch) for rival in rivals]
    best = max(figures, key=lambda each: each[0].num_right)
    write_atomically(path, json.dumps([asdict(figure) for figure in best]).encode())
    return best


def _measured(checkpoint: Path, task: Task, device: str, watch: Watch) -> list[Figure]:
    infiller = Infiller.load(checkpoint, device)
    with watch(f"Measuring {checkpoint.name}") as progress:
        return task.measure(infiller, progress)


def _save(model: Denoiser, weights: Average, start: Path, directory: Path) -> None:
    """Writes the averaged weights as a checkpoint, with all else that belonged to the one it began with."""
    model.load_state_dict(weights, strict=False)
    config, generation = (dict(JsonObject.load(start / name).content) for name in (CONFIG_FILE, GENERATION_CONFIG_FILE))
    save_checkpoint(directory, model, config, generation, torch.bfloat16)
    for file in start.glob("*.json"):
        if file.name not in {CONFIG_FILE, GENERATION_CONFIG_FILE, INDEX_FILE}:
            shutil.copyfile(file, directory / file.name)
