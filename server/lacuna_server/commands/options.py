"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from lacuna_server.engine.precision import Precision
from lacuna_server.engine.protocol import MAX_CANDIDATES, MAX_TOKENS
from lacuna_server.languages import LANGUAGES
from lacuna_server.outcome import NUM_CONTEXT_LINES

Checkpoint = Annotated[
    Path | None, typer.Option("--checkpoint", metavar="DIR", help="Checkpoint directory; the embedded one otherwise.")
]
Device = Annotated[str, typer.Option("--device", metavar="NAME", help="auto, cpu, cuda or cuda:N.")]
WeightPrecision = Annotated[
    Precision, typer.Option("--precision", help="Hold most weights as saved, in FP8, or the experts in four bits.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
To = Annotated[
    str | None, typer.Option("--to", metavar="LINE:COLUMN", help="Replace the text from the position to here.")
]
MaxTokens = Annotated[
    int, typer.Option("--max-tokens", min=1, max=MAX_TOKENS, metavar="N", help="Most tokens of a gap.")
]
Candidates = Annotated[
    int, typer.Option("--candidates", min=1, max=MAX_CANDIDATES, metavar="N", help="Fills to try; the best is used.")
]
FileLanguage = Annotated[
    str | None,
    typer.Option("--language", metavar="NAME", help=f"{', '.join(LANGUAGES)}; from the file's name otherwise."),
]
NoEngine = Annotated[
    bool, typer.Option("--no-engine", help="Load the model for this fill alone; start and ask no engine.")
]
InPlace = Annotated[bool, typer.Option("--in-place", "-i", help="Write the fill into the file.")]
MaxLines = Annotated[int | None, typer.Option("--lines", min=1, metavar="N", help="Cut each fill after so many lines.")]
Seed = Annotated[
    int,
    typer.Option("--seed", min=0, max=2**63 - 1, metavar="N", help="Same seed, same text, same machine: same result."),
]
DeadlineMs = Annotated[
    float | None, typer.Option("--deadline-ms", min=0, metavar="MS", help="Give the best fill found within this time.")
]
ShowSteps = Annotated[bool, typer.Option("--show-steps", help="Show the canvas as it resolves, on standard error.")]
ContextLines = Annotated[
    int | None,
    typer.Option(
        "--context",
        "-C",
        min=0,
        metavar="LINES",
        help=f"Lines of the file to show around the fill [{NUM_CONTEXT_LINES} on a terminal, else only the fill].",
    ),
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Print steps, forwards and time even when piped.")]
