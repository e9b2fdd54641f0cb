import asyncio
from typing import Any

import pytest
from lsprotocol import types
from scripted_editor import INVOKED, PATIENCE, Connect, capabilities
from scripted_engine import ScriptedEngine

ASKABLE = capabilities(workspace=types.WorkspaceClientCapabilities(configuration=True))


async def test_bad_settings_are_told_once_and_change_nothing(connect: Connect, engine: ScriptedEngine) -> None:
    editor = await connect({"automatik": 1, "length": "long"})
    cursor = editor.open("value = compute(<|>)\n")
    await editor.is_ready()
    assert await editor.suggest(cursor)
    editor.client.workspace_did_change_configuration(types.DidChangeConfigurationParams({"lacuna": {"length": "long"}}))
    problems = (await editor.ask("status"))["problems"]
    assert len(problems) == 2
    (message,) = editor.client.messages
    assert message.type is types.MessageType.Warning
    assert "lacuna.automatik" in message.message and "lacuna.length" in message.message


async def test_settings_that_an_editor_sends(connect: Connect, engine: ScriptedEngine) -> None:
    editor = await connect()
    cursor = editor.open("value = compute(<|>)\n")
    await editor.is_ready()
    sent: list[Any] = [{"lacuna": {"enable": {"python": False}}}, {"other": 1}, None, "x", {"lacuna": None}]
    for settings in sent:
        editor.client.workspace_did_change_configuration(types.DidChangeConfigurationParams(settings))
        is_on = bool(await editor.suggest(cursor, kind=INVOKED))
        assert is_on == (settings != sent[0])


async def test_settings_that_an_editor_is_asked_for(connect: Connect, engine: ScriptedEngine) -> None:
    editor = await connect(capabilities=ASKABLE)
    cursor = editor.open("value = compute(<|>)\n")
    await editor.is_ready()
    assert await editor.suggest(cursor, kind=INVOKED)
    editor.client.set_configuration({"enable": {"python": False}}, section="lacuna")
    editor.client.workspace_did_change_configuration(types.DidChangeConfigurationParams(None))
    async with asyncio.timeout(PATIENCE):
        while await editor.suggest(cursor, kind=INVOKED):
            pass
    assert editor.reasons[-1] == "disabled"


async def test_each_workspace_folder_has_settings_of_its_own(connect: Connect, engine: ScriptedEngine) -> None:
    """Also one that is added later; what is wrong with them is told as well."""
    folders = [types.WorkspaceFolder(f"file:///project/{name}", name) for name in ("first", "second", "third")]
    editor = await connect(capabilities=ASKABLE, workspace_folders=folders[:2])
    documents = ["file:///project/x.py", *(f"{folder.uri}/x.py" for folder in folders)]
    cursors = [editor.open("value = compute(<|>)\n", uri) for uri in documents]
    await editor.is_ready()

    async def are_completed() -> list[bool]:
        pairs = zip(cursors, documents, strict=True)
        return [bool(await editor.suggest(cursor, uri, INVOKED)) for cursor, uri in pairs]

    assert await are_completed() == [True] * 4
    off = {"enable": {"python": False}}
    editor.client.set_configuration(off | {"automatik": 1}, section="lacuna", scope_uri=folders[1].uri)
    editor.client.set_configuration(off, section="lacuna", scope_uri=folders[2].uri)
    editor.client.workspace_did_change_configuration(types.DidChangeConfigurationParams(None))
    await editor.until(lambda: bool(editor.client.messages))
    assert "lacuna.automatik" in editor.client.messages[0].message
    assert await are_completed() == [True, True, False, True]
    event = types.WorkspaceFoldersChangeEvent(added=[folders[2]], removed=[folders[1]])
    editor.client.workspace_did_change_workspace_folders(types.DidChangeWorkspaceFoldersParams(event))
    async with asyncio.timeout(PATIENCE):
        while await are_completed() != [True, True, True, False]:
            pass


@pytest.mark.parametrize(
    "changed", [{"length": "line"}, {"min_confidence": 0.1}, {"deadline_ms": 10}, {"context": {"similar": 100}}]
)
async def test_suggestions_do_not_outlast_their_settings(
    connect: Connect, engine: ScriptedEngine, changed: dict[str, Any]
) -> None:
    editor = await connect()
    cursor = editor.open("value = compute(<|>)\n")
    await editor.is_ready()
    for settings, num_calls in (({}, 1), ({}, 1), (changed, 2), (changed, 2)):
        editor.client.workspace_did_change_configuration(types.DidChangeConfigurationParams({"lacuna": settings}))
        assert await editor.suggest(cursor)
        assert len(engine.calls) == num_calls


async def test_no_log_holds_code(connect: Connect, engine: ScriptedEngine) -> None:
    editor = await connect({"log": {"level": "debug", "editor": True}})
    cursor = editor.open("secret_value = compute(<|>)\n")
    await editor.is_ready()
    assert await editor.suggest(cursor)
    assert await editor.suggest(types.Position(0, 3)) == []
    logged = "\n".join(message.message for message in editor.client.log_messages)
    assert "the cursor is inside a word" in logged
    assert "secret" not in logged


async def test_logs_hold_code_when_asked_to(connect: Connect, engine: ScriptedEngine) -> None:
    editor = await connect({"log": {"level": "debug", "editor": True, "content": True}})
    cursor = editor.open("secret_value = compute(<|>)\n")
    await editor.is_ready()
    assert await editor.suggest(cursor)
    assert any("secret_value" in message.message for message in editor.client.log_messages)
