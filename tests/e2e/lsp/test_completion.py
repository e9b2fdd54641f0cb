import asyncio
import threading

import pytest
from lsprotocol import types
from scripted_editor import Connect, Editor
from scripted_engine import Answer, ScriptedEngine, result

URI = "file:///project/x.py"


async def menu(editor: Editor, position: types.Position) -> list[types.CompletionItem]:
    """Opens the completion menu."""
    params = types.CompletionParams(types.TextDocumentIdentifier(URI), position)
    answer = await editor.client.text_document_completion_async(params)
    assert isinstance(answer, types.CompletionList) and answer.is_incomplete
    return list(answer.items)


async def test_an_entry_of_several_lines(connect: Connect, engine: ScriptedEngine) -> None:
    editor = await connect({"completion": True})
    engine.answers.append(Answer(result("if x:\n        go()")))
    cursor = editor.open("def f(x):\r\n    <|>\r\n")
    await editor.is_ready()
    (item,) = await menu(editor, cursor)
    assert item.label == "if x: …"
    assert item.insert_text_mode is types.InsertTextMode.AsIs
    assert item.text_edit == types.TextEdit(types.Range(cursor, cursor), "if x:\r\n        go()")


async def test_ghost_text_and_menu_share_an_answer(connect: Connect, engine: ScriptedEngine) -> None:
    editor = await connect({"completion": True})
    gate = threading.Event()
    engine.answers.append(Answer(result("left"), gate=gate))
    cursor = editor.open("value = compute(<|>)\n")
    await editor.is_ready()
    asked, opened = asyncio.create_task(editor.suggest(cursor)), asyncio.create_task(menu(editor, cursor))
    await editor.until(lambda: len(engine.calls) == 1)
    await editor.ask("status")  # has been answered, so both requests have come
    gate.set()
    (item,) = await asked
    (entry,) = await opened
    assert (item.insert_text, entry.label) == ("left", "left")
    assert len(engine.calls) == 1


@pytest.mark.parametrize("automatic", [True, False])
async def test_the_menu_has_an_entry_whenever_the_editor_opens_it(
    connect: Connect, engine: ScriptedEngine, automatic: bool
) -> None:
    editor = await connect({"completion": True, "automatic": automatic})
    cursor = editor.open("value = compute(<|>)\n")
    await editor.is_ready()
    assert [item.label for item in await menu(editor, cursor)] == ["filled"]
