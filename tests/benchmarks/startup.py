"""Times a language server from its start to its reply to `initialize`: `lacuna serve` against a minimal pygls server.

Both run in turn, so that whatever else the machine does slows both. Exits with 1 if ours takes longer than promised.

    PYTHONPATH=tests .venv/bin/python tests/benchmarks/startup.py [--repeats 15]
"""

import argparse
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from pipe import Pipe
from scripted_editor import SERVER

PROMISED_RATIO = 1.5
MINIMAL = (sys.executable, str(Path(__file__).with_name("minimal_server.py")))
INITIALIZE = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {"processId": None, "capabilities": {}}}


def milliseconds(command: Sequence[str]) -> float:
    """From the start of a server to its reply."""
    start = time.perf_counter()
    with Pipe(command) as pipe:
        pipe.send(INITIALIZE)
        answer = pipe.answer(0)
        taken = time.perf_counter() - start
    assert "capabilities" in answer["result"], answer
    return 1000 * taken


def main() -> int:
    """Measures and prints; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=15, help="how often each server is started")
    arguments = parser.parse_args()
    commands = {"minimal": MINIMAL, "lacuna": SERVER}
    times: dict[str, list[float]] = {name: [] for name in commands}
    for command in commands.values():
        milliseconds(command)  # compiles modules and brings them into memory
    for _ in range(arguments.repeats):
        for name, command in commands.items():
            times[name].append(milliseconds(command))
    medians = {name: statistics.median(taken) for name, taken in times.items()}
    ratio = medians["lacuna"] / medians["minimal"]
    print(f"from the start to the reply to initialize, {arguments.repeats} starts each, in turn")
    for name, label in (("minimal", "a minimal pygls server"), ("lacuna", "lacuna serve")):
        print(f"{label:24}{medians[name]:8.0f} ms median  ({min(times[name]):.0f} to {max(times[name]):.0f})")
    print(f"{'ratio of the medians':24}{ratio:8.2f}            (promised: {PROMISED_RATIO} at most)")
    return 0 if ratio <= PROMISED_RATIO else 1


if __name__ == "__main__":
    sys.exit(main())
