import asyncio
import threading
from dataclasses import replace
from typing import Any

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcInvalidParams
from scripted_editor import INVOKED, Connect, capabilities
from scripted_engine import Answer, ScriptedEngine, result

from lacuna_server.engine.protocol import MAX_TOKENS, MAX_WORK, FillOut, TokenOut
from lacuna_server.reasons import Reason

URI = "file:///project/x.py"
DOCUMENT = {"uri": URI}
VERSIONED = capabilities(
    workspace=types.WorkspaceClientCapabilities(
        apply_edit=True, workspace_edit=types.WorkspaceEditClientCapabilities(document_changes=True)
    )
)


def place(line: int, character: int) -> dict[str, int]:
    return {"line": line, "character": character}


def change(start: tuple[int, int], end: tuple[int, int], text: str) -> dict[str, Any]:
    return {"range": {"start": place(*start), "end": place(*end)}, "newText": text}


async def test_a_selection_is_filled(connect: Connect, engine: ScriptedEngine) -> None:
    editor = await connect()
    engine.answers.append(Answer(result("new\nlines")))
    editor.open("first = '🙂' + old\r\nsecond = 2\r\n")
    await editor.is_ready()
    selection = {"start": place(0, 15), "end": place(0, 18)}
    filled = await editor.ask("fillSelection", textDocument=DOCUMENT, range=selection)
    assert filled["edit"] == {"changes": {URI: [change((0, 15), (0, 18), "new\r\nlines")]}}
    assert engine.calls[0].segments == ("first = '🙂' + ", "\nsecond = 2\n")


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
async def test_an_edit_has_the_line_breaks_of_its_document(
    connect: Connect, engine: ScriptedEngine, newline: str
) -> None:
    editor = await connect()
    engine.answers.append(Answer(result("a\r\nb\n")))
    editor.open(f"x = <FILL>{newline}")
    await editor.is_ready()
    filled = await editor.ask("fillGaps", textDocument=DOCUMENT)
    assert filled["edit"] == {"changes": {URI: [change((0, 4), (0, 10), f"a{newline}b{newline}")]}}


async def test_several_ranges_are_filled_in_one_canvas(connect: Connect, engine: ScriptedEngine) -> None:
    """In any order; those that meet or overlap are one gap."""
    editor = await connect()
    engine.answers.append(Answer(result("left", "right")))
    editor.open("def add(one, b):\n    return one + two\n")
    await editor.is_ready()
    ranges = [
        {"start": place(*start), "end": place(*end)}
        for start, end in (((1, 14), (1, 17)), ((1, 17), (1, 20)), ((0, 11), (0, 8)), ((0, 9), (0, 10)))
    ]
    filled = await editor.ask("fillSelection", textDocument=DOCUMENT, ranges=ranges)
    assert filled["edit"] == {"changes": {URI: [change((0, 8), (0, 11), "left"), change((1, 14), (1, 20), "right")]}}
    (call,) = engine.calls
    assert call.segments == ("def add(", ", b):\n    return one", "\n")


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"ranges": []},
        {"ranges": [{"start": place(0, 0), "end": place(0, 1)}], "range": {"start": place(0, 0), "end": place(0, 1)}},
        {"ranges": [{"start": place(number, 0), "end": place(number, 1)} for number in range(257)]},
    ],
)
async def test_ranges_that_make_no_sense_are_refused(connect: Connect, params: dict[str, Any]) -> None:
    editor = await connect()
    editor.open("x = 1\n" * 300)
    with pytest.raises(JsonRpcInvalidParams, match="range"):
        await editor.ask("fillSelection", textDocument=DOCUMENT, **params)


async def test_many_long_ranges_ask_for_no_more_than_an_engine_does(connect: Connect, engine: ScriptedEngine) -> None:
    editor = await connect()
    editor.open(("x" * 1_000 + "\n") * 256)
    await editor.is_ready()
    ranges = [{"start": place(number, 0), "end": place(number, 1_000)} for number in range(256)]
    assert (await editor.ask("fillSelection", textDocument=DOCUMENT, ranges=ranges))["edit"]
    assert engine.calls[0].max_tokens * 256 == MAX_WORK


async def test_what_is_uncertain_of_an_edit_is_told(connect: Connect, engine: ScriptedEngine) -> None:
    """Ranges are those of the document after the edit."""
    editor = await connect()
    texts = ("🙂\nleft", "right")
    tokens = (
        (TokenOut("🙂\n", 0.9), TokenOut("left", 0.25)),
        (TokenOut("ri", 0.25), TokenOut("g", 0.0), TokenOut("ht", 0.9)),
    )
    engine.answers.append(Answer(result(fills=(FillOut(texts, tokens, 0.0),))))
    editor.open("f(<FILL>, <FILL>)\n")
    await editor.is_ready()
    filled = await editor.ask("fillGaps", textDocument=DOCUMENT)
    assert filled["uncertain"] == [
        {"range": {"start": place(1, 0), "end": place(1, 4)}, "confidence": 0.25},
        {"range": {"start": place(1, 6), "end": place(1, 9)}, "confidence": 0.125},
    ]


async def test_a_selection_of_any_size_is_filled(connect: Connect, engine: ScriptedEngine) -> None:
    editor = await connect()
    editor.open("x = 1\n" * 2_000)
    await editor.is_ready()
    selection = {"start": place(10, 0), "end": place(1_900, 0)}
    filled = await editor.ask("fillSelection", textDocument=DOCUMENT, range=selection)
    assert filled["edit"] == {"changes": {URI: [change((10, 0), (1_900, 0), "filled")]}}
    assert engine.calls[0].max_tokens == MAX_TOKENS


async def test_marked_gaps_are_filled_in_one_canvas(connect: Connect, engine: ScriptedEngine) -> None:
    editor = await connect(capabilities=VERSIONED)
    engine.answers.append(Answer(result("left", "right")))
    editor.open("def add(<FILL>, b):\n    return <FILL>\n")
    await editor.is_ready()
    filled = await editor.ask("fillGaps", textDocument=DOCUMENT)
    (edit,) = filled["edit"]["documentChanges"]
    assert edit["textDocument"] == {"uri": URI, "version": 1}
    assert edit["edits"] == [change((0, 8), (0, 14), "left"), change((1, 11), (1, 17), "right")]
    (call,) = engine.calls
    assert call.segments == ("def add(", ", b):\n    return ", "\n")


async def test_a_command_makes_the_edit(connect: Connect, engine: ScriptedEngine) -> None:
    editor = await connect(capabilities=VERSIONED)
    editor.open("value = <FILL>\n")
    await editor.is_ready()
    params = types.ExecuteCommandParams("lacuna.fillGaps", [{"textDocument": DOCUMENT}])
    await editor.client.workspace_execute_command_async(params)
    (edit,) = editor.edits
    assert edit.document_changes


async def test_a_document_without_proper_gaps_stays(connect: Connect, engine: ScriptedEngine) -> None:
    editor = await connect()
    for text in ("nothing marked", "a <FILL><FILL> b", "", "x = <FILL>\n" * 257):
        editor.open(text)
        filled = await editor.ask("fillGaps", textDocument=DOCUMENT)
        assert (filled["edit"], filled["reason"]) == (None, "no-gaps")
        assert filled["message"].startswith("x.py has ")


async def test_an_edit_for_an_older_text_is_not_made(connect: Connect, engine: ScriptedEngine) -> None:
    editor = await connect()
    gate = threading.Event()
    engine.answers.append(Answer(result("new"), gate=gate))
    editor.open("value = <FILL>\n")
    await editor.is_ready()
    asked = asyncio.create_task(editor.ask("fillGaps", textDocument=DOCUMENT))
    await editor.until(lambda: len(engine.calls) == 1)
    editor.type("x", types.Position(0, 0), version=2)
    await editor.ask("status")  # has been answered, so the edit has been made
    gate.set()
    filled = await asked
    assert (filled["edit"], filled["reason"]) == (None, "superseded")


async def test_an_edit_and_the_cursor_leave_each_other_alone(connect: Connect, engine: ScriptedEngine) -> None:
    editor = await connect()
    gates = threading.Event(), threading.Event()
    engine.answers.extend(Answer(result(text), gate=gate) for text, gate in zip(("left", "new"), gates, strict=True))
    cursor = editor.open("value = compute(<|>)  # old\n")
    await editor.is_ready()
    suggested = asyncio.create_task(editor.suggest(cursor, kind=INVOKED))
    await editor.until(lambda: len(engine.calls) == 1)
    selection = {"start": place(0, 21), "end": place(0, 24)}
    filled = asyncio.create_task(editor.ask("fillSelection", textDocument=DOCUMENT, range=selection))
    await editor.until(lambda: len(engine.calls) == 2)
    assert len({call.document for call in engine.calls}) == 2  # of one document, the engine answers the latest call
    for gate in gates:
        gate.set()
    (item,) = await suggested
    assert item.insert_text == "left"
    assert (await filled)["edit"] == {"changes": {URI: [change((0, 21), (0, 24), "new")]}}


@pytest.mark.parametrize(
    ("length", "text"), [("line", "a = 1"), (2, "a = 1\n    b = 2"), ("block", "a = 1\n    b = 2\n    c = 3")]
)
async def test_a_suggestion_of_a_given_length(connect: Connect, engine: ScriptedEngine, length: Any, text: str) -> None:
    editor = await connect({"length": "line"})
    engine.answers.append(Answer(result("a = 1\n    b = 2\n    c = 3")))
    cursor = editor.open("def run():\n    <|>\n")
    await editor.is_ready()
    position = place(cursor.line, cursor.character)
    suggested = await editor.ask("complete", textDocument=DOCUMENT, position=position, length=length)
    assert [item["insertText"] for item in suggested["items"]] == [text]


async def test_a_length_that_was_asked_for_once_is_not_kept(connect: Connect, engine: ScriptedEngine) -> None:
    editor = await connect({"length": "line"})
    for _ in range(2):
        engine.answers.append(Answer(result("a = 1\n    b = 2")))
    cursor = editor.open("def run():\n    <|>\n")
    await editor.is_ready()
    position = place(cursor.line, cursor.character)
    await editor.ask("complete", textDocument=DOCUMENT, position=position, length=2)
    (item,) = await editor.suggest(cursor)
    assert item.insert_text == "a = 1"


async def test_alternatives_are_distinct(connect: Connect, engine: ScriptedEngine) -> None:
    editor = await connect()
    fills = tuple(FillOut((text,), ((TokenOut(text, 0.9),),), 0.0) for text in ("left", "right", "left", ""))
    engine.answers.append(Answer(result(fills=fills)))
    editor.open("value = compute()\n")
    await editor.is_ready()
    suggested = await editor.ask("alternatives", textDocument=DOCUMENT, position=place(0, 16), count=4)
    assert [item["insertText"] for item in suggested["items"]] == ["left", "right"]
    assert engine.calls[0].num_candidates == 4


async def test_an_explicit_request_that_brings_nothing_says_why(connect: Connect, engine: ScriptedEngine) -> None:
    editor = await connect()
    engine.answers.append(Answer(result("")))
    editor.open("value = compute()\n")
    await editor.is_ready()
    suggested = await editor.ask("complete", textDocument=DOCUMENT, position=place(0, 16))
    why = {"reason": "empty", "message": Reason.EMPTY.description}
    assert suggested == {"items": []} | why
    report = await editor.ask("status")
    (answer,) = report["emptyAnswers"]
    assert answer == {"time": answer["time"], "uri": URI} | why
    assert report["reasons"] == [why | {"count": 1}]
    assert editor.conditions[-1].items() >= ({"state": "ready", "uri": URI} | why).items()
    assert report["engine"]["state"] == "ready"


async def test_the_report_asks_the_engine_anew(connect: Connect, engine: ScriptedEngine) -> None:
    editor = await connect()
    await editor.is_ready()
    engine.status = replace(engine.status, num_fills=7)
    assert (await editor.ask("status"))["engine"]["numFills"] == 7
    engine.die()
    assert (await editor.ask("status"))["engine"]["numFills"] == 7


async def test_feedback_is_counted(connect: Connect) -> None:
    editor = await connect()
    for name, params in (
        ("shown", {}),
        ("shown", {}),
        ("accepted", {"length": 3}),
        ("accepted", {"length": -1}),
        ("rejected", {}),
    ):
        editor.client.protocol.notify(f"lacuna/{name}", {"textDocument": DOCUMENT} | params)
    editor.client.protocol.notify("lacuna/rejected", None)
    tally = (await editor.ask("status"))["tally"]
    assert tally == {"shown": 2, "accepted": 2, "acceptedCharacters": 3, "rejected": 1}
