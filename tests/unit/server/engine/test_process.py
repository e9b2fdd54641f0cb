import asyncio
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import filelock
import pytest
from scripted_engine import ScriptedEngine, wait_until

from lacuna_server.commands.stop import stop
from lacuna_server.engine.address import Address, own_address, tcp_address
from lacuna_server.engine.errors import (
    EngineDownError,
    EngineError,
    EngineHangsError,
    EngineUnreachableError,
    EngineVersionError,
)
from lacuna_server.engine.process import EngineKeeper
from lacuna_server.engine.protocol import VERSION, Status
from lacuna_server.engine.running import find_running
from lacuna_server.engine.spawn import EngineOptions, lives, spawn
from lacuna_server.errors import UserError

Keeper = Callable[..., EngineKeeper]


class Spawner:
    """Starts scripted engines, each as it was told to be, and counts them."""

    def __init__(self, stack: ExitStack) -> None:
        self.engines: list[ScriptedEngine] = []
        self.next: Callable[[], ScriptedEngine] = ScriptedEngine
        self.exit_code: int | None = None
        self._stack = stack

    def __call__(self, address: Address, options: EngineOptions) -> "Spawner":
        engine = self.next()
        self.engines.append(engine)
        if self.exit_code is None:
            self.listen(engine, address)
        return self

    def listen(self, engine: ScriptedEngine, address: Address) -> ScriptedEngine:
        assert address.socket is not None
        return self._stack.enter_context(engine.listening(address.socket))

    def poll(self) -> int | None:
        return self.exit_code


@pytest.fixture(autouse=True)
def own(short_directory: Path, monkeypatch: pytest.MonkeyPatch) -> Address:
    """Where the user's own engine listens."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(short_directory))
    return own_address(None, "auto")


@pytest.fixture
def spawner() -> Iterator[Spawner]:
    with ExitStack() as stack:
        yield Spawner(stack)


@pytest.fixture
def keeper(spawner: Spawner) -> Keeper:
    def make(address: Address | None = None, on_status: Callable[[Status], None] = lambda _: None) -> EngineKeeper:
        return EngineKeeper(address, EngineOptions(), on_status=on_status, spawn=spawner)

    return make


def in_state(state: str, message: str = "") -> ScriptedEngine:
    engine = ScriptedEngine()
    engine.status = replace(engine.status, state=state, message=message)  # type: ignore[arg-type]
    return engine


def of_version(version: str) -> Callable[[], ScriptedEngine]:
    return lambda: ScriptedEngine(version=version)


@contextmanager
def hanging(path: Path | None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Something that lets clients in and never answers."""
    monkeypatch.setattr("lacuna_server.engine.client.STATUS_SECONDS", 0.05)
    with socket.socket(socket.AF_UNIX) as hung:
        hung.bind(str(path))
        hung.listen()
        yield


async def test_one_is_started_and_kept(keeper: Keeper, spawner: Spawner, own: Address) -> None:
    async with keeper() as first, keeper() as second:
        assert await first.ensure() is await first.ensure()
        client = await second.ensure()
        assert client.address == own
        assert await client.status() == spawner.engines[0].status
    assert len(spawner.engines) == 1


async def test_starters_at_once_end_with_one(keeper: Keeper, spawner: Spawner) -> None:
    keepers = [keeper() for _ in range(4)]
    await asyncio.gather(*(each.ensure() for each in keepers for _ in range(2)))
    await asyncio.gather(*(each.aclose() for each in keepers))
    assert len(spawner.engines) == 1


async def test_waits_and_tells_how_far_the_model_is(keeper: Keeper, spawner: Spawner) -> None:
    loading = replace(ScriptedEngine().status, state="loading", total_bytes=100)
    spawner.next = lambda: ScriptedEngine(status=loading)
    seen: list[Status] = []

    def go_on(status: Status) -> None:
        seen.append(status)
        if status.state == "loading":
            done = status.loaded_bytes + 50
            spawner.engines[0].status = replace(status, loaded_bytes=done, state="loading" if done < 100 else "ready")

    async with keeper(on_status=go_on) as waiting:
        await waiting.ensure()
    assert [(status.state, status.loaded_bytes) for status in seen] == [("loading", 0), ("loading", 50), ("ready", 100)]


async def test_a_caller_that_is_cancelled_leaves_the_start_as_it_is(keeper: Keeper, spawner: Spawner) -> None:
    spawner.next = lambda: in_state("loading")
    async with keeper() as only:
        impatient = asyncio.create_task(only.ensure())
        await asyncio.to_thread(wait_until, lambda: len(spawner.engines) == 1)
        impatient.cancel()
        patient = asyncio.create_task(only.ensure())
        spawner.engines[0].status = ScriptedEngine().status
        await patient
        assert impatient.cancelled()
    assert len(spawner.engines) == 1


@pytest.mark.parametrize(
    "make",
    [
        of_version("0.0.1"),
        of_version("0.0.10rc2"),
        of_version("unknown"),
        lambda: in_state("failed", "Fetch it again."),
    ],
)
async def test_what_is_of_no_use_is_replaced(
    keeper: Keeper, spawner: Spawner, own: Address, make: Callable[[], ScriptedEngine]
) -> None:
    old = spawner.listen(make(), own)
    async with keeper() as only:
        client = await only.ensure()
        assert await client.status() == spawner.engines[0].status
    assert old.num_shutdowns == 1
    assert len(spawner.engines) == 1


@pytest.mark.parametrize("version", ["999.0.0", "1000", f"{VERSION}.1", f"{VERSION}post"])
async def test_a_newer_engine_is_left_alone(keeper: Keeper, spawner: Spawner, own: Address, version: str) -> None:
    newer = spawner.listen(ScriptedEngine(version=version), own)
    async with keeper() as only:
        with pytest.raises(EngineDownError, match=f"Lacuna {version}, newer than this {VERSION}; update") as caught:
            await only.ensure()
        assert caught.value.retry_in is not None
    assert (newer.num_shutdowns, spawner.engines) == (0, [])


async def test_none_is_started_beside_one_that_hangs(
    keeper: Keeper, spawner: Spawner, own: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hanging(own.socket, monkeypatch):
        async with keeper() as only:
            with pytest.raises(EngineHangsError, match="does not answer"):
                await only.ensure()
            await only.stop()
            with pytest.raises(EngineHangsError, match="does not answer"):
                await only.ensure()
        (found,) = await find_running()
        assert found.status is None and "does not answer; wait a while" in found.problem
        with pytest.raises(UserError, match="does not end; end that process by other means"):
            await asyncio.to_thread(stop)
    assert spawner.engines == []


async def test_none_is_started_beside_one_that_does_not_end(
    keeper: Keeper, spawner: Spawner, own: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lacuna_server.engine.running.END_SECONDS", 0.05)
    stubborn = spawner.listen(ScriptedEngine(version="0.0.1", ends_when_told=False), own)
    async with keeper() as only:
        with pytest.raises(EngineHangsError, match="does not end"):
            await only.ensure()
    assert (stubborn.num_shutdowns, spawner.engines) == (1, [])


async def test_one_that_is_starting_already_is_waited_for(
    keeper: Keeper, spawner: Spawner, own: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lacuna_server.engine.process.lives", lambda _: True)
    async with keeper() as only:
        waiting = asyncio.create_task(only.ensure())
        await asyncio.sleep(0.1)
        starting = spawner.listen(ScriptedEngine(), own)
        await (await waiting).status()
    assert (starting.num_shutdowns, spawner.engines) == (0, [])


@pytest.mark.skipif(sys.platform == "win32", reason="nothing is inherited there")
def test_an_engine_lives_until_its_process_ends(
    own: Address, short_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(short_directory))
    monkeypatch.setattr("lacuna_server.engine.spawn.command", lambda _: ["sleep", "1000"])
    assert not lives(own)
    process = spawn(own, EngineOptions())
    assert isinstance(process, subprocess.Popen)
    assert lives(own)
    process.kill()
    process.wait()
    assert not lives(own)


async def test_the_place_may_change_while_another_one_starts_an_engine(
    keeper: Keeper, spawner: Spawner, short_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = (Address.of_socket(short_directory / f"key-{number}.sock") for number in (1, 2))
    place = old
    monkeypatch.setattr("lacuna_server.engine.process.own_address", lambda *_: place)
    async with keeper() as only:
        with filelock.FileLock(old.lock_file):
            waiting = asyncio.create_task(only.ensure())
            await asyncio.sleep(0.1)
            place = new
            engine = spawner.listen(ScriptedEngine(), new)
        assert (await waiting).address == new
    assert (engine.num_shutdowns, spawner.engines) == (0, [])


async def test_a_stranger_at_the_old_port_is_evaded(short_directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        await writer.drain()
        writer.close()

    class Ended:
        def poll(self) -> int:
            return 1

    def spawn(address: Address, _: EngineOptions) -> Ended:
        spawned.append(address)
        return Ended()

    spawned: list[Address] = []
    monkeypatch.setattr("lacuna_server.engine.process.own_address", lambda *_: tcp_address(short_directory, "key"))
    async with await asyncio.start_server(answer, "127.0.0.1", 0) as stranger:
        port = stranger.sockets[0].getsockname()[1]
        (short_directory / f"key-{port}.token").write_text("secret")
        async with EngineKeeper(None, EngineOptions(), spawn=spawn) as only:
            with pytest.raises(EngineDownError, match="could not be started"):
                await only.ensure()
    assert [address.url for address in spawned] != [f"http://127.0.0.1:{port}"]
    assert not (short_directory / f"key-{port}.token").exists()


async def test_files_left_behind_do_no_harm(keeper: Keeper, spawner: Spawner, own: Address) -> None:
    dead = spawner.listen(ScriptedEngine(), own)
    dead.die()
    own.lock_file.touch()
    await asyncio.to_thread(wait_until, lambda: asyncio.run(find_running()) == [])
    assert own.socket is not None
    assert own.socket.exists()
    async with keeper() as only:
        await only.ensure()
    assert len(spawner.engines) == 1


async def test_without_its_socket_an_engine_is_as_good_as_none(keeper: Keeper, spawner: Spawner, own: Address) -> None:
    spawner.listen(ScriptedEngine(), own)
    own.forget()
    async with keeper() as only:
        client = await only.ensure()
        assert await client.status() == spawner.engines[0].status


async def test_a_failed_load_is_told_and_not_tried_again_until_reset(keeper: Keeper, spawner: Spawner) -> None:
    spawner.next = lambda: in_state("failed", "Fetch it again.")
    async with keeper() as only:
        for _ in range(3):
            with pytest.raises(EngineDownError, match=r"Fetch it again\.") as caught:
                await only.ensure()
            assert caught.value.retry_in is None
        (failed,) = spawner.engines
        assert failed.num_shutdowns == 1
        spawner.next = ScriptedEngine
        only.reset()
        await only.ensure()
    assert len(spawner.engines) == 2


async def test_after_a_death_the_next_start_waits(keeper: Keeper, spawner: Spawner) -> None:
    async with keeper() as only:
        await only.ensure()
        spawner.engines[0].die()
        await asyncio.to_thread(wait_until, lambda: asyncio.run(find_running()) == [])
        with pytest.raises(EngineDownError, match=r"may start again in 1 s\. Its log: .*\.log") as caught:
            await only.ensure()
        assert caught.value.retry_in is not None
        assert 0 < caught.value.retry_in <= 1
        only.reset()
        await only.ensure()
    assert len(spawner.engines) == 2


async def test_after_an_end_that_was_wanted_the_next_start_does_not_wait(keeper: Keeper, spawner: Spawner) -> None:
    def start() -> ScriptedEngine:
        spawner.exit_code = None
        return ScriptedEngine()

    spawner.next = start
    async with keeper() as only:
        await only.ensure()
        spawner.engines[0].die()
        await asyncio.to_thread(wait_until, lambda: asyncio.run(find_running()) == [])
        spawner.exit_code = 0
        await only.ensure()
    assert len(spawner.engines) == 2


async def test_death_while_loading(keeper: Keeper, spawner: Spawner) -> None:
    spawner.next = lambda: in_state("loading")
    async with keeper(on_status=lambda _: spawner.engines[0].die()) as only:
        with pytest.raises(EngineDownError, match="ended while it was loading"):
            await only.ensure()


async def test_death_at_the_start(keeper: Keeper, spawner: Spawner) -> None:
    spawner.exit_code = 1
    async with keeper() as only:
        with pytest.raises(EngineDownError, match=r"could not be started\. Its log: .*\.log"):
            await only.ensure()


async def test_an_update_under_our_feet_is_told_once(keeper: Keeper, spawner: Spawner) -> None:
    spawner.next = of_version("0.0.1")
    async with keeper() as only:
        for _ in range(3):
            with pytest.raises(EngineDownError, match=r"Lacuna 0\.0\.1.* restart the editor"):
                await only.ensure()
    (engine,) = spawner.engines
    assert engine.num_shutdowns == 0


async def test_stopped_it_may_start_at_once(keeper: Keeper, spawner: Spawner) -> None:
    async with keeper() as only:
        await only.ensure()
        await only.stop()
        assert await find_running() == []
        await only.ensure()
    assert [engine.num_shutdowns for engine in spawner.engines] == [1, 0]


async def test_a_given_engine_is_only_connected_to(keeper: Keeper, spawner: Spawner, socket_path: Path) -> None:
    given = Address.of_socket(socket_path)
    async with keeper(given) as only:
        with pytest.raises(EngineUnreachableError):
            await only.ensure()
        with pytest.raises(EngineError, match="restart it where it runs"):
            await only.stop()
        engine = spawner.listen(in_state("failed", "No such checkpoint."), given)
        with pytest.raises(EngineDownError, match="No such checkpoint"):
            await only.ensure()
        engine.status = ScriptedEngine().status
        await only.ensure()
        engine.version = "0.0.1"
        with pytest.raises(EngineVersionError):
            await only.ensure()
    assert engine.num_shutdowns == 0
    assert spawner.engines == []
