"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

Checkpoint = Annotated[
    Path | None, typer.Option("--checkpoint", metavar="DIR", help="Checkpoint directory; the embedded one otherwise.")
]
Device = Annotated[str, typer.Option("--device", metavar="NAME", help="auto, cpu, cuda or cuda:N.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
MaxTokens = Annotated[int, typer.Option("--max-tokens", min=1, metavar="N", help="Most tokens of a gap.")]
MaxLines = Annotated[int | None, typer.Option("--lines", min=1, metavar="N", help="Cut each fill after so many lines.")]
Seed = Annotated[
    int,
    typer.Option("--seed", min=0, max=2**63 - 1, metavar="N", help="Same seed, same text, same machine: same result."),
]
