"""The server with the embedded model: it starts its own engine, which several servers share."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from scripted_editor import AUTOMATIC, INVOKED, Connect, Editor, capabilities

from lacuna_server.engine.address import own_address
from lacuna_server.engine.devices import may_find_gpu

LOADING_SECONDS = 120.0

HOLD = "import filelock, sys, time; filelock.FileLock(sys.argv[1]).acquire(); print(flush=True); time.sleep(1000)"
"""Holds a lock."""


async def is_loaded(editor: Editor) -> None:
    await editor.until(lambda: bool(editor.states) and editor.states[-1] == "ready", LOADING_SECONDS)


async def pid_of_engine(editor: Editor) -> int:
    return int((await editor.ask("status"))["engine"]["pid"])


async def test_a_fill_can_be_watched_once_more(connect: Connect) -> None:
    experimental = {"lacuna": {"status": True, "replay": True}}
    editor = await connect(initialization_options=None, capabilities=capabilities(experimental=experimental))
    await is_loaded(editor)
    prefix = "class Person:\n    def __init__(self, name, age):\n        self.name = name\n        self.age = "
    (item,) = await editor.suggest(editor.open(f"{prefix}<|>\n"), kind=INVOKED)
    replay = await editor.ask("replay")
    assert (replay["uri"], replay["language"]) == ("file:///project/x.py", "python")
    assert (replay["before"], replay["segments"], replay["after"]) == (prefix, [], "\n")
    steps = replay["steps"]
    assert [step["step"] for step in steps] == list(range(1, replay["numSteps"] + 1))
    times = [step["elapsedMs"] for step in steps]
    assert times == sorted(times) and 0 < times[0] and times[-1] <= replay["totalMs"]
    num_masked = [sum(slot["text"] is None for slot in step["gaps"][0]) for step in steps]
    assert num_masked[-1] == 0
    assert replay["texts"][0].startswith(item.insert_text)
    assert "".join(token["text"] for token in replay["tokens"][0]) == replay["texts"][0]


async def test_a_new_user_needs_no_settings(connect: Connect) -> None:
    first = await connect(initialization_options=None)
    await is_loaded(first)
    for number, (marked, language_id, kind) in enumerate(
        (
            ("class Person:\n    def __init__(self, name):\n        self.name = <|>\n", "python", AUTOMATIC),
            ("function add(left: number, right: number): number {\n  return left <|>\n}\n", "typescript", INVOKED),
            ('{\n  "name": "lacuna",\n  "version": "1.0.0",\n  "private": <|>\n}\n', "json", INVOKED),
        )
    ):
        uri = f"untitled:{number}"
        cursor = first.open(marked, uri, language_id)
        items = await first.suggest(cursor, uri, kind=kind)
        assert items, (language_id, first.reasons)
        assert items[0].insert_text
        assert items[0].range is not None and items[0].range.start == cursor
    assert first.client.messages == []

    same = [None] if may_find_gpu() else [None, {"engine": {"device": "cpu"}}]
    for settings in same:
        other = await connect(initialization_options=settings)
        await is_loaded(other)
        assert await pid_of_engine(first) == await pid_of_engine(other)


@pytest.mark.skipif(sys.platform == "win32", reason="signals and sockets as POSIX has them")
async def test_an_engine_that_was_killed_or_lost_its_socket_is_replaced(connect: Connect) -> None:
    editor = await connect(initialization_options=None)
    person = "class {0}:\n    def __init__(self, name):\n        self.name = <|>\n"
    cursor = editor.open(person.format("Person"))
    await is_loaded(editor)
    assert await editor.suggest(cursor, kind=INVOKED)
    address = own_address(None, "auto")
    assert address.socket is not None

    killed = await pid_of_engine(editor)
    leave_a_stale_lock(address.lock_file)
    os.kill(killed, signal.SIGKILL)
    assert await editor.suggest(cursor, kind=INVOKED), "it is answered from memory"
    cursor = editor.open(person.format("Room"))
    assert await editor.suggest(cursor, kind=INVOKED) == []
    assert editor.reasons == ["engine-down"]
    await is_loaded(editor)
    assert await editor.suggest(cursor, kind=INVOKED)

    lost = await pid_of_engine(editor)
    address.socket.unlink()
    num_states = len(editor.states)
    async with asyncio.timeout(LOADING_SECONDS):
        while "loading" not in editor.states[num_states:]:  # it answers who is connected until it has noticed
            cursor = editor.open(person.format(f"Thing{len(editor.states)}"))
            await editor.suggest(cursor, kind=INVOKED)
    await is_loaded(editor)
    assert await editor.suggest(cursor, kind=INVOKED)

    await editor.ask("restartEngine")
    await is_loaded(editor)
    assert await editor.suggest(editor.open(person.format("House")), kind=INVOKED)
    assert len({killed, lost, await pid_of_engine(editor)}) == 3


def leave_a_stale_lock(path: Path) -> None:
    """Has the lock of those who start engines held by a process that is killed."""
    with subprocess.Popen([sys.executable, "-c", HOLD, path], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        holder.kill()
    assert path.exists()


async def test_a_missing_model_is_told_until_the_settings_say_better(connect: Connect, tmp_path: Path) -> None:
    editor = await connect({"engine": {"checkpoint": str(tmp_path / "none")}})
    cursor = editor.open("value = compute(<|>)\n")
    await editor.until(lambda: "error" in editor.states, LOADING_SECONDS)
    assert await editor.suggest(cursor) == []
    (message,) = editor.client.messages
    assert str(tmp_path / "none") in message.message
    editor.set({"engine": {"checkpoint": ""}})
    await is_loaded(editor)
    assert await editor.suggest(cursor, kind=INVOKED)
    assert editor.client.messages == [message]
