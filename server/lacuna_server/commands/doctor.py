"""`lacuna doctor`: what this installation consists of, and whether it can fill a gap."""

import asyncio
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lacuna_server.commands.options import AsJson, Checkpoint, Device, WeightPrecision
from lacuna_server.loading import load_infiller
from lacuna_server.render import NEWLINE, table_console, visible

if TYPE_CHECKING:
    from lacuna_model.infill import Infiller
    from lacuna_server.engine.precision import Precision

PACKAGES = ("lacuna", "torch", "safetensors", "tokenizers", "numpy")
SELF_TEST = ("def add(left, right):\n    return ", "\n")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        name: what.
        detail: what was found, or what is wrong and how to put it right.
        ok: False when the installation cannot be used as it is.
    """

    name: str
    detail: str
    ok: bool = True


def doctor(
    checkpoint: Checkpoint = None,
    device: Device = "auto",
    precision: WeightPrecision = "auto",
    as_json: AsJson = False,
) -> None:
    """Check the installation: versions, devices, memory, checkpoint, and a fill as a self-test.

    Exits with 1 when something is wrong.
    """
    findings = list(_examine(checkpoint, device, precision, Console(stderr=True)))
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        table = Table(box=None, show_header=False, pad_edge=False)
        table.add_column(no_wrap=True)
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for finding in findings:
            mark = "[green]ok[/]" if finding.ok else "[bold red]wrong[/]"
            table.add_row(mark, finding.name, escape(finding.detail))
        table_console().print(table)
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


def _examine(checkpoint: Path | None, device: str, precision: "Precision", log: Console) -> Iterator[Finding]:
    """Looks at everything; what needs the model comes last and stops at the first failure."""
    yield Finding("platform", f"{platform.platform()}, {os.cpu_count()} logical processors")
    yield Finding("python", f"{platform.python_version()} at {sys.prefix}")
    yield _look("packages", lambda: ", ".join(f"{name} {version(name)}" for name in PACKAGES))
    yield _look("memory", _memory)
    yield _look("devices", _devices)
    yield _look("engines", _engines)
    loaded: list[Infiller] = []

    def load() -> str:
        start = time.perf_counter()
        loaded.append(load_infiller(checkpoint, device, log, precision))
        return f"{_describe(loaded[0], checkpoint)}, loaded in {time.perf_counter() - start:.1f} s"

    yield _look("checkpoint", load)
    if loaded:
        yield _look("self-test", lambda: _self_test(loaded[0]))


def _look(name: str, look: Callable[[], str]) -> Finding:
    """Turns whatever goes wrong while looking into a finding: a doctor must not fall ill."""
    try:
        return Finding(name, look())
    except Exception as error:
        return Finding(name, str(error) or type(error).__name__, ok=False)


def _memory() -> str:
    if not hasattr(os, "sysconf"):
        return "unknown on this platform"
    return f"{_gibibytes(os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE'))} in all"


def _devices() -> str:
    import torch

    found = [f"cpu ({torch.get_num_threads()} threads)"]
    for index in range(torch.cuda.device_count()):
        free, total = torch.cuda.mem_get_info(index)
        name = torch.cuda.get_device_name(index)
        found.append(f"cuda:{index} ({name}, {_gibibytes(free)} of {_gibibytes(total)} free)")
    return ", ".join(found)


def _engines() -> str:
    from lacuna_server.engine.running import find_running

    found = asyncio.run(find_running())
    described = (f"{each.status.state} on {each.status.device}" if each.status else each.problem for each in found)
    return ", ".join(described) or "none runs; the next fill starts one"


def _describe(infiller: "Infiller", checkpoint: Path | None) -> str:
    from lacuna_model.infill import EMBEDDED_CHECKPOINT

    denoiser = infiller.denoiser
    parameters = list(denoiser.parameters())
    num_parameters = sum(parameter.numel() for parameter in parameters)
    num_bytes = sum(parameter.nbytes for parameter in parameters)
    return (
        f"{checkpoint or EMBEDDED_CHECKPOINT}: {num_parameters / 1e6:.1f} M parameters "
        f"({num_bytes / 2**20:.0f} MiB, {str(denoiser.dtype).removeprefix('torch.')} on {denoiser.device}), "
        f"{denoiser.config.noise} noise, {denoiser.config.vocab_size} tokens"
    )


def _self_test(infiller: "Infiller") -> str:
    from lacuna_model.request import InfillOptions, InfillRequest

    result = infiller.infill(InfillRequest(SELF_TEST, "python", InfillOptions(max_tokens=16)))
    middle = result.fills[0].texts[0]
    shown = visible(f"{SELF_TEST[0]}{middle}".replace("\n", NEWLINE))
    return f"{shown}  ({result.num_forwards} forwards, {result.timing.total_ms:.0f} ms, {result.stop_reason})"


def _gibibytes(num_bytes: int) -> str:
    return f"{num_bytes / 2**30:.1f} GiB"
