"""`lacuna bench`: how fast fills are, beside two references."""

import json
from typing import Annotated

import typer
from rich.console import Console

from lacuna_server.commands.options import AsJson, Checkpoint, Device
from lacuna_server.loading import load_infiller, progress_bar
from lacuna_server.render import table_console


def bench(
    checkpoint: Checkpoint = None,
    device: Device = "auto",
    num_prefix_tokens: Annotated[
        int, typer.Option("--prefix-tokens", min=2, metavar="N", help="Tokens before the gap.")
    ] = 1000,
    num_slots: Annotated[int, typer.Option("--slots", min=1, metavar="N", help="Slots of the gap.")] = 32,
    repetitions: Annotated[
        int, typer.Option("--repetitions", min=1, metavar="N", help="Times that each figure is taken.")
    ] = 7,
    as_json: AsJson = False,
) -> None:
    """Measure latency, steps, tokens per forward and memory, beside the reference and left-to-right decoding."""
    log = Console(stderr=True)
    infiller = load_infiller(checkpoint, device, log)

    from lacuna_model.evaluation.bench import run_benchmark
    from lacuna_model.infill import EMBEDDED_CHECKPOINT

    with progress_bar("Measuring", log) as report:
        benchmark = run_benchmark(
            infiller,
            checkpoint or EMBEDDED_CHECKPOINT,
            num_prefix_tokens=num_prefix_tokens,
            num_slots=num_slots,
            repetitions=repetitions,
            progress=report,
        )
    if as_json:
        print(json.dumps(benchmark.as_json(), indent=2))
    else:
        benchmark.render(table_console())
