"""`lacuna snippet`: a value of a given format, that fits into the text around it."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

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
from lacuna_server.files import STANDARD_INPUT, Source, read_source
from lacuna_server.filling import Model, fill_gaps
from lacuna_server.gaps import Gaps, find_gaps
from lacuna_server.languages import TEXT, check_language, is_yaml, language_of
from lacuna_server.outcome import Outcome, deliver
from lacuna_server.positions import parse_position, parse_target


def snippet(
    target: Annotated[
        str | None,
        typer.Argument(
            metavar="[FILE:LINE:COLUMN]",
            help="Where the value belongs; both numbers start at 1. - reads standard input.",
        ),
    ] = None,
    to: To = None,
    prefix: Annotated[
        str | None, typer.Option("--prefix", metavar="TEXT", help="Instead of a file: the text before the value.")
    ] = None,
    suffix: Annotated[
        str | None, typer.Option("--suffix", metavar="TEXT", help="Instead of a file: the text behind the value.")
    ] = None,
    regex: Annotated[
        str | None, typer.Option("--regex", metavar="PATTERN", help="The value matches this regular expression.")
    ] = None,
    choice: Annotated[
        list[str] | None,
        typer.Option("--choice", metavar="TEXT", help="The value is one of these; give it repeatedly."),
    ] = None,
    schema: Annotated[
        Path | None,
        typer.Option(
            "--schema",
            metavar="FILE",
            help="The value is JSON of this JSON Schema; YAML in a YAML file, or if that is the --language.",
        ),
    ] = None,
    preset: Annotated[
        str | None, typer.Option("--preset", metavar="NAME", help="The value has a format of --list-presets.")
    ] = None,
    list_presets: Annotated[
        bool, typer.Option("--list-presets", help="Print the names of all presets and what they stand for.")
    ] = False,
    before: Annotated[
        str, typer.Option("--before", metavar="TEXT", help="The part of the value that stands before the gap already.")
    ] = "",
    after: Annotated[
        str, typer.Option("--after", metavar="TEXT", help="The part of the value that stands behind the gap already.")
    ] = "",
    language: FileLanguage = None,
    max_tokens: MaxTokens = 64,
    candidates: Candidates = 1,
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
    """Fill a gap with a value that has a format.

    On a terminal the value is shown between the lines around it; in a pipe it is printed alone, without the parts of
    it that stand in the text already.
    """
    if list_presets:
        _print_presets()
        return
    file = "" if target is None or language is not None else parse_target(target).file
    in_yaml = is_yaml(file, language or TEXT)
    constraint = _constraint(regex, choice or (), schema, preset, in_yaml) | {"before": before, "after": after}
    gaps = _gaps(target, to, prefix, suffix)
    chosen_language = _language(language, target, schema)
    if in_place and gaps.source.path is None:
        raise UserError("--in-place needs a file; write FILE:LINE:COLUMN or leave it out.")
    _check(constraint, gaps, chosen_language)

    log = Console(stderr=True, highlight=False, emoji=False)
    call = FillCall(
        gaps.segments,
        chosen_language,
        client=f"lacuna snippet {os.getpid()}",  # of its own, for nobody's newer call replaces this one
        max_tokens=max_tokens,
        num_candidates=candidates,
        deadline_ms=deadline_ms,
        seed=seed,
        steps=with_steps,
        constraints=(constraint,),
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


def _constraint(
    regex: str | None, choice: Sequence[str], schema: Path | None, preset: str | None, in_yaml: bool
) -> dict[str, Any]:
    """The one format that was given, as JSON."""
    given = {"regex": regex, "choice": list(choice) or None, "schema": schema, "preset": preset}
    formats = {name: value for name, value in given.items() if value is not None}
    if len(formats) != 1:
        raise UserError("Name one format: --regex, --choice, --schema or --preset; --list-presets shows the presets.")
    if schema is None:
        return formats
    return {"schema": _read_schema(schema), "notation": "yaml" if in_yaml else "json"}


def _read_schema(file: Path) -> Any:
    try:
        return json.loads(read_source(str(file)).text)
    except json.JSONDecodeError as error:
        raise UserError(f"{file} is not JSON: {error.msg} at {error.lineno}:{error.colno}.") from error
    except RecursionError as error:
        raise UserError(f"{file} is nested too deeply.") from error


def _gaps(target: str | None, to: str | None, prefix: str | None, suffix: str | None) -> Gaps:
    """Where the value belongs: in a file, or between two texts."""
    if target is None:
        if to is not None:
            raise UserError("--to needs the start of the selection: write FILE:LINE:COLUMN --to LINE:COLUMN.")
        start, end = prefix or "", suffix or ""
        return Gaps(Source("--prefix", None, b"", start + end, newline="\n"), ((len(start), len(start)),))
    if prefix is not None or suffix is not None:
        raise UserError("A file and --prefix or --suffix exclude each other; give one of them.")
    place = parse_target(target)
    if place.position is None:
        raise UserError(f"{target!r} has no position; write FILE:LINE:COLUMN, two numbers that start at 1.")
    return find_gaps(read_source(place.file), place.position, None if to is None else parse_position(to), None)


def _language(named: str | None, target: str | None, schema: Path | None) -> str:
    """The language that was named, or that of the file, or without one that of the format."""
    if named is not None:
        return TEXT if is_yaml("", named) else check_language(named)
    if target is not None and (file := parse_target(target).file) != STANDARD_INPUT:
        return language_of(file)
    return TEXT if schema is None else "json"


def _check(constraint: dict[str, Any], gaps: Gaps, language: str) -> None:
    """Tells what is wrong with a format before an engine is started for it, as far as that is known without one."""
    from lacuna_model.constraints.kinds import constraint_of_json

    constraint_of_json(constraint).pattern(language)
    prefix, suffix = gaps.segments
    if not prefix.endswith(constraint["before"]):
        raise UserError(f"--before {constraint['before']!r} does not stand in front of the gap; name what does.")
    if not suffix.startswith(constraint["after"]):
        raise UserError(f"--after {constraint['after']!r} does not stand behind the gap; name what does.")


def _print_presets() -> None:
    from lacuna_model.constraints.presets import PRESETS

    width = max(map(len, PRESETS))
    for name, preset in PRESETS.items():
        print(f"{name:{width}}  {preset.description}")
