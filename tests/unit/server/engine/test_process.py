import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from scripted_engine import ScriptedEngine, wait_until

from lacuna_server.engine.address import Address, own_address
from lacuna_server.engine.errors import EngineDownError, EngineError, EngineUnreachableError, EngineVersionError
from lacuna_server.engine.process import EngineKeeper
from lacuna_server.engine.protocol import Status
from lacuna_server.engine.running import find_running
from lacuna_server.engine.spawn import EngineOptions

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


def of_another_version() -> ScriptedEngine:
    return ScriptedEngine(version="0.0.1")


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


@pytest.mark.parametrize("make", [of_another_version, lambda: in_state("failed", "Fetch it again.")])
async def test_what_is_of_no_use_is_replaced(
    keeper: Keeper, spawner: Spawner, own: Address, make: Callable[[], ScriptedEngine]
) -> None:
    old = spawner.listen(make(), own)
    async with keeper() as only:
        client = await only.ensure()
        assert await client.status() == spawner.engines[0].status
    assert old.num_shutdowns == 1
    assert len(spawner.engines) == 1


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
    spawner.next = of_another_version
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
