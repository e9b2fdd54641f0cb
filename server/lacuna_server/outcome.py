"""What a command that fills shows: the fill alone in a pipe, its surroundings on a terminal, all of it as JSON."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from lacuna_server.engine.protocol import FillOut, ResultEvent
from lacuna_server.files import replace_file
from lacuna_server.gaps import Gaps
from lacuna_server.render import figures, fill_texts, has_colour, in_context, tokens_per_forward, visible

NUM_CONTEXT_LINES = 3
"""Lines shown around a fill on a terminal."""


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


def deliver(
    outcome: Outcome,
    *,
    in_place: bool,
    as_json: bool,
    context: int | None,
    verbose: bool,
    output: Console,
    log: Console,
) -> None:
    """Writes the best fill to the file if that is asked for, and prints.

    Args:
        outcome: with at least one fill.
        in_place: change the file, and print no fill where only the fill would be printed.
        as_json: print everything as one JSON document.
        context: lines to show around a fill; None: as many as suit a terminal, and only the fill elsewhere.
        verbose: print figures even where nobody sits before the terminal.
        output: for fills.
        log: for everything else.
    """
    if context is None and output.is_terminal:
        context = NUM_CONTEXT_LINES
    if in_place:
        replace_file(outcome.gaps.source, outcome.gaps.filled(outcome.best.texts))
    if as_json:
        print(json.dumps(_document(outcome), indent=2))
        return
    if context is not None:
        _print_in_context(outcome, context, output)
    elif not in_place:
        _print_fill(outcome)
    if outcome.best.valid is False:
        log.print("No fill was found that keeps the syntax; this is the best of the others.")
    if verbose or output.is_terminal:
        log.print(figures(outcome.result), style="dim")


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
                "probability": candidate.probability,
                "valid": candidate.valid,
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
