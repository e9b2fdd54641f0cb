from typing import Any

import pytest
from lsprotocol import types
from scripted_editor import Connect, Editor, capabilities
from scripted_engine import ScriptedEngine

DYNAMIC = capabilities(
    text_document=types.TextDocumentClientCapabilities(
        completion=types.CompletionClientCapabilities(dynamic_registration=True)
    ),
    workspace=types.WorkspaceClientCapabilities(
        configuration=True,
        did_change_watched_files=types.DidChangeWatchedFilesClientCapabilities(dynamic_registration=True),
    ),
)


async def test_what_is_advertised(connect: Connect) -> None:
    editor = await connect()
    can = editor.result.capabilities
    assert can.inline_completion_provider == types.InlineCompletionOptions()
    assert can.completion_provider is None
    assert can.position_encoding == "utf-16"
    assert isinstance(can.text_document_sync, types.TextDocumentSyncOptions)
    assert can.text_document_sync.open_close
    assert can.text_document_sync.change is types.TextDocumentSyncKind.Incremental
    assert can.execute_command_provider is not None
    assert set(can.execute_command_provider.commands) > {"lacuna.fillGaps", "lacuna.fillSelection", "lacuna.complete"}
    assert can.workspace is not None and can.workspace.workspace_folders is not None
    assert can.workspace.workspace_folders.change_notifications is True


@pytest.mark.parametrize(
    ("offered", "chosen"), [(["utf-8", "utf-16"], "utf-8"), (["utf-32"], "utf-32"), (["x"], "utf-16")]
)
async def test_the_encoding_is_the_first_that_both_know(connect: Connect, offered: list[str], chosen: str) -> None:
    general = types.GeneralClientCapabilities(position_encodings=offered)
    editor = await connect(capabilities=capabilities(general=general))
    assert editor.result.capabilities.position_encoding == chosen


@pytest.mark.parametrize(
    "params",
    [
        {"initialization_options": None},
        {"initialization_options": "fast"},
        {"root_uri": "file:///work", "root_path": "/work"},
        {"workspace_folders": [types.WorkspaceFolder("untitled:x", "x"), types.WorkspaceFolder("file:///work", "y")]},
        {"capabilities": types.ClientCapabilities()},
    ],
)
async def test_whatever_a_client_says_of_itself(connect: Connect, params: dict[str, Any]) -> None:
    editor = await connect(**({"initialization_options": {"engine": {"url": "unix:///nowhere"}}} | params))
    assert (await editor.ask("status"))["condition"]["state"] in ("loading", "ready", "error")


async def test_completion_is_offered_when_it_is_on(connect: Connect, engine: ScriptedEngine) -> None:
    editor = await connect({"completion": True})
    assert editor.result.capabilities.completion_provider is not None
    cursor = editor.open("value = compute(<|>)\n")
    await editor.is_ready()
    document = types.TextDocumentIdentifier("file:///project/x.py")
    answer = await editor.client.text_document_completion_async(types.CompletionParams(document, cursor))
    assert isinstance(answer, types.CompletionList) and answer.is_incomplete
    (item,) = answer.items
    assert (item.label, item.text_edit) == ("filled", types.TextEdit(types.Range(cursor, cursor), "filled"))


async def test_completion_is_switched_while_the_server_runs(connect: Connect, engine: ScriptedEngine) -> None:
    editor = await connect(capabilities=DYNAMIC)
    await editor.is_ready()
    assert types.TEXT_DOCUMENT_COMPLETION not in editor.registered
    switch(editor, completion=True)
    await editor.until(lambda: types.TEXT_DOCUMENT_COMPLETION in editor.registered)
    switch(editor, completion=False)
    await editor.until(lambda: types.TEXT_DOCUMENT_COMPLETION not in editor.registered)


def switch(editor: Editor, completion: bool) -> None:
    editor.client.set_configuration({"completion": completion}, section="lacuna")
    editor.client.workspace_did_change_configuration(types.DidChangeConfigurationParams(None))


async def test_ignore_files_are_watched(connect: Connect, engine: ScriptedEngine) -> None:
    editor = await connect(capabilities=DYNAMIC)
    await editor.until(lambda: types.WORKSPACE_DID_CHANGE_WATCHED_FILES in editor.registered)
