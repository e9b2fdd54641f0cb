import asyncio
import logging
import math
import os
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from bare_client import PATIENCE, BareClient
from scripted_model import NUM_STEPS, ScriptedModel

from lacuna_server.engine.listening import listen_on_socket
from lacuna_server.engine.protocol import (
    FillCall,
    Refusal,
    ResultEvent,
    StepEvent,
    decode_event,
    encode,
)
from lacuna_server.engine.service import Service, ServiceOptions, Tls, serve
from lacuna_server.errors import UserError

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Unix sockets")

CALL = FillCall(("a", "b"), client="me", document="doc", steps=True)
OTHER_CALL = FillCall(("a", "b"), client="other", document="doc")


class Running(BareClient):
    """A service on a socket, and somebody who asks it."""

    def __init__(self, model: ScriptedModel, path: Path, options: ServiceOptions) -> None:
        super().__init__(httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(uds=str(path)), base_url="http://e"))
        self.model = model
        self.listener = listen_on_socket(path)
        self.service = Service(model, self.listener, options)
        self.task = asyncio.create_task(self.service.serve([self.listener.socket]))

    async def ended(self) -> float:
        """Seconds until it has ended."""
        began = time.monotonic()
        async with asyncio.timeout(PATIENCE):
            await self.task
        return time.monotonic() - began


@asynccontextmanager
async def running(path: Path, idle_minutes: float = 30.0) -> AsyncIterator[Running]:
    running = Running(ScriptedModel(), path, ServiceOptions(idle_minutes=idle_minutes))
    try:
        await running.until(lambda status: status.state == "ready")
        yield running
    finally:
        running.service.should_exit = True
        await running.http.aclose()
        await running.ended()
        running.listener.remove()


async def test_each_step_is_sent_at_once(socket_path: Path) -> None:
    async with running(socket_path) as engine, asyncio.timeout(PATIENCE):
        async with engine.http.stream("POST", "/v1/fill", content=encode(CALL)) as response:
            lines = response.aiter_lines()
            for number in range(1, NUM_STEPS + 1):
                engine.model.allow(1)
                event = decode_event(await anext(lines))
                assert isinstance(event, StepEvent) and event.step == number
                assert engine.model.num_steps == number
            assert isinstance(decode_event(await anext(lines)), ResultEvent)


async def test_hanging_up_frees_the_model_within_a_step(socket_path: Path) -> None:
    async with running(socket_path) as engine:
        async with engine.http.stream("POST", "/v1/fill", content=encode(CALL)) as response:
            engine.model.allow(1)
            await anext(response.aiter_lines())
        await engine.until(lambda _: len(engine.service.server_state.connections) == 1)
        engine.model.allow(1)
        await engine.until(lambda status: status.num_running == 0)
        assert engine.model.num_steps == 2
        assert 'lacuna_fills_total{stop_reason="cancelled"} 1.0' in (await engine.http.get("/metrics")).text


@pytest.mark.parametrize("path", ["/v1/fill", "/v1/warm"])
async def test_hanging_up_while_waiting_leaves_the_queue(socket_path: Path, path: str) -> None:
    async with running(socket_path) as engine, asyncio.TaskGroup() as group:
        first = group.create_task(engine.http.post("/v1/fill", content=encode(CALL)))
        await engine.until(lambda status: status.num_running == 1)
        body = encode(OTHER_CALL) if path == "/v1/fill" else b'{"prefix": "x"}'
        waiting = group.create_task(engine.http.post(path, content=body))
        await engine.until(lambda status: status.num_queued == 1)
        waiting.cancel()
        await engine.until(lambda status: status.num_queued == 0)
        engine.model.allow()
        assert (await first).status_code == 200
        assert engine.model.began == [CALL]


async def test_hanging_up_in_mid_request_is_no_drama(socket_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with running(socket_path) as engine:
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(socket_path))
            client.sendall(b"POST /v1/fill HTTP/1.1\r\nHost: e\r\nContent-Length: 100\r\n\r\n{")
            await engine.until(lambda _: len(engine.service.server_state.connections) == 2)
        await engine.until(lambda _: len(engine.service.server_state.connections) == 1)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_it_ends_within_a_second_in_mid_fill(socket_path: Path) -> None:
    async with running(socket_path) as engine, asyncio.TaskGroup() as group:
        active = group.create_task(engine.http.post("/v1/fill", content=encode(CALL)))
        await engine.until(lambda status: status.num_running == 1)
        waiting = group.create_task(engine.http.post("/v1/fill", content=encode(OTHER_CALL)))
        await engine.until(lambda status: status.num_queued == 1)
        assert (await engine.http.post("/v1/shutdown")).status_code == 202
        assert await engine.ended() < 1
        for task in (active, waiting):
            (line,) = (await task).text.splitlines()
            event = decode_event(line)
            assert isinstance(event, Refusal) and event.kind == "closing"


async def test_it_ends_when_it_is_idle_though_it_is_looked_at(socket_path: Path) -> None:
    async with running(socket_path, idle_minutes=0.5 / 60) as engine, asyncio.TaskGroup() as group:
        filled = group.create_task(engine.http.post("/v1/fill", content=encode(CALL)))
        await engine.until(lambda status: status.num_running == 1 and status.uptime_seconds > 2.5)
        engine.model.allow()
        assert (await filled).status_code == 200
        with pytest.raises(httpx.TransportError):
            await engine.until(lambda _: False)
        await engine.ended()


async def test_it_ends_when_it_cannot_be_found(socket_path: Path) -> None:
    async with running(socket_path) as engine:
        socket_path.unlink()
        await engine.ended()


def test_the_socket_is_removed_once_and_while_it_is_open(socket_path: Path) -> None:
    """By what it is known once closed, the socket of a successor may be known."""
    listener = listen_on_socket(socket_path)
    was_open: list[bool] = []

    def remove() -> None:
        was_open.append(listener.socket.fileno() != -1)
        listener.remove()

    serve(ScriptedModel(), replace(listener, remove=remove), ServiceOptions(idle_minutes=1e-9))
    assert was_open == [True]
    assert listener.socket.fileno() == -1
    assert not socket_path.exists()


def test_without_a_limit_idling_is_no_end() -> None:
    assert ServiceOptions().idle_minutes == math.inf


@pytest.mark.parametrize("names", [("missing", "missing"), ("text", "text")])
def test_what_is_no_certificate_is_refused(tmp_path: Path, names: tuple[str, str]) -> None:
    (tmp_path / "text").write_text("no certificate")
    certificate, key = (tmp_path / name for name in names)
    with pytest.raises(UserError, match="are no certificate and its key"):
        Tls(certificate, key)
