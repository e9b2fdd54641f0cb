"""The directory of a tuning run: beside its result while the run lasts, so that an interrupted run goes on."""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from lacuna_model.checkpoint import INDEX_FILE
from lacuna_model.config import CONFIG_FILE, GENERATION_CONFIG_FILE
from lacuna_model.errors import InputError
from lacuna_model.evaluation.documents import Document, read_documents
from lacuna_model.json_object import JsonObject
from lacuna_model.training.corpus_documents import write_atomically, write_documents
from lacuna_model.training.tuning_card import CARD_FILE, TITLE

START = "start"
TUNED = "tuned"
PLAN_FILE = "plan.json"
DOCUMENTS_FILE = "files.jsonl.gz"

Adapt = Callable[[dict[str, Any], dict[str, Any]], None]


@contextmanager
def opened(output: Path) -> Iterator[Path]:
    """Makes the directory of the run towards a checkpoint, or finds it again, and keeps others out meanwhile.

    One in which nothing was begun is removed again.

    Raises:
        InputError: another process is at it, or `output` holds something else than a tuned checkpoint.
    """
    output = output.resolve()
    if output.exists() and not output.is_dir():
        raise InputError(f"{output} is a file; name a directory for the tuned checkpoint.")
    if output.is_dir() and any(output.iterdir()) and not _is_tuned(output):
        raise InputError(f"{output} is neither empty nor a tuned checkpoint; name another directory for the new one.")
    run = output.with_name(output.name + ".tuning")
    run.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(run / "lock", timeout=0):
            try:
                yield run
            finally:
                if not (run / PLAN_FILE).is_file():
                    shutil.rmtree(run, ignore_errors=True)
    except Timeout as error:
        raise InputError(
            f"Another process is tuning towards {output}; wait for it, or name another --output."
        ) from error


def begun(run: Path, start: Path, adapt: Adapt, plan: Mapping[str, Any]) -> Path:
    """The checkpoint to start from, as it was when the run began, and with its configuration adapted.

    Raises:
        InputError: the run was begun with another plan.
        CheckpointError: `start` is no checkpoint.
    """
    copy = run / START
    path = run / PLAN_FILE
    if path.is_file():
        if path.read_text(encoding="utf-8") != _text(plan):
            raise InputError(f"The unfinished run in {run} was begun with other options; repeat those, or delete it.")
        return copy
    config, generation = (dict(JsonObject.load(start / name).content) for name in (CONFIG_FILE, GENERATION_CONFIG_FILE))
    adapt(config, generation)
    copy.mkdir(exist_ok=True)
    for file in start.iterdir():
        if file.suffix in {".json", ".safetensors"}:
            shutil.copyfile(file, copy / file.name)
    for name, content in ((CONFIG_FILE, config), (GENERATION_CONFIG_FILE, generation)):
        write_atomically(copy / name, _text(content).encode())
    write_atomically(path, _text(plan).encode())
    return copy


def remembered(run: Path, read: Callable[[], list[Document]]) -> list[Document]:
    """The user's files as they were when the run began; read, and noted down, if it begins now."""
    path = run / DOCUMENTS_FILE
    if path.is_file():
        return read_documents(path)
    documents = read()
    write_documents(path, documents)
    return documents


def finish(run: Path, output: Path | None) -> None:
    """Moves the tuned checkpoint to its place, file by file so that no other file there is touched, and ends the run.

    Args:
        run: its directory, removed.
        output: where the checkpoint goes; None: it is given up.
    """
    if output is not None:
        output.mkdir(exist_ok=True)
        for file in (run / TUNED).iterdir():
            file.replace(output / file.name)
        (output / INDEX_FILE).unlink(missing_ok=True)  # of an earlier checkpoint in shards
    (run / PLAN_FILE).unlink()


def _is_tuned(directory: Path) -> bool:
    path = directory / CARD_FILE
    return path.is_file() and path.read_text(encoding="utf-8", errors="replace").startswith(TITLE)


def _text(content: Mapping[str, Any]) -> str:
    return json.dumps(content, indent=2) + "\n"
