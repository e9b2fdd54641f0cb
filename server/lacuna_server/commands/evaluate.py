"""`lacuna eval`: how good fills are, on HumanEval-Infilling or on held-out files."""

import json
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
    from lacuna_model.evaluation.filler import Filler

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
        typer.Option("--limit", min=1, metavar="N", help=f"Tasks of --data [all], or gaps of each kind [{NUM_GAPS}]."),
    ] = None,
    filler: Annotated[
        FillerName, typer.Option("--filler", help="Gold and empty fills calibrate the grading.")
    ] = FillerName.MODEL,
    compare_ranking: Annotated[
        bool, typer.Option("--compare-ranking", help="Compare the ways to rank candidates on held-out gaps.")
    ] = False,
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
    if compare_ranking and filler is not FillerName.MODEL:
        raise UserError("--compare-ranking needs the model as filler.")
    if compare_ranking and (max_lines is not None or _is_given(context, "max_tokens")):
        raise UserError("--compare-ranking excludes --max-tokens and --lines; it has a length of its own.")
    log = Console(stderr=True)
    report: Report
    if compare_ranking:
        from lacuna_model.evaluation.documents import read_documents
        from lacuna_model.evaluation.ranking import compare_rankings

        documents = read_documents(held_out)
        infiller = load_infiller(checkpoint, device, log)
        with progress_bar("Ranking", log) as progress:
            report = compare_rankings(infiller, documents, num=limit or NUM_GAPS, seed=seed, progress=progress)
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


def _is_given(context: typer.Context, name: str) -> bool:
    """Whether an option was written by the user, be it with its default."""
    source = context.get_parameter_source(name)
    return source is not None and source.name != "DEFAULT"


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
    from lacuna_model.request import InfillOptions

    if name is FillerName.GOLD:
        return GoldFiller()
    if name is FillerName.EMPTY:
        return EmptyFiller()
    options = InfillOptions(max_tokens=max_tokens, max_lines=max_lines, seed=seed)
    return ModelFiller(load_infiller(checkpoint, device, log), options)
