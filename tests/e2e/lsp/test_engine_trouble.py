"""What the server does when there is something with its engine."""

import asyncio
import itertools
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types
from scripted_editor import Connect
from scripted_engine import Answer, ScriptedEngine, result

from lacuna_server.engine.protocol import Refusal


async def test_no_engine_is_told_once(connect: Connect, socket: Path) -> None:
    editor = await connect()
    cursor = editor.open("value = compute(<|>)\n")
    await editor.until(lambda: bool(editor.client.messages))
    for _ in range(3):
        assert await editor.suggest(cursor) == []
    assert editor.reasons == ["engine-down"] * 3
    (message,) = editor.client.messages
    assert message.type is types.MessageType.Error
    assert str(socket) in message.message


async def test_a_changed_address_is_tried_at_once(connect: Connect, engine: ScriptedEngine, socket: Path) -> None:
    editor = await connect({"engine": {"url": "unix:///nowhere"}})
    cursor = editor.open("value = compute(<|>)\n")
    await editor.until(lambda: "error" in editor.states)
    settings = {"lacuna": {"engine": {"url": f"unix://{socket}"}}}
    editor.client.workspace_did_change_configuration(types.DidChangeConfigurationParams(settings))
    await editor.is_ready()
    assert await editor.suggest(cursor)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"url": "localhost:80"}, "write unix:///PATH"),
        ({"checkpoint": "~nobody-has-this-name/x"}, "write the whole path"),
        ({"token_file": "{}"}, "lacuna.engine.token_file must hold the token alone"),
        ({"checkpoint": "a\0b"}, "the server's log says why"),
    ],
)
async def test_settings_that_lead_to_no_engine_are_told(
    connect: Connect, tmp_path: Path, settings: dict[str, str], message: str
) -> None:
    unreadable = tmp_path / "token"
    unreadable.write_bytes(b"open sesame\xff")
    editor = await connect({"engine": {name: value.format(unreadable) for name, value in settings.items()}})
    await editor.until(lambda: bool(editor.client.messages))
    assert message in editor.client.messages[0].message
    assert "error" in editor.states


async def test_loading_is_shown_with_progress(connect: Connect, engine: ScriptedEngine) -> None:
    ready = engine.status
    engine.status = replace(ready, state="loading", loaded_bytes=25_000_000, total_bytes=100_000_000)
    editor = await connect()
    cursor = editor.open("value = compute(<|>)\n")
    await editor.until(lambda: any(condition["totalBytes"] for condition in editor.conditions))
    assert await editor.suggest(cursor) == []
    assert editor.reasons == ["engine-loading"]
    reports = editor.client.progress_reports
    await editor.until(lambda: any(len(values) > 1 for values in reports.values()))
    engine.status = ready
    await editor.is_ready()
    await editor.until(lambda: isinstance(next(iter(reports.values()))[-1], types.WorkDoneProgressEnd))
    begin, report, *_ = next(iter(reports.values()))
    assert isinstance(begin, types.WorkDoneProgressBegin) and "model" in begin.title
    assert isinstance(report, types.WorkDoneProgressReport)
    assert (report.message, report.percentage) == ("25 of 100 MB", 25)
    assert await editor.suggest(cursor)


async def test_a_model_that_fails_to_load_is_told_once(connect: Connect, engine: ScriptedEngine) -> None:
    ready = engine.status
    engine.status = replace(
        ready, state="failed", message="There is no checkpoint at /x; set lacuna.engine.checkpoint."
    )
    editor = await connect()
    cursor = editor.open("value = compute(<|>)\n")
    await editor.until(lambda: "error" in editor.states)
    assert await editor.suggest(cursor) == await editor.suggest(cursor) == []
    assert [message.message for message in editor.client.messages] == [engine.status.message]
    assert (await editor.ask("status"))["condition"]["message"] == engine.status.message
    engine.status = ready
    await editor.ask("restartEngine")
    await editor.is_ready()
    assert await editor.suggest(cursor)


async def test_an_engine_that_dies_in_mid_fill_brings_nothing(
    connect: Connect, engine: ScriptedEngine, socket: Path
) -> None:
    editor = await connect()
    engine.answers.append(Answer(result("late"), gate=threading.Event()))
    cursor = editor.open("value = compute(<|>)\n")
    await editor.is_ready()
    asked = asyncio.create_task(editor.suggest(cursor))
    await editor.until(lambda: len(engine.calls) == 1)
    engine.die()
    assert await asked == []
    assert editor.reasons == ["engine-down"]
    await editor.until(lambda: "error" in editor.states)
    socket.unlink()
    with ScriptedEngine().listening(socket):
        await editor.ask("restartEngine")
        await editor.until(lambda: editor.states[-1] == "ready")
        assert await editor.suggest(cursor)


async def test_an_engine_that_ends_is_looked_for_anew(connect: Connect, engine: ScriptedEngine) -> None:
    editor = await connect()
    engine.answers.append(Answer(Refusal("closing", "The engine ends.")))
    cursor = editor.open("value = compute(<|>)\n")
    await editor.is_ready()
    assert await editor.suggest(cursor) == []
    assert editor.reasons == ["engine-down"]
    await editor.until(lambda: editor.states[-2:] == ["loading", "ready"])
    assert await editor.suggest(cursor)


@pytest.mark.parametrize("changed", [{}, {"idle_minutes": 5}, {"device": "cpu"}])
async def test_an_engine_that_failed_is_tried_again_when_settings_come(
    connect: Connect, engine: ScriptedEngine, socket: Path, changed: dict[str, Any]
) -> None:
    ready = engine.status
    engine.status = replace(ready, state="failed", message="There is no such device; set lacuna.engine.device.")
    editor = await connect()
    cursor = editor.open("value = compute(<|>)\n")
    await editor.until(lambda: "error" in editor.states)
    engine.status = ready
    assert await editor.suggest(cursor) == [], "before that, nothing is tried"
    editor.set({"engine": {"url": f"unix://{socket}"} | changed})
    await editor.is_ready()
    assert await editor.suggest(cursor)


async def test_every_state_is_told(connect: Connect, engine: ScriptedEngine) -> None:
    ready = engine.status
    engine.status = replace(ready, state="loading", loaded_bytes=1, total_bytes=2)
    editor = await connect({"secret_files": ["secret.py"]})
    cursor, hidden = editor.open("value = compute(<|>)\n"), "file:///project/secret.py"
    await editor.until(lambda: editor.states == ["loading"])
    engine.status = ready
    await editor.is_ready()
    await editor.suggest(cursor)
    await editor.suggest(editor.open("value = compute(<|>)\n", hidden), hidden)
    engine.answers.append(Answer(None))
    await editor.suggest(editor.open("other = compute(<|>)\n"))
    await editor.until(lambda: "error" in editor.states)
    told = [state for state, _ in itertools.groupby(editor.states)]
    assert told == ["loading", "ready", "filling", "ready", "disabled", "filling", "loading", "error"]
    assert [each["uri"] for each in editor.conditions if each["state"] == "disabled"] == [hidden]


async def test_the_token_comes_from_a_file(
    connect: Connect, engine: ScriptedEngine, socket: Path, tmp_path: Path
) -> None:
    engine.token = "open sesame"
    token_file = tmp_path / "token"
    token_file.write_text("open sesame\n")
    editor = await connect({"engine": {"url": f"unix://{socket}", "token_file": str(token_file)}})
    cursor = editor.open("value = compute(<|>)\n")
    await editor.is_ready()
    assert await editor.suggest(cursor)
    other = await connect()
    await other.until(lambda: bool(other.client.messages))
    assert other.client.messages[0].message == "Give the token."
    missing = await connect({"engine": {"url": f"unix://{socket}", "token_file": str(tmp_path / "none")}})
    await missing.until(lambda: bool(missing.client.messages))
    assert "No such file" in missing.client.messages[0].message
