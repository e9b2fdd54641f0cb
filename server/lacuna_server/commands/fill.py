"""`lacuna fill`: fills the gap at a position, a selection, or the marked gaps of a file."""

import os
from typing import Annotated

import typer
from rich.console import Console

from lacuna_server.commands.options import (
    AsJson,
    Candidates,
    Checkpoint,
    ContextLines,
    DeadlineMs,
    Device,
    FileLanguage,
    InPlace,
    MaxLines,
    MaxTokens,
    NoEngine,
    Seed,
    ShowSteps,
    To,
    Verbose,
    WeightPrecision,
)
from lacuna_server.engine.protocol import FillCall
from lacuna_server.errors import UserError
from lacuna_server.files import STANDARD_INPUT, read_source
from lacuna_server.filling import Model, fill_gaps
from lacuna_server.gaps import DEFAULT_MARKER, find_gaps
from lacuna_server.languages import check_language, language_of
from lacuna_server.outcome import Outcome, deliver
from lacuna_server.positions import parse_position, parse_target


def fill(
    target: Annotated[
        str,
        typer.Argument(
            metavar="FILE[:LINE:COLUMN]", help="Where to fill; both numbers start at 1. - reads standard input."
        ),
    ],
    to: To = None,
    marker: Annotated[
        str | None,
        typer.Option(
            "--marker", metavar="TEXT", help=f"Without a position: fill wherever this text stands [{DEFAULT_MARKER}]."
        ),
    ] = None,
    language: FileLanguage = None,
    max_tokens: MaxTokens = 32,
    max_lines: MaxLines = None,
    candidates: Candidates = 1,
    syntax: Annotated[
        bool, typer.Option("--syntax/--no-syntax", help="Prefer fills that keep the syntax of the file's language.")
    ] = True,
    deadline_ms: DeadlineMs = None,
    seed: Seed = 0,
    checkpoint: Checkpoint = None,
    device: Device = "auto",
    precision: WeightPrecision = "auto",
    no_engine: NoEngine = False,
    in_place: InPlace = False,
    as_json: AsJson = False,
    with_steps: ShowSteps = False,
    context: ContextLines = None,
    verbose: Verbose = False,
) -> None:
    """Fill a gap with the text that belongs there.

    On a terminal the fill is shown between the lines around it, uncertain tokens in yellow; in a pipe only the fill
    is printed. Figures go to standard error.
    """
    place = parse_target(target)
    end = None if to is None else parse_position(to)
    chosen_language = language_of(place.file) if language is None else check_language(language)
    if in_place and place.file == STANDARD_INPUT:
        raise UserError("Standard input cannot be changed in place; leave --in-place out or name a file.")
    gaps = find_gaps(read_source(place.file), place.position, end, marker)

    log = Console(stderr=True, highlight=False, emoji=False)
    call = FillCall(
        gaps.segments,
        chosen_language,
        client=f"lacuna fill {os.getpid()}",  # of its own, for nobody's newer call replaces this one
        max_tokens=max_tokens,
        max_lines=max_lines,
        num_candidates=candidates,
        deadline_ms=deadline_ms,
        seed=seed,
        steps=with_steps,
        syntax=syntax,
    )
    result = fill_gaps(call, gaps, Model(checkpoint, device, precision, no_engine), log)
    deliver(
        Outcome(gaps, chosen_language, result),
        in_place=in_place,
        as_json=as_json,
        context=context,
        verbose=verbose,
        output=Console(highlight=False, emoji=False),
        log=log,
    )
