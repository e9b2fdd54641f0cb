"""Times loading a large checkpoint beside a plain read of its files, and how much host memory that takes.

Writes random weights of the released shape, as many layers as make the size asked for, loads them in processes of their
own and deletes them. Each row begins with the files out of the page cache, as far as the kernel lets go of them.
"Beyond the weights" is the peak of the process's resident memory, mapped pages included, less what it held before
loading and less the weights where they end up in its own memory. On the CPU the weights as saved *are* mapped pages, so
that row counts anonymous memory alone, and reads every page once to have something to time. Exits with 1 if loading
takes more host memory than promised.

    .venv/bin/python tests/benchmarks/loading.py [--gigabytes 8] [--directory DIR] [--device cuda]
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from itertools import count
from pathlib import Path
from typing import Any

import torch

from lacuna_model.checkpoint import load_denoiser, weight_files
from lacuna_model.config import DenoiserConfig
from lacuna_model.evaluation.synthetic import released_document, write_synthetic
from lacuna_model.memory_budget import memory_budget

PROMISED_HOST_GB = 8.0
READ_SIZE = 2**24


def resident(field: str) -> int:
    """A figure of this process's memory, in bytes."""
    found = re.search(rf"^{field}:\s*(\d+) kB$", Path("/proc/self/status").read_text(encoding="ascii"), re.MULTILINE)
    assert found is not None, field
    return 1024 * int(found[1])


def forget(directory: Path) -> None:
    """Asks the kernel to drop the weights from its page cache."""
    for file in weight_files(directory):
        with file.open("rb") as opened:
            os.fsync(opened.fileno())
            os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def read_plainly(directory: Path) -> dict[str, Any]:
    """Reads all files from beginning to end into one buffer."""
    buffer = bytearray(READ_SIZE)
    start = time.perf_counter()
    for file in weight_files(directory):
        with file.open("rb", buffering=0) as opened:
            while opened.readinto(buffer):
                pass
    return {"seconds": time.perf_counter() - start}


def load(directory: Path, device: str, dtype: torch.dtype | None) -> dict[str, Any]:
    """Loads, waits until all is there, and measures memory."""
    is_mapped = device == "cpu" and dtype is None
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # resets the peak
    before = resident("RssAnon" if is_mapped else "VmRSS")
    calls: list[tuple[int, int]] = []
    start = time.perf_counter()
    denoiser = load_denoiser(directory, device, dtype, progress=lambda done, total: calls.append((done, total)))
    weights = denoiser.state_dict().values()
    if is_mapped:
        for tensor in weights:
            tensor.view(torch.uint8).flatten()[:: os.sysconf("SC_PAGE_SIZE")].sum()
    if device != "cpu":
        torch.cuda.synchronize(device)
    seconds = time.perf_counter() - start
    num_bytes = sum(tensor.nbytes for tensor in weights)
    assert calls[-1][0] == calls[-1][1]
    own = num_bytes if device == "cpu" and not is_mapped else 0
    peak = resident("RssAnon" if is_mapped else "VmHWM")
    return {"seconds": seconds, "host_bytes": peak - before - own, "num_bytes": num_bytes, "num_reports": len(calls)}


def in_child(task: str, directory: Path, device: str) -> dict[str, Any]:
    """Runs one task in a process of its own."""
    forget(directory)
    command = [sys.executable, __file__, "--task", task, "--directory", str(directory), "--device", device]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def measure(directory: Path, device: str) -> int:
    """Runs and prints every row; returns the exit code."""
    num_bytes = sum(file.stat().st_size for file in weight_files(directory))
    tasks = {"read": "plain read of the files", "as saved": f"loaded to {device} as saved"}
    if device == "cpu":
        tasks["converted"] = "loaded to cpu, bfloat16 to float16"
    print(f"{num_bytes / 1e9:.2f} GB in {len(weight_files(directory))} files")
    print(f"{'':36}{'seconds':>9}{'GB/s':>7}{'of plain':>10}{'host GB beyond the weights':>28}")
    plain, worst = 0.0, 0.0
    for task, label in tasks.items():
        result = in_child(task, directory, device)
        rate = num_bytes / result["seconds"] / 1e9
        plain = plain or rate
        host = result.get("host_bytes", 0) / 1e9
        worst = max(worst, host)
        memory = f"{host:.2f}" if "host_bytes" in result else ""
        print(f"{label:36}{result['seconds']:9.1f}{rate:7.2f}{100 * rate / plain:8.0f} %{memory:>28}", flush=True)
    print(f"host memory: {worst:.2f} GB at most (promised: {PROMISED_HOST_GB:g})")
    return 0 if worst <= PROMISED_HOST_GB else 1


def main() -> int:
    """Writes, measures, deletes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, default=8.0, help="least size of the checkpoint")
    parser.add_argument(
        "--directory", type=Path, help="where there is room for it; the system's temporary one otherwise"
    )
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--task", choices=("read", "as saved", "converted"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.task:
        directory: Path = given.directory
        dtype = torch.float16 if given.task == "converted" else None
        result = read_plainly(directory) if given.task == "read" else load(directory, given.device, dtype)
        print(json.dumps(result))
        return 0
    documents = (released_document(number) for number in count(1))
    sizes = ((each, memory_budget(DenoiserConfig.from_json(each), "bfloat16").weights) for each in documents)
    document, num_bytes = next(pair for pair in sizes if pair[1] >= given.gigabytes * 1e9)
    parent = given.directory or Path(tempfile.gettempdir())
    if shutil.disk_usage(parent).free < 1.1 * num_bytes:
        parser.error(f"{parent} has no room for {num_bytes / 1e9:.1f} GB; name another --directory.")
    with tempfile.TemporaryDirectory(prefix="lacuna-", dir=parent) as name:
        start = time.perf_counter()
        write_synthetic(Path(name), document)
        print(f"written in {time.perf_counter() - start:.0f} s; peak memory {resident('VmHWM') / 1e9:.2f} GB")
        return measure(Path(name), given.device)


if __name__ == "__main__":
    sys.exit(main())
