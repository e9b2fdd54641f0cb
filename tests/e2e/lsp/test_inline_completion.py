import asyncio
import threading
from dataclasses import replace
from typing import Any

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcRequestCancelled
from scripted_editor import AUTOMATIC, INVOKED, Connect, capabilities, inline_completion, replace_character
from scripted_engine import Answer, ScriptedEngine, result

from lacuna_server.engine.protocol import FillOut, Refusal, TokenOut

URI = "file:///project/x.py"


@pytest.mark.parametrize(
    ("marked", "language_id", "fill", "text"),
    [
        ("def add(left, right):\n    return <|>\n", "python", "left + right", "left + right"),
        ("function add(left, right) {\n  return <|>\n}\n", "typescript", "left + right;", "left + right;"),
        ('{\n  "name": "lacuna",\n  "version": <|>\n}\n', "json", '"0.1.0"', '"0.1.0"'),
        ("The quick brown fox <|>\n", "plaintext", "jumps", "jumps"),
        ("if ready:\r\n    <|>\r\n", "python", "go()\r\n    stop()", "go()\n    stop()"),
    ],
)
async def test_ghost_text(
    connect: Connect, engine: ScriptedEngine, marked: str, language_id: str, fill: str, text: str
) -> None:
    editor = await connect()
    engine.answers.append(Answer(result(fill)))
    cursor = editor.open(marked, URI, language_id)
    await editor.is_ready()
    (item,) = await editor.suggest(cursor)
    assert item.insert_text == text
    assert item.range == types.Range(cursor, cursor)
    (call,) = engine.calls
    before, _, after = marked.replace("\r\n", "\n").partition("<|>")
    assert call.segments[0].endswith(before) and call.segments[1] == after


@pytest.mark.parametrize(("encoding", "character"), [("utf-8", 19), ("utf-16", 15), ("utf-32", 14)])
async def test_positions_in_every_encoding(
    connect: Connect, engine: ScriptedEngine, encoding: str, character: int
) -> None:
    general = types.GeneralClientCapabilities(position_encodings=[types.PositionEncodingKind(encoding)])
    editor = await connect(capabilities=capabilities(general=general))
    assert editor.result.capabilities.position_encoding == encoding
    editor.open("value = a('🙂\u2028')\n")  # LINE SEPARATOR does not end a line
    await editor.is_ready()
    cursor = types.Position(0, character)
    (item,) = await editor.suggest(cursor)
    assert engine.calls[0].segments[0].endswith("value = a('🙂\u2028'")
    assert item.range == types.Range(cursor, cursor)


async def test_a_newer_request_supersedes_an_older_one(connect: Connect, engine: ScriptedEngine) -> None:
    editor = await connect()
    never = threading.Event()
    engine.answers.append(Answer(result("old"), gate=never))
    engine.answers.append(Answer(result("new")))
    cursor = editor.open("value = compute(<|>)\n")
    await editor.is_ready()
    older = asyncio.create_task(editor.suggest(cursor))
    await editor.until(lambda: len(engine.calls) == 1)
    (item,) = await editor.suggest(cursor, kind=INVOKED)
    assert item.insert_text == "new"
    assert await older == []
    assert editor.reasons == ["superseded"]
    await editor.until(lambda: engine.num_hung_up == 1)


async def test_closing_a_document_ends_its_requests(connect: Connect, engine: ScriptedEngine) -> None:
    editor = await connect()
    engine.answers.append(Answer(result("late"), gate=threading.Event()))
    engine.answers.append(Answer(result("later"), gate=threading.Event()))
    cursor = editor.open("value = compute(<|>)  # <FILL>\n")
    await editor.is_ready()
    suggested = asyncio.create_task(editor.suggest(cursor, kind=INVOKED))
    filled = asyncio.create_task(editor.ask("fillGaps", textDocument={"uri": URI}))
    await editor.until(lambda: len(engine.calls) == 2)
    editor.close()
    assert await suggested == []
    assert (await filled)["reason"] == "superseded"
    await editor.until(lambda: engine.num_hung_up == 2)


async def test_cancelling_reaches_the_engine(connect: Connect, engine: ScriptedEngine) -> None:
    editor = await connect()
    engine.answers.append(Answer(result("late"), gate=threading.Event()))
    cursor = editor.open("value = compute(<|>)\n")
    await editor.is_ready()
    request = editor.send(types.TEXT_DOCUMENT_INLINE_COMPLETION, inline_completion(cursor), "x")
    task = asyncio.create_task(request)
    await editor.until(lambda: len(engine.calls) == 1)
    editor.client.cancel_request(types.CancelParams("x"))
    with pytest.raises(JsonRpcRequestCancelled):
        await task
    await editor.until(lambda: engine.num_hung_up == 1)
    assert editor.reasons == ["cancelled"]
    assert await editor.suggest(cursor)


async def test_an_edit_during_a_request_makes_its_answer_void(connect: Connect, engine: ScriptedEngine) -> None:
    editor = await connect()
    gate = threading.Event()
    engine.answers.append(Answer(result("left"), gate=gate))
    cursor = editor.open("value = compute(<|>)\n")
    await editor.is_ready()
    request = asyncio.create_task(editor.suggest(cursor))
    await editor.until(lambda: len(engine.calls) == 1)
    editor.type("r", cursor, version=2)
    await editor.ask("status")  # has been answered, so the edit has been made
    gate.set()
    assert await request == []
    assert editor.reasons == ["superseded"]


async def test_what_was_suggested_is_typed_through_without_the_engine(connect: Connect, engine: ScriptedEngine) -> None:
    editor = await connect()
    engine.answers.append(Answer(result("left + right")))
    cursor = editor.open("the_value = <|>\n")
    await editor.is_ready()
    await editor.suggest(cursor)
    for version, key in enumerate("left", start=2):
        editor.type(key, cursor, version)
        cursor = replace_character(cursor, 1)
        (item,) = await editor.suggest(cursor)
        assert item.range is not None and item.range.start.character <= cursor.character
    assert item.insert_text == " + right"
    assert len(engine.calls) == 1


@pytest.mark.parametrize(
    ("settings", "kind", "deadline_ms", "max_lines"),
    [
        ({}, AUTOMATIC, 2000.0, 2),  # a fill may begin with a line break
        ({"deadline_ms": 500, "length": 4}, AUTOMATIC, 500.0, 5),
        ({"length": "block"}, INVOKED, None, None),
    ],
)
async def test_limits_of_a_request(
    connect: Connect,
    engine: ScriptedEngine,
    settings: dict[str, Any],
    kind: types.InlineCompletionTriggerKind,
    deadline_ms: float | None,
    max_lines: int | None,
) -> None:
    editor = await connect(settings)
    cursor = editor.open("value = compute(<|>)\n")
    await editor.is_ready()
    await editor.suggest(cursor, kind=kind)
    (call,) = engine.calls
    assert (call.deadline_ms, call.max_lines) == (deadline_ms, max_lines)


async def test_a_suggestion_may_take_the_place_of_a_closer(connect: Connect, engine: ScriptedEngine) -> None:
    editor = await connect()
    engine.answers.append(Answer(result("left) + other")))
    cursor = editor.open("value = compute(<|>)\n")
    await editor.is_ready()
    (item,) = await editor.suggest(cursor)
    assert item.insert_text == "left) + other"
    assert item.range == types.Range(cursor, replace_character(cursor, 1))


async def test_a_suggestion_that_a_deadline_left_coarse_is_not_final(connect: Connect, engine: ScriptedEngine) -> None:
    editor = await connect()
    engine.answers.append(Answer(result("coarse", stop_reason="deadline")))
    engine.answers.append(Answer(result("fine")))
    cursor = editor.open("value = compute(<|>)\n")
    await editor.is_ready()
    for kind, text in ((AUTOMATIC, "coarse"), (AUTOMATIC, "coarse"), (INVOKED, "fine"), (INVOKED, "fine")):
        (item,) = await editor.suggest(cursor, kind=kind)
        assert item.insert_text == text
    assert len(engine.calls) == 2


async def test_documents_that_are_no_files(connect: Connect, engine: ScriptedEngine) -> None:
    editor = await connect()
    await editor.is_ready()
    for uri in (
        "untitled:Untitled-1",
        "git:/project/x.py?HEAD",
        "vscode-notebook-cell:/project/x.ipynb#1",
        "file://[",
        "x",
        "",
    ):
        cursor = editor.open("value = compute(<|>)\n", uri)
        assert await editor.suggest(cursor, uri)


async def test_documents_of_any_size(connect: Connect, engine: ScriptedEngine) -> None:
    editor = await connect()
    await editor.is_ready()
    texts = ("", "\n", "\0\x01\xff" * 100, "x = 1\n" * 200_000, "value = [" + "1, " * 300_000 + "]\n")
    for text in texts:
        editor.open(text)
        for place in (types.Position(0, 0), types.Position(100_000, 3), types.Position(2**31 - 1, 2**31 - 1)):
            await editor.suggest(place, kind=INVOKED)
            editor.type("y", place, version=2)
    assert all(sum(map(len, call.segments)) < 100_000 for call in engine.calls)


async def test_what_is_selected_in_the_menu_is_gone_on_with(connect: Connect, engine: ScriptedEngine) -> None:
    editor = await connect()
    engine.answers.append(Answer(result("(left, right)")))
    cursor = editor.open("value = comp<|>\n")
    start = types.Position(0, 8)
    await editor.is_ready()
    selected = types.SelectedCompletionInfo(types.Range(start, cursor), "compute")
    (item,) = await editor.suggest(cursor, selected=selected)
    assert item.insert_text == "compute(left, right)"
    assert item.range == types.Range(start, cursor)
    assert engine.calls[0].segments[0].endswith("value = compute")


async def test_a_refused_request_says_why(connect: Connect, engine: ScriptedEngine) -> None:
    editor = await connect()
    engine.answers.append(Answer(Refusal("busy", "Too many requests.")))
    engine.answers.append(Answer(Refusal("internal", "It broke.")))
    cursor = editor.open("value = compute(<|>)\n")
    await editor.is_ready()
    assert await editor.suggest(cursor) == await editor.suggest(cursor) == []
    assert editor.reasons == ["engine-busy", "engine-error"]
    assert await editor.suggest(cursor)


async def test_fills_that_say_nothing_are_told_apart(connect: Connect, engine: ScriptedEngine) -> None:
    editor = await connect({"min_confidence": 0.5})
    engine.answers.append(Answer(result("")))
    engine.answers.append(Answer(result("left", confidence=0.1)))
    engine.answers.append(Answer(replace(result("left"), fills=(), stop_reason="deadline")))
    cursor = editor.open("value = compute(<|>)\n")
    await editor.is_ready()
    for _ in range(3):
        assert await editor.suggest(cursor) == []
    assert editor.reasons == ["empty", "low-confidence", "deadline"]


async def test_accepting_is_told_by_the_command_of_an_item(connect: Connect, engine: ScriptedEngine) -> None:
    editor = await connect()
    engine.answers.append(Answer(result("left")))
    cursor = editor.open("value = compute(<|>)\n")
    await editor.is_ready()
    (item,) = await editor.suggest(cursor)
    assert item.command is not None
    params = types.ExecuteCommandParams(item.command.command, item.command.arguments)
    await editor.client.workspace_execute_command_async(params)
    tally = (await editor.ask("status"))["tally"]
    assert (tally["accepted"], tally["acceptedCharacters"]) == (1, 4)


@pytest.mark.parametrize(("encoding", "width"), [("utf-8", 4), ("utf-16", 2), ("utf-32", 1)])
async def test_the_command_of_an_item_tells_what_is_uncertain(
    connect: Connect, engine: ScriptedEngine, encoding: str, width: int
) -> None:
    """By its ranges in the document after the whole item was accepted."""
    general = types.GeneralClientCapabilities(position_encodings=[encoding])
    editor = await connect({"length": 2}, capabilities=capabilities(general=general))
    tokens = (TokenOut("'🙂', ", 0.9), TokenOut("'🙂'", 0.25), TokenOut(",\n    ", 0.9), TokenOut("last", 0.0))
    text = "".join(token.text or "" for token in tokens)
    engine.answers.append(Answer(result(fills=(FillOut((text,), (tokens,), 0.0),))))
    cursor = editor.open("value = compute(<|>")
    await editor.is_ready()
    (item,) = await editor.suggest(cursor, kind=INVOKED)
    assert item.command is not None and item.command.arguments is not None
    (accepted,) = item.command.arguments
    start = 16 + width + 4
    assert accepted == {
        "textDocument": {"uri": "file:///project/x.py"},
        "length": len(text),
        "uncertain": [
            {"range": range_json(0, start, start + width + 2), "confidence": 0.25},
            {"range": range_json(1, 4, 8), "confidence": 0.0},
        ],
    }


def range_json(line: int, start: int, end: int) -> dict[str, dict[str, int]]:
    return {"start": {"line": line, "character": start}, "end": {"line": line, "character": end}}
