"""The delay of automatic requests. A machine may be slow, so that what counts is the least that was waited."""

import asyncio
import threading
import time

from lsprotocol import types
from scripted_editor import Connect, Editor
from scripted_engine import Answer, ScriptedEngine, result

COMMENT = "# a comment that goes on <|>\n"
CODE = "value = compute(<|>)\n"


async def seconds_until_asked(editor: Editor, engine: ScriptedEngine, cursor: types.Position, uri: str) -> float:
    num_calls, began = len(engine.calls), time.monotonic()
    asked = asyncio.create_task(editor.suggest(cursor, uri))
    await editor.until(lambda: len(engine.calls) > num_calls)
    seconds = time.monotonic() - began
    await asked
    return seconds


async def test_rejections_and_prose_make_the_delay_longer(connect: Connect, engine: ScriptedEngine) -> None:
    editor = await connect({"delay_ms": 100})
    await editor.is_ready()
    for _ in range(4):
        editor.tell("rejected")
    cursor = editor.open(COMMENT, "file:///project/prose.py")
    assert await seconds_until_asked(editor, engine, cursor, "file:///project/prose.py") >= 0.1 * 4 * 2


async def test_typing_and_answers_move_the_delay(connect: Connect, engine: ScriptedEngine) -> None:
    """Each waits: for the next key no longer than the engine takes, although no delay was set."""
    editor = await connect()
    uri = "file:///project/code.py"
    cursor = editor.open(CODE, uri)
    await editor.is_ready()
    for version in (2, 3):
        editor.type("#", types.Position(1, 0), version, uri)
        await asyncio.sleep(0.8)
    gate = threading.Event()
    engine.answers.append(Answer(result("left"), gate=gate))
    threading.Timer(0.8, gate.set).start()
    await seconds_until_asked(editor, engine, cursor, uri)
    other = editor.open(CODE)
    assert await seconds_until_asked(editor, engine, other, "file:///project/x.py") >= 0.4
