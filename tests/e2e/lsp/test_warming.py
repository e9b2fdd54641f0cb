"""What is opened is encoded ahead of the first request."""

from scripted_editor import Connect
from scripted_engine import ScriptedEngine

LONG = "value = 1\n" * 1000


async def test_the_head_of_what_is_opened_is_encoded(connect: Connect, engine: ScriptedEngine) -> None:
    editor = await connect()
    editor.open("first = 1\nsecond = 2\n")
    await editor.until(lambda: len(engine.warmed) == 1)
    editor.open(LONG, "file:///project/long.py")
    await editor.until(lambda: len(engine.warmed) == 2)
    assert [call.prefix for call in engine.warmed] == ["first = 1\nsecond = 2\n", LONG[:5000]]
    cursor = editor.open("third_value = <|>\n", "file:///project/other.py")
    await editor.until(lambda: len(engine.warmed) == 3)
    await editor.suggest(cursor, "file:///project/other.py")
    (call,) = engine.calls
    assert (call.client, call.document) == (engine.warmed[2].client, engine.warmed[2].document)
    assert engine.warmed[2].prefix.startswith(call.segments[0])


async def test_what_is_left_alone_is_not_sent(connect: Connect, engine: ScriptedEngine) -> None:
    editor = await connect()
    editor.open("password = 1\n", "file:///project/.env")
    editor.open("value = 1\n")
    await editor.until(lambda: len(engine.warmed) > 0)
    assert [call.prefix for call in engine.warmed] == ["value = 1\n"]


async def test_without_automatic_suggestions_nothing_is_sent_unasked(connect: Connect, engine: ScriptedEngine) -> None:
    editor = await connect({"automatic": False})
    editor.open("value = 1\n")
    await editor.ask("status")
    assert engine.warmed == []
