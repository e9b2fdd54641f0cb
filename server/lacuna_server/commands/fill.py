"""`lacuna fill`: fills the gap at a position, a selection, or the marked gaps of a file."""

import json
import os
import re
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from lacuna_server.commands.options import AsJson, Checkpoint, Device, MaxLines, MaxTokens, Seed
from lacuna_server.engine.protocol import FillCall, FillOut, ResultEvent
from lacuna_server.errors import UserError
from lacuna_server.files import STANDARD_INPUT, read_source, replace_file
from lacuna_server.filling import ask_engine, fill_here
from lacuna_server.gaps import DEFAULT_MARKER, Gaps, find_gaps
from lacuna_server.languages import LANGUAGES, check_language, language_of
from lacuna_server.positions import parse_position, parse_target
from lacuna_server.render import figures, fill_texts, has_colour, in_context, tokens_per_forward, visible
from lacuna_server.steps import steps_shown

NUM_CONTEXT_LINES = 3
"""Lines shown around a fill on a terminal."""

MAX_CANDIDATES = 64
"""All candidates are denoised side by side, so that their number is a matter of memory."""

_STANDARD_INPUT_TARGET = re.compile("-:[0-9:]*")


def protect_standard_input(arguments: Sequence[str]) -> list[str]:
    """Moves `-:LINE:COLUMN` behind `--`, as it would be taken for an option elsewhere."""
    targets = [argument for argument in arguments if _STANDARD_INPUT_TARGET.fullmatch(argument)]
    if not targets or "--" in arguments:
        return list(arguments)
    return [argument for argument in arguments if argument not in targets] + ["--", *targets]


@dataclass(frozen=True, slots=True)
class Outcome:
    """A filled gap, or several of one file.

    Attributes:
        gaps: where they lie.
        language: the language the model was told.
        result: what the model answered; its best fill comes first.
    """

    gaps: Gaps
    language: str
    result: ResultEvent

    @property
    def best(self) -> FillOut:
        """The fill that is printed, or written to the file."""
        return self.result.fills[0]


def fill(
    target: Annotated[
        str,
        typer.Argument(
            metavar="FILE[:LINE:COLUMN]", help="Where to fill; both numbers start at 1. - reads standard input."
        ),
    ],
    to: Annotated[
        str | None, typer.Option("--to", metavar="LINE:COLUMN", help="Replace the text from the position to here.")
    ] = None,
    marker: Annotated[
        str | None,
        typer.Option(
            "--marker", metavar="TEXT", help=f"Without a position: fill wherever this text stands [{DEFAULT_MARKER}]."
        ),
    ] = None,
    language: Annotated[
        str | None,
        typer.Option("--language", metavar="NAME", help=f"{', '.join(LANGUAGES)}; from the file's name otherwise."),
    ] = None,
    max_tokens: MaxTokens = 32,
    max_lines: MaxLines = None,
    candidates: Annotated[
        int,
        typer.Option("--candidates", min=1, max=MAX_CANDIDATES, metavar="N", help="Fills to try; the best is used."),
    ] = 1,
    deadline_ms: Annotated[
        float | None,
        typer.Option("--deadline-ms", min=0, metavar="MS", help="Give the best fill found within this time."),
    ] = None,
    seed: Seed = 0,
    checkpoint: Checkpoint = None,
    device: Device = "auto",
    no_engine: Annotated[
        bool, typer.Option("--no-engine", help="Load the model for this fill alone; start and ask no engine.")
    ] = False,
    in_place: Annotated[bool, typer.Option("--in-place", "-i", help="Write the fill into the file.")] = False,
    as_json: AsJson = False,
    with_steps: Annotated[
        bool, typer.Option("--show-steps", help="Show the canvas as it resolves, on standard error.")
    ] = False,
    context: Annotated[
        int | None,
        typer.Option(
            "--context",
            "-C",
            min=0,
            metavar="LINES",
            help=f"Lines of the file to show around the fill [{NUM_CONTEXT_LINES} on a terminal, else only the fill].",
        ),
    ] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Print steps, forwards and time even when piped.")
    ] = False,
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

    output = Console(highlight=False, emoji=False)
    log = Console(stderr=True, highlight=False, emoji=False)
    if context is None and output.is_terminal:
        context = NUM_CONTEXT_LINES
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
    )
    shown = steps_shown(gaps, log) if with_steps else nullcontext(lambda _: None)
    result = (fill_here if no_engine else ask_engine)(call, checkpoint, device, log, shown)
    outcome = Outcome(gaps, chosen_language, result)

    if in_place:
        replace_file(gaps.source, gaps.filled(outcome.best.texts))
    if as_json:
        print(json.dumps(_document(outcome), indent=2))
    elif context is not None:
        _print_in_context(outcome, context, output)
    elif not in_place:
        _print_fill(outcome)
    if not as_json and (verbose or output.is_terminal):
        log.print(figures(result), style="dim")


def _print_fill(outcome: Outcome) -> None:
    """Prints the best fill, gap after gap, each ended as a line; bytes, so that no platform changes line breaks."""
    newline = outcome.gaps.source.newline
    text = "".join(outcome.gaps.localize(text) + newline for text in outcome.best.texts)
    sys.stdout.buffer.write(text.encode())
    sys.stdout.buffer.flush()


def _print_in_context(outcome: Outcome, num_lines: int, console: Console) -> None:
    """Prints every candidate between the lines around it, the best one first."""
    name = outcome.gaps.source.name
    places = ", ".join(str(start) for start, _ in outcome.gaps.positions)
    for number, candidate in enumerate(outcome.result.fills, start=1):
        title = f"{name}:{places}" if number == 1 else f"candidate {number}"
        console.print(Text(visible(title), "bold"), soft_wrap=True)
        view = in_context(outcome.gaps.segments, fill_texts(candidate), num_lines, brackets=not has_colour(console))
        console.print(view, soft_wrap=True)
        console.print()


def _document(outcome: Outcome) -> dict[str, Any]:
    """What `--json` prints. Fills are as they would stand in the file; times are in milliseconds."""
    result = outcome.result
    path: Path | None = outcome.gaps.source.path
    return {
        "file": None if path is None else str(path),
        "language": outcome.language,
        "gaps": [
            {"start": {"line": start.line, "column": start.column}, "end": {"line": end.line, "column": end.column}}
            for start, end in outcome.gaps.positions
        ],
        "fills": [
            {
                "texts": [outcome.gaps.localize(text) for text in candidate.texts],
                "score": candidate.score,
                "tokens": [
                    [{"text": token.text, "confidence": token.confidence} for token in tokens]
                    for tokens in candidate.tokens
                ],
            }
            for candidate in result.fills
        ],
        "num_steps": result.num_steps,
        "num_forwards": result.num_forwards,
        "num_tokens": result.num_tokens,
        "tokens_per_forward": tokens_per_forward(result),
        "num_prefix_tokens": result.num_prefix_tokens,
        "num_cached_tokens": result.num_cached_tokens,
        "stop_reason": result.stop_reason,
        "timing_ms": {
            "queue": result.queue_ms,
            "encode": result.encode_ms,
            "denoise": result.denoise_ms,
            "rank": result.rank_ms,
            "total": result.total_ms,
        },
    }
