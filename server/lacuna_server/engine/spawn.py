"""Starts an engine that lives on by itself: no terminal, no parent, and a log of its own."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

import platformdirs

from lacuna_server.engine.address import APP, Address
from lacuna_server.engine.precision import Precision

if sys.platform != "win32":
    import fcntl


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
        precision: of most weights.
        idle_minutes: without a call, after which it ends.
    """

    checkpoint: Path | None = None
    device: str = "auto"
    precision: Precision = "auto"
    idle_minutes: float = 30.0


def command(options: EngineOptions) -> list[str]:
    """What starts the user's own engine, which finds its address itself.

    -P keeps modules in the working directory from taking the place of installed ones.
    """
    line = [sys.executable, "-P", "-m", "lacuna_server", "engine"]
    line += ["--device", options.device, "--precision", options.precision]
    line += ["--idle-minutes", str(options.idle_minutes)]
    if options.checkpoint is not None:
        line += ["--checkpoint", str(options.checkpoint.resolve())]
    return line


def spawn(address: Address, options: EngineOptions) -> Process:
    """Starts the user's own engine, whose address this is, and does not wait for it."""
    detached = 0
    if sys.platform == "win32":
        detached = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
    with _opened_log(log_file(address)) as log, _locked(_life_file(address)) as inherited:
        return subprocess.Popen(
            command(options),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
            cwd=address.lock_file.parent,  # not the caller's: it may be removed or unmounted
            start_new_session=True,
            creationflags=detached,
            pass_fds=inherited,
        )


def lives(address: Address) -> bool:
    """Whether an engine that was spawned for an address has not ended yet, though it may not listen.

    It inherits an open file with a lock, which the system keeps until it has ended, whatever becomes of its parent.
    On Windows nothing is inherited, and nothing known.
    """
    if sys.platform == "win32":
        return False
    with _life_file(address).open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def log_file(address: Address) -> Path:
    """Where an engine that was started for an address writes what happens to it."""
    return platformdirs.user_log_path(APP, appauthor=False) / f"engine-{address.lock_file.stem}.log"


def _life_file(address: Address) -> Path:
    return address.lock_file.with_suffix(".life")


@contextmanager
def _locked(path: Path) -> Iterator[tuple[int, ...]]:
    """A locked file for a child to inherit."""
    if sys.platform == "win32":
        yield ()
        return
    with path.open("ab") as file:
        with suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield (file.fileno(),)


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
