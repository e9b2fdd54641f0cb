"""Starts an engine that lives on by itself: no terminal, no parent, and a log of its own."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

import platformdirs

from lacuna_server.engine.address import APP, Address


class Process(Protocol):
    """What is watched of a started engine."""

    def poll(self) -> int | None:
        """The exit code of a process that has ended, else None."""


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """Which engine to start.

    Attributes:
        checkpoint: its directory; None: the embedded one.
        device: as `lacuna engine --device` takes it.
        idle_minutes: without a call, after which it ends.
    """

    checkpoint: Path | None = None
    device: str = "auto"
    idle_minutes: float = 30.0


def command(address: Address, options: EngineOptions) -> list[str]:
    """What starts an engine; -P keeps modules in the working directory from taking the place of installed ones."""
    line = [sys.executable, "-P", "-m", "lacuna_server", "engine"]
    if address.socket is not None:
        line += ["--socket", str(address.socket)]
    else:
        host, _, port = address.url.rpartition("/")[2].rpartition(":")
        line += ["--host", host, "--port", port, "--token-file", str(address.token_file)]
    line += ["--device", options.device, "--idle-minutes", str(options.idle_minutes)]
    if options.checkpoint is not None:
        line += ["--checkpoint", str(options.checkpoint.resolve())]
    return line


def spawn(address: Address, options: EngineOptions) -> Process:
    """Starts an engine and does not wait for it."""
    detached = 0
    if sys.platform == "win32":
        detached = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
    with _opened_log(log_file(address)) as log:
        return subprocess.Popen(
            command(address, options),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
            cwd=address.lock_file.parent,  # not the caller's: it may be removed or unmounted
            start_new_session=True,
            creationflags=detached,
        )


def log_file(address: Address) -> Path:
    """Where an engine that was started for an address writes what happens to it."""
    return platformdirs.user_log_path(APP, appauthor=False) / f"engine-{address.lock_file.stem}.log"


@contextmanager
def _opened_log(path: Path) -> Iterator[IO[bytes] | int]:
    """An empty log, the last one being kept beside it; where none can be written, the engine does without."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            path.replace(path.with_suffix(".log.1"))
        log = path.open("wb")
    except OSError:
        yield subprocess.DEVNULL
        return
    with log:
        yield log
