"""Edits and asks for a long time, and says whether the memory of the language server and of the engine stays flat.

Both are the real ones. Documents are opened, changed and closed; every fourth edit asks for a suggestion, of which some
are waited for, some are cancelled and some are left to be superseded. All of it is drawn from a seed. A process is flat
if its memory, by a straight line through the second half of the run, grows by no more than 2 % over that half; in
a short run that half is still the start-up and says nothing. Exits with 1 if one of them is not.

    PYTHONPATH=tests .venv/bin/python tests/benchmarks/soak.py [--edits 20000] [--requests 5000] [--plot FILE.png]
"""

import argparse
import asyncio
import random
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
from benchmarks.engines import INSTALLED, running
from benchmarks.keystrokes import State
from benchmarks.replay import CAPABILITIES
from lsprotocol import types
from pygls.exceptions import JsonRpcException
from scripted_editor import AUTOMATIC, INVOKED, Editor, inline_completion

matplotlib.use("Agg")

from matplotlib import pyplot

MAX_GROWTH = 0.02
"""Of the memory over the second half of the run, as a share of what it is at the start of that half."""

NUM_SAMPLES = 200
NUM_OPEN = 8
EDITS_OF_A_DOCUMENT = 400
"""After which it is closed, on average, and another one is opened."""

SOURCES = (
    *sorted(Path(__file__).parents[2].glob("server/lacuna_server/*.py")),
    *sorted(Path(__file__).parents[2].glob("examples/*.js")),
)
SNIPPETS = ("x", " ", "value", "(", ")", "()", "\n", "\n    ", "return ", "if ", ":", ".", "self", "🙂", "\u2028", '"')
LANGUAGES = {".py": "python", ".js": "javascript"}


@dataclass(frozen=True, slots=True)
class Sample:
    """Resident memory of both processes after so many edits, in bytes."""

    num_edits: int
    server: int
    engine: int


class Soak:
    """An editor whose user never rests."""

    def __init__(self, editor: Editor, seed: int) -> None:
        self.num_requests = 0
        self._editor = editor
        self._random = random.Random(seed)
        self._documents: dict[str, tuple[State, int]] = {}
        self._num_opened = 0
        self._running: set[asyncio.Task[None]] = set()

    def edit(self) -> str:
        """Changes a document; returns its URI."""
        while len(self._documents) < NUM_OPEN:
            self._open()
        uri = self._random.choice(list(self._documents))
        if self._random.random() < 1 / EDITS_OF_A_DOCUMENT:
            self._close(uri)
            uri = self._open()
        state, version = self._documents[uri]
        start = min(len(state.text), max(0, state.cursor + self._random.randint(-3, 3)))
        if self._random.random() < 0.05:
            start = self._random.randrange(len(state.text) + 1)
        end, new = start, self._random.choice(SNIPPETS)
        if version % 2:  # as many deletions as insertions: documents keep their size
            end, new = min(len(state.text), start + self._random.randint(1, 4)), ""
        places = types.Range(*(types.Position(*state.place(offset)) for offset in (start, end)))
        identifier = types.VersionedTextDocumentIdentifier(version + 1, uri)
        change = types.TextDocumentContentChangePartial(places, new)
        self._editor.client.text_document_did_change(types.DidChangeTextDocumentParams(identifier, [change]))
        self._documents[uri] = state.replaced(start, end, new), version + 1
        return uri

    async def ask(self, uri: str) -> None:
        """Asks at the cursor of a document; what is done about the answer is left to chance."""
        self.num_requests += 1
        identity = str(self.num_requests)
        state, _ = self._documents[uri]  # as it is now: it may be closed before the task begins
        task = asyncio.create_task(self._request(uri, state, identity))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        fate = self._random.choice(("wait", "wait", "cancel", "leave"))
        if fate == "cancel":
            await asyncio.sleep(self._random.random() / 20)
            self._editor.client.cancel_request(types.CancelParams(identity))
        if fate != "leave":
            await task

    async def rest(self) -> None:
        """Waits for what was left."""
        await asyncio.gather(*self._running)

    def _open(self) -> str:
        path = self._random.choice(SOURCES)
        self._num_opened += 1
        uri = f"file:///soak/{self._num_opened}/{path.name}"
        text = path.read_text(encoding="utf-8")
        item = types.TextDocumentItem(uri, LANGUAGES[path.suffix], 0, text)
        self._editor.client.text_document_did_open(types.DidOpenTextDocumentParams(item))
        self._documents[uri] = State(text, self._random.randrange(len(text))), 0
        return uri

    def _close(self, uri: str) -> None:
        del self._documents[uri]
        identifier = types.TextDocumentIdentifier(uri)
        self._editor.client.text_document_did_close(types.DidCloseTextDocumentParams(identifier))

    async def _request(self, uri: str, state: State, identity: str) -> None:
        kind = self._random.choice((AUTOMATIC, INVOKED))
        params = inline_completion(types.Position(*state.place(state.cursor)), uri, kind)
        protocol: Any = self._editor.client.protocol  # the typed client cannot name its requests
        try:
            await protocol.send_request_async(types.TEXT_DOCUMENT_INLINE_COMPLETION, params, msg_id=identity)
        except JsonRpcException as error:
            assert error.code == types.LSPErrorCodes.RequestCancelled.value, error


async def measure(arguments: argparse.Namespace) -> list[Sample]:
    """Runs the soak and samples memory on the way."""
    samples = []
    async with running(INSTALLED, "--device", arguments.device) as engine:
        editor = Editor()
        await editor.start({"engine": {"url": engine.url}, "delay_ms": 0}, capabilities=CAPABILITIES)
        try:
            await editor.is_ready()
            soak = Soak(editor, arguments.seed)
            for number in range(arguments.edits):
                uri = soak.edit()
                if (number + 1) * arguments.requests // arguments.edits > soak.num_requests:
                    await soak.ask(uri)
                if number % max(1, arguments.edits // NUM_SAMPLES) == 0:
                    editor.conditions.clear()
                    await editor.ask("status")  # all edits before it are made
                    samples.append(Sample(number, memory(editor.process.pid), memory(engine.status.pid)))
            await soak.rest()
        finally:
            await editor.stop()
    return samples


def memory(pid: int) -> int:
    """Resident memory of a process, in bytes."""
    shown = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, check=True)
    return 1024 * int(shown.stdout)


def growth(samples: Sequence[Sample], name: str) -> float:
    """By how much memory grows over the second half, as a share: the line of least squares."""
    half = samples[len(samples) // 2 :]
    places = [float(sample.num_edits) for sample in half]
    values = [float(getattr(sample, name)) for sample in half]
    mean_place, mean_value = sum(places) / len(places), sum(values) / len(values)
    slope = sum((x - mean_place) * (y - mean_value) for x, y in zip(places, values, strict=True)) / sum(
        (x - mean_place) ** 2 for x in places
    )
    start = mean_value - slope * (mean_place - places[0])
    return slope * (places[-1] - places[0]) / start


def draw(samples: Sequence[Sample], picture: Path) -> None:
    """Draws the memory of both processes over the edits."""
    figure, axes = pyplot.subplots(2, sharex=True, figsize=(8, 6), layout="constrained")
    for axis, name, label in zip(axes, ("server", "engine"), ("language server", "engine"), strict=True):
        axis.plot([sample.num_edits for sample in samples], [getattr(sample, name) / 1e6 for sample in samples])
        axis.set(ylabel="resident memory (MB)", title=label)
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.3)
    axes[-1].set(xlabel="edits")
    figure.savefig(picture, dpi=120)
    pyplot.close(figure)


def main() -> int:
    """Measures, prints and draws; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--edits", type=int, default=20_000)
    parser.add_argument("--requests", type=int, default=5_000)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="draw the memory there")
    arguments = parser.parse_args()
    samples = asyncio.run(measure(arguments))
    if arguments.plot is not None:
        draw(samples, arguments.plot)
    print(f"{arguments.edits} edits, {arguments.requests} requests")
    growths = {name: growth(samples, name) for name in ("server", "engine")}
    for name, grown in growths.items():
        sizes = [getattr(sample, name) / 1e6 for sample in samples]
        verdict = "flat" if grown <= MAX_GROWTH else "NOT FLAT"
        print(
            f"{name:8}{sizes[0]:8.1f} MB first, {sizes[len(sizes) // 2]:.1f} at half, {sizes[-1]:.1f} last;"
            f" {100 * grown:+.2f} % over the second half: {verdict}"
        )
    return 0 if max(growths.values()) <= MAX_GROWTH else 1


if __name__ == "__main__":
    sys.exit(main())
