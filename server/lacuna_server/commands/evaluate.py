"""`lacuna eval`: how good fills are, on HumanEval-Infilling or on held-out files."""

import json
import re
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer
from rich.console import Console

from lacuna_server.commands.options import AsJson, Checkpoint, Device, MaxLines, MaxTokens, Seed
from lacuna_server.errors import UserError
from lacuna_server.loading import load_infiller, progress_bar
from lacuna_server.render import table_console

if TYPE_CHECKING:
    from lacuna_model.evaluation.documents import Document
    from lacuna_model.evaluation.filler import Filler
    from lacuna_model.infill import Infiller
    from lacuna_model.request import InfillOptions

NUM_IN_FILE = "([2-9]|[1-9][0-9])"
NUM_GAPS = 50
"""Held-out gaps of each kind, unless `--limit` says otherwise."""


class FillerName(StrEnum):
    """Who fills: the model, or one of the two fillers that calibrate the grading."""

    MODEL = "model"
    GOLD = "gold"
    EMPTY = "empty"


class Report(Protocol):
    """What an evaluation returns."""

    def as_json(self) -> dict[str, Any]:
        """The report as one JSON object."""

    def render(self, console: Console) -> None:
        """Prints the report as a table."""


def evaluate(
    context: typer.Context,
    data: Annotated[
        Path | None, typer.Option("--data", metavar="FILE", help="HumanEval-Infilling tasks, .jsonl or .jsonl.gz.")
    ] = None,
    held_out: Annotated[
        Path | None,
        typer.Option("--held-out", metavar="PATH", help="Files to cut gaps from; the shipped held-out set otherwise."),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit", min=1, metavar="N", help=f"Tasks of --data [all], or gaps, or files, of each kind [{NUM_GAPS}]."
        ),
    ] = None,
    filler: Annotated[
        FillerName, typer.Option("--filler", help="Gold and empty fills calibrate the grading.")
    ] = FillerName.MODEL,
    compare_ranking: Annotated[
        bool, typer.Option("--compare-ranking", help="Compare the ways to rank candidates on held-out gaps.")
    ] = False,
    compare_syntax: Annotated[
        bool, typer.Option("--compare-syntax", help="Compare fills with and without regard to syntax.")
    ] = False,
    gaps: Annotated[
        str | None,
        typer.Option("--gaps", metavar="N,N", help="Compare the ways to fill so many gaps in one file, such as 2,3,5."),
    ] = None,
    calibration: Annotated[
        Path | None,
        typer.Option(
            "--calibration",
            metavar="DIR",
            help="Fit what the model's confidence means to held-out gaps; calibration.json and pictures go to DIR.",
        ),
    ] = None,
    max_tokens: MaxTokens = 48,
    max_lines: MaxLines = None,
    seed: Seed = 0,
    checkpoint: Checkpoint = None,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Grade fills: tests that pass with --data, exact matches on held-out files without."""
    if data is not None and (held_out is not None or compare_ranking):
        raise UserError("--data excludes --held-out and --compare-ranking.")
    is_data_given = data is not None or filler is not FillerName.MODEL
    if sum((compare_syntax, gaps is not None, calibration is not None, compare_ranking or is_data_given)) > 1:
        raise UserError(
            "--compare-syntax, --gaps and --calibration exclude each other, --compare-ranking, --data and --filler; "
            "give one of them."
        )
    nums_gaps = None if gaps is None else _nums_gaps(gaps)
    if compare_ranking and filler is not FillerName.MODEL:
        raise UserError("--compare-ranking needs the model as filler.")
    if compare_ranking and (max_lines is not None or _is_given(context, "max_tokens")):
        raise UserError("--compare-ranking excludes --max-tokens and --lines; it has a length of its own.")
    log = Console(stderr=True)
    report: Report
    if compare_ranking:
        from lacuna_model.evaluation.ranking import compare_rankings

        documents, infiller = _documents_and_model(held_out, checkpoint, device, log)
        with progress_bar("Ranking", log) as progress:
            report = compare_rankings(infiller, documents, num=limit or NUM_GAPS, seed=seed, progress=progress)
    elif compare_syntax:
        from lacuna_model.evaluation import syntax_comparison

        documents, infiller = _documents_and_model(held_out, checkpoint, device, log)
        options = _options(max_tokens, max_lines, seed)
        with progress_bar("Filling", log) as progress:
            report = syntax_comparison.compare_syntax(
                infiller, documents, num=limit or NUM_GAPS, options=options, seed=seed, progress=progress
            )
    elif nums_gaps is not None:
        from lacuna_model.evaluation.several_gaps import evaluate_several_gaps

        documents, infiller = _documents_and_model(held_out, checkpoint, device, log)
        options = _options(max_tokens, max_lines, seed)
        with progress_bar("Filling", log) as progress:
            report = evaluate_several_gaps(
                infiller,
                documents,
                nums_gaps=nums_gaps,
                num=limit or NUM_GAPS,
                seed=seed,
                options=options,
                progress=progress,
            )
    elif calibration is not None:
        report = _calibrate(
            calibration, held_out, limit or NUM_GAPS, checkpoint, device, _options(max_tokens, max_lines, seed), log
        )
    elif data is not None:
        from lacuna_model.evaluation.humaneval import evaluate_humaneval, read_tasks

        read_tasks(data, limit)  # what is wrong with them is told before the model is loaded
        chosen = _make_filler(filler, checkpoint, device, max_tokens, max_lines, seed, log)
        with progress_bar("Grading", log) as progress:
            report = evaluate_humaneval(chosen, data, limit=limit, progress=progress)
    else:
        from lacuna_model.evaluation.documents import read_documents
        from lacuna_model.evaluation.heldout import evaluate_heldout

        documents = read_documents(held_out)
        chosen = _make_filler(filler, checkpoint, device, max_tokens, max_lines, seed, log)
        with progress_bar("Grading", log) as progress:
            report = evaluate_heldout(chosen, documents, num=limit or NUM_GAPS, seed=seed, progress=progress)
    if as_json:
        print(json.dumps(report.as_json(), indent=2))
    else:
        report.render(table_console())


def _calibrate(
    directory: Path,
    held_out: Path | None,
    num: int,
    checkpoint: Path | None,
    device: str,
    options: "InfillOptions",
    log: Console,
) -> Report:
    """Calibrates, and leaves what a checkpoint's directory takes up, and the pictures, in a directory."""
    try:
        from lacuna_model.evaluation.calibration_plots import draw_pictures
    except ModuleNotFoundError as error:
        raise UserError(f"--calibration draws pictures and needs {error.name}; install lacuna[train].") from error
    from lacuna_model.evaluation.calibration import evaluate_calibration

    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{directory} cannot be made a directory: {error.strerror}.") from error
    documents, infiller = _documents_and_model(held_out, checkpoint, device, log)
    with progress_bar("Filling", log) as progress:
        report = evaluate_calibration(infiller, documents, num=num, options=options, progress=progress)
    report.calibration.save(directory)
    draw_pictures(report, directory)
    return report


def _is_given(context: typer.Context, name: str) -> bool:
    """Whether an option was written by the user, be it with its default."""
    source = context.get_parameter_source(name)
    return source is not None and source.name != "DEFAULT"


def _nums_gaps(text: str) -> list[int]:
    """Reads `2,3,5`. Raises UserError for anything else."""
    if not re.fullmatch(f"{NUM_IN_FILE}(,{NUM_IN_FILE})*", text):
        raise UserError(f"--gaps {text!r} is no list of numbers from 2 to 99; write --gaps 2,3,5.")
    return [int(number) for number in text.split(",")]


def _documents_and_model(
    held_out: Path | None, checkpoint: Path | None, device: str, log: Console
) -> "tuple[Sequence[Document], Infiller]":
    from lacuna_model.evaluation.documents import read_documents

    documents = read_documents(held_out)  # what is wrong with them is told before the model is loaded
    return documents, load_infiller(checkpoint, device, log)


def _options(max_tokens: int, max_lines: int | None, seed: int) -> "InfillOptions":
    """Options as editors and `lacuna fill` choose them."""
    from lacuna_model.request import InfillOptions

    return InfillOptions(max_tokens=max_tokens, max_lines=max_lines, seed=seed, syntax=True)


def _make_filler(
    name: FillerName,
    checkpoint: Path | None,
    device: str,
    max_tokens: int,
    max_lines: int | None,
    seed: int,
    log: Console,
) -> "Filler":
    from lacuna_model.evaluation.filler import EmptyFiller, GoldFiller, ModelFiller

    if name is FillerName.GOLD:
        return GoldFiller()
    if name is FillerName.EMPTY:
        return EmptyFiller()
    return ModelFiller(load_infiller(checkpoint, device, log), _options(max_tokens, max_lines, seed))
