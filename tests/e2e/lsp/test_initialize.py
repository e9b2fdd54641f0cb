import asyncio
import subprocess
from contextlib import suppress
from pathlib import Path
from socket import create_server
from typing import Any

import pytest
from lsprotocol import types
from scripted_editor import PATIENCE, SERVER, Connect, Editor, capabilities
from scripted_engine import ScriptedEngine

from lacuna_server.triggers import MENU_TRIGGERS

DYNAMIC = capabilities(
    text_document=types.TextDocumentClientCapabilities(
        completion=types.CompletionClientCapabilities(dynamic_registration=True)
    ),
    workspace=types.WorkspaceClientCapabilities(
        configuration=True,
        did_change_configuration=types.DidChangeConfigurationClientCapabilities(dynamic_registration=True),
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


@pytest.mark.parametrize("editor_capabilities", [DYNAMIC, capabilities()])
async def test_the_first_that_an_editor_hears_is_that_we_load(
    connect: Connect, editor_capabilities: types.ClientCapabilities
) -> None:
    editor = await connect({"engine": {"url": "unix:///nowhere"}}, capabilities=editor_capabilities)
    await editor.until(lambda: len(editor.states) > 1)
    assert editor.states[:2] == ["loading", "error"]


async def test_completion_is_offered_when_it_is_on(connect: Connect, engine: ScriptedEngine) -> None:
    editor = await connect({"completion": True})
    offered = editor.result.capabilities.completion_provider
    assert offered is not None and tuple(offered.trigger_characters or ()) == MENU_TRIGGERS
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
    assert editor.registered[types.TEXT_DOCUMENT_COMPLETION]["triggerCharacters"] == list(MENU_TRIGGERS)
    switch(editor, completion=False)
    await editor.until(lambda: types.TEXT_DOCUMENT_COMPLETION not in editor.registered)


def switch(editor: Editor, completion: bool) -> None:
    editor.client.set_configuration({"completion": completion}, section="lacuna")
    editor.client.workspace_did_change_configuration(types.DidChangeConfigurationParams(None))


async def test_ignore_files_are_watched(connect: Connect, engine: ScriptedEngine) -> None:
    editor = await connect(capabilities=DYNAMIC)
    method = types.WORKSPACE_DID_CHANGE_WATCHED_FILES
    await editor.until(lambda: method in editor.registered)
    watched = [watcher["globPattern"] for watcher in editor.registered[method]["watchers"]]
    assert watched == ["**/.gitignore", "**/.git/info/exclude"]


async def test_changed_settings_are_asked_for(connect: Connect, engine: ScriptedEngine) -> None:
    editor = await connect(capabilities=DYNAMIC)
    method = types.WORKSPACE_DID_CHANGE_CONFIGURATION
    await editor.until(lambda: method in editor.registered)
    assert editor.registered[method] == {"section": "lacuna"}
    other = await connect()
    await other.is_ready()
    assert method not in other.registered


async def test_an_editor_may_connect_to_a_port(engine: ScriptedEngine, socket: Path) -> None:
    with create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    editor = Editor()
    command = [*SERVER, "--tcp", str(port)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            await connected(editor, port)
            options = {"engine": {"url": f"unix://{socket}"}}
            params = types.InitializeParams(capabilities(), initialization_options=options)
            await editor.client.initialize_session(params)
            cursor = editor.open("value = compute(<|>)\n")
            await editor.is_ready()
            (item,) = await editor.suggest(cursor)
            assert item.insert_text == "filled"
            await editor.client.shutdown_session()
            assert await asyncio.to_thread(process.wait, PATIENCE) == 0
        finally:
            process.kill()
            await hung_up(editor)


async def hung_up(editor: Editor) -> None:
    """Closes the connection, which pygls leaves open."""
    protocol: Any = editor.client.protocol
    await editor.client.stop()  # type: ignore[no-untyped-call]
    protocol.writer.close()
    with suppress(ConnectionError):
        await protocol.writer.wait_closed()


async def connected(editor: Editor, port: int) -> None:
    """Connects as soon as the server listens."""
    async with asyncio.timeout(PATIENCE):
        while True:
            with suppress(ConnectionRefusedError):
                await editor.client.start_tcp("127.0.0.1", port)
                return
            await asyncio.sleep(0.05)
