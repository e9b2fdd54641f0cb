"""The installed engine as a process, with a real model, asked over real sockets."""

import asyncio
import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from bare_client import PATIENCE, BareClient

from lacuna_server.engine.protocol import (
    FillCall,
    Refusal,
    ResultEvent,
    Status,
    StepEvent,
    decode,
    decode_event,
    encode,
)

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Unix sockets and signals")

SCRIPT = Path(sys.executable).parent / "lacuna"
SECOND = 2.0
"""A second, and as much again for a machine that does other things too."""

CALL = FillCall(("def f(x):\n    return ", "\n"), "python", client="me", document="f.py", max_tokens=8, steps=True)
LONG_CALL = replace(CALL, max_tokens=4096)
"""Hundreds of short denoising steps."""


class Engine(BareClient):
    """A running `lacuna engine` and somebody who asks it."""

    def __init__(self, process: "subprocess.Popen[str]", url: str, http: httpx.AsyncClient) -> None:
        super().__init__(http)
        self.process = process
        self.url = url


@contextmanager
def process_of(*arguments: str | Path) -> Iterator["subprocess.Popen[str]"]:
    with subprocess.Popen(
        [SCRIPT, "engine", "--device", "cpu", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@asynccontextmanager
async def engine_of(
    *arguments: str | Path, token: str | None = None, trust: ssl.SSLContext | None = None
) -> AsyncIterator[Engine]:
    """Starts an engine and waits until its model is there, or is known not to be."""
    with process_of(*arguments) as process:
        assert process.stdout is not None
        line = await asyncio.to_thread(process.stdout.readline)
        assert line.startswith("The engine listens at "), process.communicate()
        url = line.removeprefix("The engine listens at ").strip()
        path = url.removeprefix("unix://") if url.startswith("unix://") else None
        async with httpx.AsyncClient(
            transport=httpx.AsyncHTTPTransport(uds=path, verify=trust or ssl.create_default_context()),
            base_url="http://engine" if path else url,
            headers={"Authorization": f"Bearer {token}"} if token else {},
            timeout=PATIENCE,
        ) as client:
            engine = Engine(process, url, client)
            await engine.until(lambda status: status.state != "loading")
            yield engine


async def seconds_to_end(engine: Engine) -> float:
    began = time.monotonic()
    await asyncio.to_thread(engine.process.wait, PATIENCE)
    return time.monotonic() - began


async def test_fills_are_streamed_and_fair_and_cancelled_by_hanging_up(checkpoint: Path, socket_path: Path) -> None:
    async with engine_of("--checkpoint", checkpoint, "--socket", socket_path) as engine:
        assert engine.url == f"unix://{socket_path}"
        status = await engine.status()
        assert (status.checkpoint, status.device, status.pid) == (str(checkpoint), "cpu", engine.process.pid)
        assert status.loaded_bytes == status.total_bytes > 0

        *steps, end = await engine.fill(CALL)
        assert [each.step for each in steps if isinstance(each, StepEvent)] == list(range(1, len(steps) + 1))
        assert isinstance(end, ResultEvent) and end.num_steps == len(steps) > 0

        await cancelling_frees_the_device_within_a_step(engine)
        await the_latest_call_wins(engine)
        await clients_take_turns(engine)
        await mistakes_are_refused(engine)


async def cancelling_frees_the_device_within_a_step(engine: Engine) -> None:
    before = await engine.figure("lacuna_forwards_total")
    num_seen = 1
    async with engine.filling(LONG_CALL) as lines:
        while num_seen < 3:
            await anext(lines)
            num_seen += 1
        began = time.monotonic()
    await engine.until(lambda status: status.num_running == 0)
    seconds = time.monotonic() - began
    num_forwards = await engine.figure("lacuna_forwards_total") - before
    assert await engine.figure('lacuna_fills_total{stop_reason="cancelled"}') == 1
    assert num_seen <= num_forwards < 100
    assert seconds < SECOND
    assert isinstance((await engine.fill(CALL))[-1], ResultEvent)


async def the_latest_call_wins(engine: Engine) -> None:
    async with engine.filling(LONG_CALL) as lines:
        newer = await engine.fill(CALL)
        *_, older = [decode_event(line) async for line in lines]
    assert isinstance(newer[-1], ResultEvent)
    assert isinstance(older, Refusal) and older.kind == "superseded"


async def clients_take_turns(engine: Engine) -> None:
    ended: list[str] = []

    async def ask(client: str, document: str) -> None:
        await engine.fill(replace(CALL, client=client, document=document, steps=False))
        ended.append(client)

    async with asyncio.TaskGroup() as group:
        async with engine.filling(replace(LONG_CALL, client="third")):
            for number in range(4):
                group.create_task(ask("many", str(number)))
            await engine.until(lambda status: status.num_queued == 4)
            group.create_task(ask("one", "1"))
            await engine.until(lambda status: status.num_queued == 5)
    assert ended.index("one") == 1


async def mistakes_are_refused(engine: Engine) -> None:
    for content, kind in ((b"{", "invalid"), (b'{"segments": [1, 2]}', "invalid"), (b" " * (17 << 20), "too_large")):
        response = await engine.http.post("/v1/fill", content=content)
        assert decode(response.content, Refusal).kind == kind
    draft = (("many words in one", None),)
    (end,) = await engine.fill(replace(CALL, segments=("", ""), max_tokens=2, draft=draft))
    assert isinstance(end, Refusal) and end.kind == "invalid"
    assert isinstance((await engine.fill(CALL))[-1], ResultEvent)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_signals_end_it_within_a_second_in_mid_fill(
    checkpoint: Path, socket_path: Path, number: signal.Signals
) -> None:
    async with engine_of("--checkpoint", checkpoint, "--socket", socket_path) as engine:
        async with engine.filling(LONG_CALL):
            engine.process.send_signal(number)
            assert await seconds_to_end(engine) < SECOND
        assert engine.process.returncode == 0
        assert not socket_path.exists()


async def test_a_signal_ends_it_while_it_loads(socket_path: Path) -> None:
    with process_of("--socket", socket_path) as process:
        assert process.stdout is not None
        await asyncio.to_thread(process.stdout.readline)
        transport = httpx.AsyncHTTPTransport(uds=str(socket_path))
        async with httpx.AsyncClient(transport=transport, base_url="http://engine", timeout=PATIENCE) as client:
            status = decode((await client.get("/v1/status")).content, Status)
            assert status.state == "loading"
            response = await client.post("/v1/fill", content=encode(CALL))
            assert (response.status_code, decode(response.content, Refusal).kind) == (503, "loading")
        process.terminate()
        _, log = await asyncio.to_thread(process.communicate, timeout=PATIENCE)
    assert (process.returncode, "The model is loaded" in log) == (0, False)
    assert not socket_path.exists()


async def test_shutdown_and_idling_end_it(checkpoint: Path, socket_path: Path) -> None:
    arguments = ("--checkpoint", checkpoint, "--socket", socket_path)
    async with engine_of(*arguments) as engine:
        second = subprocess.run([SCRIPT, "engine", "--socket", socket_path], capture_output=True, text=True)
        assert (second.returncode, second.stderr) == (2, f"lacuna: An engine listens on {socket_path} already.\n")
        assert (await engine.http.post("/v1/shutdown")).status_code == 202
        assert await seconds_to_end(engine) < SECOND
    async with engine_of(*arguments, "--idle-minutes", "0.01") as engine:
        with pytest.raises(httpx.TransportError):
            await engine.until(lambda _: False)  # asking for the status keeps nothing alive
        await seconds_to_end(engine)
        assert engine.process.returncode == 0
    assert not socket_path.exists()


async def test_a_checkpoint_that_cannot_be_loaded(tmp_path: Path, socket_path: Path) -> None:
    async with engine_of("--checkpoint", tmp_path, "--socket", socket_path) as engine:
        status = await engine.status()
        assert status.state == "failed"
        (end,) = await engine.fill(CALL)
        assert end == Refusal("failed", status.message)
        assert str(tmp_path) in status.message


async def test_a_team_s_engine_wants_a_token_and_speaks_tls(
    checkpoint: Path, certificate: tuple[Path, Path], tmp_path: Path
) -> None:
    token_file, (public, key) = tmp_path / "token", certificate
    token_file.write_text("s3cret\n")
    token_file.chmod(0o600)
    trust = ssl.create_default_context(cafile=public)
    arguments = ("--checkpoint", checkpoint, "--host", "127.0.0.1", "--token-file", token_file)
    async with engine_of(
        *arguments, "--tls-cert", public, "--tls-key", key, "--max-body-mib", "1", token="s3cret", trust=trust
    ) as engine:
        assert engine.url.startswith("https://127.0.0.1:")
        assert isinstance((await engine.fill(CALL))[-1], ResultEvent)
        wrong = await engine.http.get("/v1/status", headers={"Authorization": "Bearer wrong"})
        assert (wrong.status_code, decode(wrong.content, Refusal).kind) == (401, "unauthorized")
        large = await engine.http.post("/v1/fill", content=b" " * (1 << 21))
        assert (large.status_code, decode(large.content, Refusal).kind) == (413, "too_large")
        ending = await engine.http.post("/v1/shutdown")
        assert (ending.status_code, decode(ending.content, Refusal).kind) == (400, "invalid")
        with pytest.raises(httpx.TransportError):
            await engine.http.get(engine.url.replace("https", "http") + "/health")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--host", "0.0.0.0"], "At 0.0.0.0 other machines could use this engine: give a --token-file."),
        (["--host", "127.0.0.1", "--socket", "x"], "Give --socket or --host, not both."),
        (["--tls-cert", "x"], "--tls-cert and --tls-key belong together."),
        (["--tls-cert", "x", "--tls-key", "x"], "TLS is for TCP: give --host."),
        (["--host", "127.0.0.1", "--token-file", "nowhere"], "nowhere: No such file or directory"),
        (
            ["--host", "a..b"],
            "Cannot listen at a..b, port 0: encoding with 'idna' codec failed (UnicodeError: label empty or too long).",
        ),
        (["--idle-minutes", "0"], "--idle-minutes must be more than 0; without it the engine does not end by itself."),
        (
            ["--idle-minutes", "nan"],
            "--idle-minutes must be more than 0; without it the engine does not end by itself.",
        ),
        (["--socket", "."], " is there already and is no socket; choose another path."),
    ],
)
def test_mistakes(arguments: list[str], message: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [SCRIPT, "engine", *arguments], capture_output=True, text=True, cwd=tmp_path, timeout=PATIENCE
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("lacuna: ") and done.stderr.endswith(f"{message}\n")
    assert done.stderr.count("\n") == 1
