"""`lacuna tune`: teaches a checkpoint the user's own code, or a structured task."""

import hashlib
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from platformdirs import user_data_path
from rich.console import Console

from lacuna_server.commands.options import Checkpoint, Device, Seed
from lacuna_server.errors import UserError
from lacuna_server.ignore import IgnoreRules
from lacuna_server.loading import progress_bar
from lacuna_server.render import table_console

if TYPE_CHECKING:
    from lacuna_model.training.tuning_tasks import Task

NOT_BETTER = 1
TRAINING, HELD_OUT = "train.jsonl", "held-out.jsonl"
UNWANTED = {"node_modules", "__pycache__"}


def tune(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A directory of source files.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", metavar="DIR", help="The tuned checkpoint; a directory of the user's data otherwise."),
    ] = None,
    canvases: Annotated[
        bool, typer.Option("--canvases", help=f"PATH holds {TRAINING} and {HELD_OUT}, canvases with one right answer.")
    ] = False,
    passes: Annotated[float, typer.Option("--passes", min=0.1, metavar="N", help="Passes over what is learned.")] = 8,
    limit: Annotated[
        int, typer.Option("--limit", min=1, metavar="N", help="Gaps of each kind, or canvases, to measure on.")
    ] = 50,
    seed: Seed = 0,
    checkpoint: Checkpoint = None,
    device: Device = "auto",
) -> int:
    """Tune the model on your own code, here; the result is kept only if it fills held-out gaps better."""
    if not path.is_dir():
        raise UserError(f"{path} is no directory; name the one that holds the source files.")
    path = path.resolve()
    if output is None:
        output = user_data_path("lacuna") / "tuned" / f"{path.name}-{_digest(str(path).encode())}"
    try:
        from lacuna_model.training.tuning import tune as tune_checkpoint
    except ModuleNotFoundError as error:
        raise UserError(f"Tuning needs {error.name}; install Lacuna with it: pip install 'lacuna[train]'.") from error
    from lacuna_model.infill import EMBEDDED_CHECKPOINT
    from lacuna_model.training.tuning_card import COLUMNS, rows
    from lacuna_model.training.tuning_run import PLAN_FILE, opened

    start = checkpoint or EMBEDDED_CHECKPOINT
    log = Console(stderr=True)
    with opened(output) as run:
        task = _canvases(path, start, limit, seed) if canvases else _files(path, run, limit, seed)
        again = "Going on" if (run / PLAN_FILE).is_file() else "Beginning"
        log.print(f"{again} with {task.description}.", markup=False, highlight=False)
        watch = partial(progress_bar, console=log)
        outcome = tune_checkpoint(
            start, output, run, task, source=_source(path, canvases), num_passes=passes, device=device, watch=watch
        )
    from lacuna_model.evaluation.report import render_table

    render_table(table_console(), "Before and after tuning", COLUMNS, rows(outcome.before, outcome.after))
    if outcome.refusal is not None:
        log.print(
            f"lacuna: {outcome.refusal} The model stays as it was.", markup=False, highlight=False, soft_wrap=True
        )
        return NOT_BETTER
    log.print(
        f"The tuned model is {output}; name it by --checkpoint, or in the editor's setting engine.checkpoint.",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    return 0


def _source(path: Path, canvases: bool) -> str:
    """Names what is learned from. Files are noted down when a run begins, canvases are not: they must be the same."""
    parts = [_digest((path / name).read_bytes()) for name in (TRAINING, HELD_OUT)] if canvases else []
    return " ".join([str(path), *parts])


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=4).hexdigest()


def _files(path: Path, run: Path, num_gaps: int, seed: int) -> "Task":
    from lacuna_model.training.tuning_files import collect, split
    from lacuna_model.training.tuning_run import remembered
    from lacuna_model.training.tuning_tasks import FileTask

    files = split(remembered(run, lambda: collect(path, wanted(path))))
    return FileTask(files, num_gaps, seed)


def _canvases(path: Path, start: Path, num_canvases: int, seed: int) -> "Task":
    from lacuna_model.config import DenoiserConfig
    from lacuna_model.tokenizer import Tokenizer
    from lacuna_model.training.canvases import read_examples
    from lacuna_model.training.tuning_tasks import CanvasTask

    tokenizer, config = Tokenizer.load(start), DenoiserConfig.load(start)
    training, held_out = (read_examples(path / name, tokenizer, config) for name in (TRAINING, HELD_OUT))
    return CanvasTask(training, held_out, num_canvases, seed)


def wanted(root: Path) -> Iterator[Path]:
    """The files below a directory that are neither ignored by git, nor secret, nor hidden."""
    rules = IgnoreRules()
    for directory, folders, names in os.walk(root):
        here = Path(directory)
        folders[:] = [name for name in folders if not name.startswith(".") and name not in UNWANTED]
        yield from (here / name for name in names if not name.startswith(".") and rules.reason(here / name) is None)
