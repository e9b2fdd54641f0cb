"""Runs generated programs, each in a fresh child process that can compute and nothing else."""

import contextlib
import json
import math
import os
import secrets
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from lacuna_model.errors import LacunaError

_CHILD = Path(__file__).with_name("child.py")
_MAX_VERDICT_BYTES = 2_000


@dataclass(frozen=True, slots=True)
class Limits:
    """What one program may use.

    Attributes:
        seconds: wall-clock time, the start of the interpreter included.
        memory_bytes: address space; without effect on macOS, which takes no such limit.
    """

    seconds: float = 3.0
    memory_bytes: int = 1 << 30


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a program ended.

    Attributes:
        passed: it ran to its end without an exception.
        reason: why it did not pass: "timeout", the exception (also one of setting limits), or "no verdict" for one that
            left early or crashed.
    """

    passed: bool
    reason: str = ""


def run_program(program: str, limits: Limits = Limits()) -> Outcome:
    """Runs Python source to its end, in an empty directory, without network, files, environment or other processes.

    The child leads a process group of its own, and a process namespace of its own where the system grants one; all
    that is left of it is killed when it ends or its time is up.

    Raises:
        LacunaError: this platform has no process groups and resource limits.
    """
    if os.name != "posix":
        raise LacunaError("Generated programs can only be run safely on Linux and macOS.")
    token = secrets.token_hex(16)
    job = {"program": program, "token": token, "limits": _resource_limits(limits)}
    deadline = time.monotonic() + limits.seconds
    with tempfile.TemporaryDirectory(prefix="lacuna-") as directory, tempfile.TemporaryFile() as stdin:
        stdin.write(json.dumps(job).encode())
        stdin.seek(0)
        process = subprocess.Popen(
            [*_isolation(), sys.executable, "-I", "-S", "-B", str(_CHILD)],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=directory,
            env={},
            start_new_session=True,
        )
        try:
            verdict = _read_verdict(process, deadline)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            assert process.stdout is not None
            process.stdout.close()
    if verdict is None:
        return Outcome(False, "timeout")
    if verdict == token:
        return Outcome(True)
    return Outcome(False, verdict or "no verdict")


def run_programs(
    programs: Iterable[str],
    limits: Limits = Limits(),
    num_workers: int | None = None,
) -> Iterator[Outcome]:
    """Runs programs side by side and yields their outcomes in the order of the programs.

    Args:
        programs: Python sources; all are read before the first outcome is yielded.
        limits: holds for each of them.
        num_workers: programs that run at a time; None: one for each processor.
    """
    with ThreadPoolExecutor(num_workers or os.cpu_count() or 1) as pool:
        yield from pool.map(lambda program: run_program(program, limits), programs)


def _resource_limits(limits: Limits) -> dict[str, int]:
    memory = {} if sys.platform == "darwin" else {"RLIMIT_AS": limits.memory_bytes}
    return memory | {
        "RLIMIT_CPU": math.ceil(limits.seconds) + 1,
        "RLIMIT_FSIZE": 0,
        "RLIMIT_NOFILE": 32,
        "RLIMIT_NPROC": 0,
        "RLIMIT_CORE": 0,
    }


@cache
def _isolation() -> tuple[str, ...]:
    """Command in front of the interpreter's that takes its network and its view of other processes away.

    Empty where the system has no unprivileged namespaces; the limits and the guard in the child hold all the same.
    """
    unshare = shutil.which("unshare")
    if unshare is None:
        return ()
    command = (unshare, "--map-root-user", "--net", "--pid", "--fork", "--kill-child")
    probe = subprocess.run([*command, "true"], capture_output=True, check=False)
    return command if probe.returncode == 0 else ()


def _read_verdict(process: subprocess.Popen[bytes], deadline: float) -> str | None:
    """What the child wrote before it closed its end, as far as it matters; None if it was not done in time."""
    assert process.stdout is not None
    poll = select.poll()
    poll.register(process.stdout, select.POLLIN)
    verdict = b""
    while len(verdict) < _MAX_VERDICT_BYTES:
        remaining = deadline - time.monotonic()
        if remaining <= 0 or not poll.poll(remaining * 1000):
            return None
        chunk = os.read(process.stdout.fileno(), _MAX_VERDICT_BYTES)
        if not chunk:
            break
        verdict += chunk
    return verdict.decode("utf-8", "replace")
