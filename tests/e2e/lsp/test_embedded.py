"""The server with the embedded model: it starts its own engine, which several servers share."""

import os
import signal
from pathlib import Path

from lsprotocol import types
from scripted_editor import INVOKED, Connect

LOADING_SECONDS = 120.0


async def test_a_new_user_needs_no_settings(connect: Connect) -> None:
    first = await connect({"engine": {}})
    cursor = first.open("class Person:\n    def __init__(self, name):\n        self.name = <|>\n")
    await first.until(lambda: "ready" in first.states, LOADING_SECONDS)
    (item,) = await first.suggest(cursor, kind=INVOKED)
    assert item.insert_text
    assert item.range == types.Range(cursor, cursor)

    second = await connect({"engine": {}})
    await second.until(lambda: "ready" in second.states, LOADING_SECONDS)
    pids = {(await editor.ask("status"))["engine"]["pid"] for editor in (first, second)}
    assert len(pids) == 1

    os.kill(pids.pop(), signal.SIGKILL)
    assert await first.suggest(cursor, kind=INVOKED), "it is answered from memory"
    cursor = first.open("class Room:\n    def __init__(self, name):\n        self.name = <|>\n")
    assert await first.suggest(cursor, kind=INVOKED) == []
    assert first.reasons == ["engine-down"]
    await first.until(lambda: first.states[-1] == "ready", LOADING_SECONDS)
    assert await first.suggest(cursor, kind=INVOKED)

    await first.ask("restartEngine")
    await first.until(lambda: first.states[-1] == "ready", LOADING_SECONDS)
    cursor = first.open("class Thing:\n    def __init__(self, name):\n        self.name = <|>\n")
    assert await first.suggest(cursor, kind=INVOKED)


async def test_a_missing_model_is_told_with_what_to_do(connect: Connect, tmp_path: Path) -> None:
    editor = await connect({"engine": {"checkpoint": str(tmp_path / "none")}})
    cursor = editor.open("value = compute(<|>)\n")
    await editor.until(lambda: "error" in editor.states, LOADING_SECONDS)
    assert await editor.suggest(cursor) == []
    (message,) = editor.client.messages
    assert str(tmp_path / "none") in message.message
