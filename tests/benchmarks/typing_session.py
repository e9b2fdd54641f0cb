"""Replays a typing session that was generated, not recorded, against the installed language server and the real engine.

The session is data/typing_session.jsonl, which make_session.py wrote. Where its person looks at the screen, they take
what is suggested as far as it is what they are about to write, and save those keys. The quiet rate is the share of
requests that were answered with nothing, whatever the reason.

    PYTHONPATH=tests .venv/bin/python tests/benchmarks/typing_session.py [--json FILE] [--limit 100] [--speed 4]

--speed divides the person's think times and nothing else: the server waits and the engine computes as long as ever, so
that figures taken at another speed than 1 are for trying this program only.
"""

import argparse
import asyncio
import json
import statistics
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.engines import RECORDING, RunningEngine, running
from benchmarks.keystrokes import Session
from benchmarks.replay import CAPABILITIES, Replay, Request
from rich.console import Console
from scripted_editor import Editor

from lacuna_model.evaluation.report import percent, percentile, render_table
from lacuna_server.engine.protocol import FillCall, ResultEvent

SESSION = Path(__file__).with_name("data") / "typing_session.jsonl"
OVERTAKEN = ("superseded", "cancelled")
"""Reasons of requests that the next key made needless, in the words of the server and of the editor."""

NOTHING = "–"  # noqa: RUF001 - a dash is meant

NUM_COLD = 4
TAIL = 60
"""Characters before the cursor by which a fill is known to be the one of a request."""

Figures = dict[str, Any]


async def measure(arguments: argparse.Namespace, session: Session) -> Figures:
    """Replays the session and adds up what the requests and the engine tell."""
    options = ["--device", arguments.device]
    if arguments.checkpoint is not None:
        options += ["--checkpoint", str(arguments.checkpoint)]
    async with running(RECORDING, *options) as engine:
        encode_ms = await _encoding_cost(engine, session)
        before, began = await engine.metrics(), time.monotonic()
        editor = Editor()
        await editor.start({"engine": {"url": engine.url}}, capabilities=CAPABILITIES)
        try:
            await editor.is_ready()
            replay = Replay(editor, session, arguments.speed, not arguments.no_cancel)
            await replay.run()
        finally:
            await editor.stop()
        after = await engine.metrics()
        counted = {name: value - before.get(name, 0.0) for name, value in after.items()}
        fills = [fill for fill in engine.recorded() if fill["began"] >= began]
        return {
            "origin": session.origin,
            "checkpoint": engine.status.checkpoint,
            "device": engine.status.device,
            "speed": arguments.speed,
            "cancels": not arguments.no_cancel,
            "session_seconds": session.seconds,
            "num_events": len(session.events),
            "num_events_saved": replay.num_saved,
            "num_accepted": replay.num_accepted,
            "accepted_characters": replay.accepted_characters,
            "requests": _of_requests(replay.requests, fills),
            "engine": _of_engine(fills, counted, encode_ms),
        }


async def _encoding_cost(engine: RunningEngine, session: Session) -> float:
    """What it costs to encode a token of a prefix anew, in milliseconds."""
    costs = []
    for number in range(NUM_COLD):
        call = FillCall((f"# {number}\n{session.final_text}", ""), "python", max_tokens=1)
        async for event in engine.client.fill(call):
            assert isinstance(event, ResultEvent), "no steps were asked for"
            costs.append(event.encode_ms / (event.num_prefix_tokens - event.num_cached_tokens))
    return statistics.median(costs[1:])  # the first one warms the engine up


def _of_requests(requests: Sequence[Request], fills: Sequence[Figures]) -> Figures:
    suggested = [request for request in requests if request.items]
    from_memory = [request for request in suggested if not any(_is_for(fill, request) for fill in fills)]
    return {
        "num": len(requests),
        "suggested": len(suggested),
        "from_memory": len(from_memory),
        "reasons": dict(Counter(request.reason for request in requests if request.reason).most_common()),
        "latency_ms": _latency(suggested),
        "latency_ms_from_memory": _latency(from_memory),
        "latency_ms_from_engine": _latency([request for request in suggested if request not in from_memory]),
    }


def _is_for(fill: Figures, request: Request) -> bool:
    """Whether the engine was asked because of a request."""
    assert request.answered is not None
    before = request.state.text[max(0, request.state.cursor - TAIL) : request.state.cursor]
    return bool(request.sent <= fill["began"] <= request.answered and fill["tail"].endswith(before))


def _latency(requests: Sequence[Request]) -> dict[str, float] | None:
    """Percentiles of the milliseconds from a key to its suggestion."""
    taken = [1000 * (request.answered - request.sent) for request in requests if request.answered is not None]
    return {f"p{share}": percentile(taken, share / 100) for share in (50, 90, 99)} if taken else None


def _of_engine(fills: Sequence[Figures], counted: Figures, encode_ms: float) -> Figures:
    """What the engine did, and an estimate of what it was spared."""

    def spent(fill: Figures) -> float:
        return float(fill["encode_ms"] + fill["denoise_ms"] + fill["rank_ms"])

    cancelled = [fill for fill in fills if fill["stop_reason"] == "cancelled"]
    whole = [spent(fill) for fill in fills if fill["stop_reason"] != "cancelled"]
    whole_ms = statistics.mean(whole) if whole else None
    num_cached = sum(fill["num_cached_tokens"] for fill in fills)
    assert num_cached == counted["lacuna_cached_tokens_total"], "the engine counts what it has done"
    return {
        "num_fills": len(fills),
        "num_cancelled": len(cancelled),
        "num_drafts": sum(fill["has_draft"] for fill in fills),
        "num_refused": sum(value for name, value in counted.items() if name.startswith("lacuna_refused_total")),
        "busy_seconds": sum(map(spent, fills)) / 1000,
        "mean_whole_fill_ms": whole_ms,
        "seconds_saved_by_cancelling": None
        if whole_ms is None
        else sum(max(0.0, whole_ms - spent(fill)) for fill in cancelled) / 1000,
        "num_prefix_tokens": sum(fill["num_prefix_tokens"] for fill in fills),
        "num_cached_tokens": num_cached,
        "encode_ms_per_token": encode_ms,
        "seconds_saved_by_prefix_reuse": num_cached * encode_ms / 1000,
    }


def show(figures: Figures) -> None:
    """Prints the figures."""
    requests, engine = figures["requests"], figures["engine"]
    num, reasons = requests["num"], requests["reasons"]
    num_overtaken = sum(reasons.get(reason, 0) for reason in OVERTAKEN)
    num_quiet = num - requests["suggested"]

    def share(part: float, whole: float) -> str:
        return f"{part:g} ({percent(part / whole if whole else None)})"

    def latency(name: str) -> str:
        known = requests[name]
        return NOTHING if known is None else ", ".join(f"{value:.0f}" for value in known.values())

    def seconds(known: float | None) -> str:
        return NOTHING if known is None else f"{known:.1f}"

    rows = [
        ("requests", f"{num}"),
        ("quiet rate: requests without a suggestion", share(num_quiet, num)),
        ("    overtaken by the next key", share(num_overtaken, num)),
        *((f"    {name}", share(count, num)) for name, count in reasons.items() if name not in OVERTAKEN),
        ("with a suggestion", share(requests["suggested"], num)),
        ("    from memory, without the engine", share(requests["from_memory"], requests["suggested"])),
        ("from key to suggestion, ms: p50, p90, p99", latency("latency_ms")),
        ("    from memory", latency("latency_ms_from_memory")),
        ("    from the engine", latency("latency_ms_from_engine")),
        ("suggestions taken", f"{figures['num_accepted']} ({figures['accepted_characters']} characters)"),
        ("events of the session saved by that", share(figures["num_events_saved"], figures["num_events"])),
        ("fills begun by the engine", f"{engine['num_fills']}"),
        ("    cancelled", share(engine["num_cancelled"], engine["num_fills"])),
        ("    gone on from a draft", share(engine["num_drafts"], engine["num_fills"])),
        ("engine busy, s", seconds(engine["busy_seconds"])),
        ("    saved by cancelling, s (estimate)", seconds(engine["seconds_saved_by_cancelling"])),
        ("    saved by prefix reuse, s (estimate)", seconds(engine["seconds_saved_by_prefix_reuse"])),
        ("prefix tokens reused", share(engine["num_cached_tokens"], engine["num_prefix_tokens"])),
    ]
    render_table(
        Console(),
        f"{figures['num_events']} events in {figures['session_seconds']:.0f} s of typing",
        ("", figures["device"]),
        rows,
        [
            f"The session: {figures['origin']}.",
            f"model: {figures['checkpoint']}; the editor {'cancels' if figures['cancels'] else 'leaves running'} "
            "what the next key makes needless",
            "saved by cancelling: a cancelled fill would have taken as long as a whole one does on average",
            "saved by prefix reuse: tokens that were not encoded anew, at the cost measured on cold prefixes",
            "" if figures["speed"] == 1 else f"think times divided by {figures['speed']:g}: these are no results",
        ],
    )


def main() -> int:
    """Measures and prints; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--session", type=Path, default=SESSION)
    parser.add_argument("--checkpoint", type=Path, help="directory of the model; the embedded one otherwise")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--speed", type=float, default=1.0, help="divides the think times")
    parser.add_argument("--limit", type=int, help="replay so many events only")
    parser.add_argument("--no-cancel", action="store_true", help="never cancel, as Neovim does; the server has to")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    arguments = parser.parse_args()
    session = Session.read(arguments.session)
    figures = asyncio.run(measure(arguments, replace(session, events=session.events[: arguments.limit])))
    show(figures)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
