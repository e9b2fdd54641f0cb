"""Loading the model for a command, with a progress bar when it takes long."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn

from lacuna_server.engine.precision import Precision, quantized

if TYPE_CHECKING:
    from lacuna_model.infill import Infiller

PATIENCE = 0.5
"""Seconds of waiting that need no explanation."""


class Report(Protocol):
    """Told how much is done, and how much there is in all, in the same unit."""

    def __call__(self, done: int, total: int, /) -> None:
        """Reports once."""


@contextmanager
def progress_bar(
    what: str, console: Console, *, in_bytes: bool = False, patience: float = PATIENCE
) -> Iterator[Report]:
    """Yields a function that reports progress; a bar appears on a terminal after `patience` seconds.

    A total of 0 stands for one that is not known yet.
    """
    amount: ProgressColumn = DownloadColumn() if in_bytes else MofNCompleteColumn()
    bar = Progress(TextColumn(what), BarColumn(), amount, console=console, transient=True)
    task = bar.add_task(what)
    patient_until = time.monotonic() + patience

    def report(done: int, total: int, /) -> None:
        bar.update(task, completed=done, total=total or None)
        if console.is_terminal and time.monotonic() >= patient_until:
            bar.start()

    try:
        yield report
    finally:
        if bar.live.is_started:
            bar.stop()


def load_infiller(checkpoint: Path | None, device: str, console: Console, precision: Precision = "auto") -> "Infiller":
    """Loads a checkpoint, the embedded one when None, to a device.

    Raises:
        LacunaError: the checkpoint, the device or the precision cannot be used.
    """
    from lacuna_model.infill import Infiller  # takes a second: torch

    with progress_bar("Loading", console, in_bytes=True) as report:
        return Infiller.load(checkpoint, device=device, progress=report, precision=quantized(precision))
