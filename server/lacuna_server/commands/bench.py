"""`lacuna bench`: how fast fills are beside two references, or what a step costs beside what the device can do."""

import json
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console

from lacuna_server.commands.options import AsJson, Checkpoint, Device
from lacuna_server.engine.precision import Precision, Quantized, quantized
from lacuna_server.errors import UserError
from lacuna_server.loading import load_infiller, progress_bar
from lacuna_server.render import table_console

if TYPE_CHECKING:
    from lacuna_model.evaluation.bench import BenchReport
    from lacuna_model.evaluation.profile_report import ProfileReport


Profile = Literal["fills", "gpu"]


def bench(
    checkpoint: Checkpoint = None,
    device: Device = "auto",
    profile: Annotated[
        Profile, typer.Option("--profile", help="fills: whole fills. gpu: single steps beside the device's limits.")
    ] = "fills",
    synthetic: Annotated[
        bool, typer.Option("--synthetic", help="gpu: random weights of DiffusionGemma-26B-A4B in its bfloat16.")
    ] = False,
    precision: Annotated[
        Precision, typer.Option("--precision", help="gpu: quantise the weights; auto: as they were saved.")
    ] = "auto",
    num_prefix_tokens: Annotated[
        int | None,
        typer.Option("--prefix-tokens", min=2, metavar="N", help="Tokens before the gap; 1000, 2000 for gpu."),
    ] = None,
    num_slots: Annotated[int, typer.Option("--slots", min=1, metavar="N", help="fills: slots of the gap.")] = 32,
    repetitions: Annotated[
        int, typer.Option("--repetitions", min=1, metavar="N", help="Times that each figure is taken.")
    ] = 7,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE", dir_okay=False, help="gpu: draw the steps as a PNG.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure whole fills beside the reference and left-to-right decoding, or steps beside the limits of the device."""
    log = Console(stderr=True)
    if profile == "fills":
        if synthetic or plot or precision != "auto":
            raise UserError("--synthetic, --precision and --plot belong to --profile gpu; add it.")
        fills = _fills(checkpoint, device, num_prefix_tokens or 1000, num_slots, repetitions, log)
        _show(fills, as_json)
        return
    if synthetic and checkpoint:
        raise UserError("--synthetic makes weights of its own; leave --checkpoint out.")
    if plot and find_spec("matplotlib") is None:
        raise UserError("--plot needs matplotlib; install it with: pip install 'lacuna[train]'.")
    source = None if synthetic else _directory(checkpoint)
    steps = _profile(source, device, quantized(precision), num_prefix_tokens or 2000, repetitions, log)
    _show(steps, as_json)
    if plot:
        from lacuna_model.evaluation.profile_plot import plot_profile

        plot_profile(steps, plot)


def _show(report: "BenchReport | ProfileReport", as_json: bool) -> None:
    if as_json:
        print(json.dumps(report.as_json(), indent=2))
    else:
        report.render(table_console())


def _fills(
    checkpoint: Path | None, device: str, num_prefix_tokens: int, num_slots: int, repetitions: int, log: Console
) -> "BenchReport":
    infiller = load_infiller(checkpoint, device, log)

    from lacuna_model.evaluation.bench import run_benchmark

    with progress_bar("Measuring", log) as progress:
        return run_benchmark(
            infiller,
            _directory(checkpoint),
            num_prefix_tokens=num_prefix_tokens,
            num_slots=num_slots,
            repetitions=repetitions,
            progress=progress,
        )


def _directory(checkpoint: Path | None) -> Path:
    from lacuna_model.infill import EMBEDDED_CHECKPOINT

    return checkpoint or EMBEDDED_CHECKPOINT


def _profile(
    directory: Path | None,
    device: str,
    precision: Quantized | None,
    num_prefix_tokens: int,
    repetitions: int,
    log: Console,
) -> "ProfileReport":
    """Profiles a checkpoint, or random weights of the released configuration where there is none."""
    from lacuna_model.checkpoint import load_denoiser
    from lacuna_model.config import CONFIG_FILE, DenoiserConfig
    from lacuna_model.device import choose_device, choose_dtype
    from lacuna_model.evaluation.bench_profile import run_profile
    from lacuna_model.evaluation.synthetic import RELEASED, synthetic_denoiser
    from lacuna_model.json_object import JsonObject

    place = choose_device(device)
    if directory is None:
        denoiser = synthetic_denoiser(DenoiserConfig.load(RELEASED), place, precision=precision)
    else:
        with progress_bar("Loading", log, in_bytes=True) as progress:
            denoiser = load_denoiser(directory, place, choose_dtype(place), progress, precision)
    document = dict(JsonObject.load((directory or RELEASED) / CONFIG_FILE).content)
    with progress_bar("Measuring", log) as progress:
        return run_profile(
            denoiser,
            None if precision else document,
            num_prefix_tokens=num_prefix_tokens,
            repetitions=repetitions,
            progress=progress,
        )
