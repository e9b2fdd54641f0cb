import asyncio
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest
from scripted_engine import Answer, ScriptedEngine, result, step, wait_until

from lacuna_server.engine.address import Address
from lacuna_server.engine.client import EngineClient
from lacuna_server.engine.errors import (
    EngineClosingError,
    EngineHangsError,
    EngineRefusedError,
    EngineUnreachableError,
    EngineVersionError,
)
from lacuna_server.engine.protocol import FillCall, Refusal, ResultEvent, StepEvent, WarmCall
from lacuna_server.errors import UserError

CALL = FillCall(("x = ", "\u2028\x0c\n"))


@pytest.fixture
def engine(socket_path: Path) -> Iterator[ScriptedEngine]:
    with ScriptedEngine().listening(socket_path) as engine:
        yield engine


@pytest.fixture
def address(socket_path: Path) -> Address:
    return Address.of_socket(socket_path)


async def fill(client: EngineClient, call: FillCall = CALL) -> list[StepEvent | ResultEvent]:
    return [event async for event in client.fill(call)]


async def test_fill_yields_steps_and_the_result(engine: ScriptedEngine, address: Address) -> None:
    steps = (step(1, ["a", None]), step(2, ["a", "\u2028\x85\n"]))
    engine.answers.append(Answer(result("a\u2028\x85\n"), steps))
    async with EngineClient(address) as client:
        assert await fill(client) == [*steps, result("a\u2028\x85\n")]
    assert engine.calls == [CALL]


async def test_status_and_warming(engine: ScriptedEngine, address: Address) -> None:
    async with EngineClient(address) as client:
        assert await client.status() == engine.status
        await client.warm(WarmCall("x"))
    assert engine.warmed == [WarmCall("x")]


async def test_closing_hangs_up(engine: ScriptedEngine, address: Address) -> None:
    engine.answers.append(Answer(result("x"), (step(1, [None]),), threading.Event()))
    async with EngineClient(address) as client:
        async with aclosing(client.fill(CALL)) as events:
            assert await anext(events) == step(1, [None])
        await asyncio.to_thread(wait_until, lambda: engine.num_hung_up == 1)
        assert await fill(client) == [result("filled")]


async def test_cancelling_the_task_hangs_up(engine: ScriptedEngine, address: Address) -> None:
    engine.answers.append(Answer(result("x"), gate=threading.Event()))
    async with EngineClient(address) as client:
        task = asyncio.create_task(fill(client))
        await asyncio.to_thread(wait_until, lambda: len(engine.calls) == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.to_thread(wait_until, lambda: engine.num_hung_up == 1)


@pytest.mark.parametrize("state", ["loading", "failed"])
async def test_refused_before_it_starts(engine: ScriptedEngine, address: Address, state: str) -> None:
    engine.status = replace(engine.status, state=state, message="Fetch it again.")  # type: ignore[arg-type]
    async with EngineClient(address) as client:
        with pytest.raises(EngineRefusedError, match="Fetch it again") as caught:
            await fill(client)
    assert caught.value.kind == state


async def test_refused_after_it_started(engine: ScriptedEngine, address: Address) -> None:
    engine.answers.append(Answer(Refusal("superseded", "A newer call has come."), (step(1, [None]),)))
    async with EngineClient(address) as client:
        with pytest.raises(EngineRefusedError, match="newer") as caught:
            await fill(client)
    assert caught.value.kind == "superseded"


async def test_an_engine_that_ends_is_as_good_as_none(engine: ScriptedEngine, address: Address) -> None:
    closing = Refusal("closing", "The engine ends.")
    engine.answers.append(Answer(closing, (step(1, [None]),)))
    async with EngineClient(address) as client:
        with pytest.raises(EngineClosingError, match="try again"):
            await fill(client)
        engine.status = replace(engine.status, state="closing")  # type: ignore[arg-type]  # refuses with it at once
        with pytest.raises(EngineClosingError, match="try again"):
            await fill(client)
    assert issubclass(EngineClosingError, EngineUnreachableError)


async def test_an_engine_that_hangs_is_not_one_that_is_missing(
    socket_path: Path, address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lacuna_server.engine.client.STATUS_SECONDS", 0.05)
    process = rf" \(process {os.getpid()}\)" if hasattr(socket, "SO_PEERCRED") else ""
    with socket.socket(socket.AF_UNIX) as hung:
        hung.bind(str(socket_path))
        hung.listen()
        async with EngineClient(address) as client:
            with pytest.raises(EngineHangsError, match=rf"engine\.sock{process} does not answer; wait a while"):
                await client.status()


async def test_death_in_mid_fill(engine: ScriptedEngine, address: Address) -> None:
    engine.answers.append(Answer(None, (step(1, [None]),)))
    async with EngineClient(address) as client:
        with pytest.raises(EngineUnreachableError, match="ended before it had answered"):
            await fill(client)
        with pytest.raises(EngineUnreachableError):
            await client.status()


async def test_nobody_there(address: Address) -> None:
    async with EngineClient(address) as client:
        with pytest.raises(EngineUnreachableError, match=r"No engine answers at unix:///"):
            await client.status()


async def test_another_version_is_only_told_to_end(engine: ScriptedEngine, address: Address) -> None:
    engine.version = "0.0.1"
    async with EngineClient(address) as client:
        for ask in (client.status, lambda: fill(client), lambda: client.warm(WarmCall("x"))):
            with pytest.raises(EngineVersionError, match=r"is Lacuna 0\.0\.1") as caught:
                await ask()
            assert caught.value.version == "0.0.1"
        await client.shutdown()
    assert engine.num_shutdowns == 1


@pytest.mark.parametrize(("token", "is_right"), [("secret", True), ("wrong", False), (None, False)])
async def test_token(engine: ScriptedEngine, address: Address, token: str | None, is_right: bool) -> None:
    engine.token = "secret"
    async with EngineClient(address, token=token) as client:
        if is_right:
            assert await fill(client)
        else:
            with pytest.raises(EngineRefusedError) as caught:
                await client.status()
            assert caught.value.kind == "unauthorized"


async def test_token_of_an_own_address(engine: ScriptedEngine, socket_path: Path, tmp_path: Path) -> None:
    engine.token = "secret"
    token_file = tmp_path / "0-1.token"
    token_file.write_text("secret\n")
    async with EngineClient(Address("http://engine", socket_path, token_file)) as client:
        assert await client.status() == engine.status


async def test_something_else_answers() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with EngineClient(Address.parse(f"http://127.0.0.1:{port}")) as client:
            with pytest.raises(EngineUnreachableError, match="is no engine of Lacuna"):
                await client.status()


@pytest.mark.parametrize("content", [None, b"no certificate"])
def test_certificates_that_cannot_be_read(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=r"ca\.pem holds no certificates"):
        EngineClient(Address.parse("https://engine.example"), ca_file=path)


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    callers: list[asyncio.StreamWriter] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        callers.append(writer)
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as proxy:
        port = proxy.sockets[0].getsockname()[1]
        for name in ("HTTP_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{port}")
        async with EngineClient(Address.parse("http://engine.invalid")) as client:
            with pytest.raises(EngineUnreachableError):
                await client.status()
    assert callers == []
