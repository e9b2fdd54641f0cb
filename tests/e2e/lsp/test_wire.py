"""The server's side of JSON-RPC, with messages that no client library would send."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pipe import Pipe
from scripted_engine import Answer, ScriptedEngine, result, wait_until

INITIALIZE = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {"processId": None, "capabilities": {}}}
STATUS = {"jsonrpc": "2.0", "id": 99, "method": "lacuna/status"}
SHUTDOWN = {"jsonrpc": "2.0", "id": 100, "method": "shutdown"}
EXIT = {"jsonrpc": "2.0", "method": "exit"}


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    with Pipe() as pipe:
        yield pipe


@pytest.fixture
def server(pipe: Pipe, socket: Path) -> Pipe:
    """A server that is initialized."""
    options = {"initializationOptions": {"engine": {"url": f"unix://{socket}"}}}
    pipe.send(INITIALIZE | {"params": {"processId": None, "capabilities": {}} | options})
    pipe.answer(0)
    pipe.send({"jsonrpc": "2.0", "method": "initialized", "params": {}})
    return pipe


def test_errors_have_their_codes(server: Pipe) -> None:
    deep = b"[" * 100_000
    for message, identity, code in (
        (b"{", None, -32700),
        (b"\xff\xfe", None, -32700),
        (b'{"jsonrpc": "2.0", "id": ' + b"9" * 5000 + b"}", None, -32700),
        (deep, None, -32700),
        ([], None, -32600),
        ("text", None, -32600),
        ({}, None, -32600),
        ({"id": 1, "method": "shutdown"}, None, -32600),
        ({"jsonrpc": "2.0", "id": {}, "method": "shutdown"}, None, -32600),
        ({"jsonrpc": "2.0", "id": None, "method": "shutdown"}, None, -32600),
        ({"jsonrpc": "2.0", "id": 1, "method": 5}, None, -32600),
        ({"jsonrpc": "2.0", "id": "a", "method": "no/such"}, "a", -32601),
        ({"jsonrpc": "2.0", "id": 2, "method": "textDocument/inlineCompletion"}, 2, -32602),
        ({"jsonrpc": "2.0", "id": 3, "method": "textDocument/inlineCompletion", "params": {}}, 3, -32602),
        (INITIALIZE | {"id": 4}, 4, -32600),
    ):
        server.send(message)
        answer = server.answer(identity)
        assert answer["error"]["code"] == code, message
        assert answer["error"]["message"]
    server.send(STATUS)
    assert "result" in server.answer(99)


def test_wrong_parameters_are_an_error_and_no_more(server: Pipe) -> None:
    document = {"uri": "file:///project/x.py", "languageId": "python", "version": 1, "text": "value = 1\n"}
    server.send({"jsonrpc": "2.0", "method": "textDocument/didOpen", "params": {"textDocument": document}})
    here = {"textDocument": {"uri": document["uri"]}, "position": {"line": 0, "character": 0}}
    elsewhere = here | {"textDocument": {"uri": "file:///elsewhere"}}
    for method, params in (
        ("lacuna/complete", None),
        ("lacuna/complete", []),
        ("lacuna/complete", {}),
        ("lacuna/complete", here | {"position": {"line": "x", "character": 0}}),
        ("lacuna/complete", here | {"position": None}),
        ("lacuna/complete", here | {"length": "long"}),
        ("lacuna/complete", elsewhere),
        ("lacuna/alternatives", here | {"count": "many"}),
        ("lacuna/fillSelection", here),
        ("lacuna/fillGaps", {"textDocument": 5}),
        ("lacuna/snippet", {"textDocument": {"uri": "file:///x"}}),
        ("lacuna/snippet", here | {"constraint": 5}),
        ("workspace/executeCommand", {}),
        ("workspace/executeCommand", {"command": "lacuna.nothing"}),
        ("workspace/executeCommand", {"command": "lacuna.complete"}),
        ("workspace/executeCommand", {"command": "lacuna.complete", "arguments": [1, 2]}),
        ("workspace/executeCommand", {"command": "lacuna.accepted", "arguments": [{}]}),
        ("textDocument/inlineCompletion", here),
        ("textDocument/inlineCompletion", here | {"context": {"triggerKind": 9}}),
        ("textDocument/inlineCompletion", here | {"context": {"triggerKind": 1}, "position": {"line": -1}}),
    ):
        server.send({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        answer = server.answer(1)
        assert answer["error"]["code"] == -32602, (method, params, answer)
        assert answer["error"]["message"]


def test_what_calls_for_no_answer_gets_none(server: Pipe) -> None:
    for message in (
        {"jsonrpc": "2.0", "method": "no/such"},
        {"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": "unknown"}},
        {"jsonrpc": "2.0", "method": "$/cancelRequest"},
        {"jsonrpc": "2.0", "method": "textDocument/didChange", "params": {}},
        {"jsonrpc": "2.0", "method": "textDocument/didOpen"},
        {"jsonrpc": "2.0", "id": "unknown", "result": {"x": 1}},
        {"jsonrpc": "2.0", "id": "unknown", "error": {"code": 1, "message": ""}},
        {"jsonrpc": "2.0", "id": "unknown", "error": 5},
        {"jsonrpc": "2.0", "id": "unknown"},
    ):
        server.send(message)
    server.send(STATUS)
    while (message := server.receive()).get("id") != 99:
        assert "method" in message, message


def test_a_line_of_ten_megabytes(server: Pipe) -> None:
    item = {"uri": "file:///project/x.py", "languageId": "python", "version": 1, "text": "x" * 10_000_000}
    server.send({"jsonrpc": "2.0", "method": "textDocument/didOpen", "params": {"textDocument": item}}, STATUS)
    assert "result" in server.answer(99)


def test_before_and_after_its_time(pipe: Pipe) -> None:
    pipe.send(STATUS)
    assert pipe.answer(99)["error"]["code"] == -32002
    pipe.send({"jsonrpc": "2.0", "method": "initialized", "params": {}}, INITIALIZE)
    assert "result" in pipe.answer(0)
    pipe.send(SHUTDOWN)
    assert pipe.answer(100)["result"] is None
    pipe.send(STATUS)
    assert pipe.answer(99)["error"]["code"] == -32600
    pipe.send(EXIT)
    assert pipe.process.wait() == 0


@pytest.mark.parametrize("is_told", [True, False])
def test_an_end_without_shutdown_is_an_error(server: Pipe, is_told: bool) -> None:
    if is_told:
        server.send(EXIT)
    else:
        assert server.process.stdin is not None
        server.process.stdin.close()
    assert server.process.wait() == 1


def test_the_end_comes_within_a_second_in_mid_fill(server: Pipe, engine: ScriptedEngine) -> None:
    engine.answers.append(Answer(result("late"), gate=threading.Event()))
    item = {"uri": "file:///project/x.py", "languageId": "python", "version": 1, "text": "value = compute()\n"}
    server.send({"jsonrpc": "2.0", "method": "textDocument/didOpen", "params": {"textDocument": item}})
    params = {
        "textDocument": {"uri": item["uri"]},
        "position": {"line": 0, "character": 16},
        "context": {"triggerKind": 1},
    }
    number = 0

    def is_filling() -> bool:
        nonlocal number
        number += 1
        server.send(
            {"jsonrpc": "2.0", "id": number, "method": "textDocument/inlineCompletion", "params": params},
            STATUS,
        )
        server.answer(99)
        return bool(engine.calls)

    wait_until(is_filling)
    start = time.monotonic()
    server.send(SHUTDOWN, EXIT)
    assert server.process.wait() == 0
    assert time.monotonic() - start < 1
    wait_until(lambda: engine.num_hung_up == 1)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full disk to write to")
def test_a_log_on_a_full_disk_stops_nothing(socket: Path) -> None:
    options = {"engine": {"url": f"unix://{socket}"}, "log": {"level": "debug"}, "automatik": True}
    params = {"processId": None, "capabilities": {}, "initializationOptions": options}
    with Path("/dev/full").open("wb") as full, Pipe(stderr=full) as pipe:
        pipe.send(INITIALIZE | {"params": params})
        assert "result" in pipe.answer(0)
        pipe.send({"jsonrpc": "2.0", "method": "initialized", "params": {}})
        told = pipe.until(lambda message: message.get("params", {}).get("type") == 1)  # logged before
        assert str(socket) in told["params"]["message"]
        pipe.send({"jsonrpc": "2.0", "method": "textDocument/didChange", "params": {}}, STATUS)
        assert pipe.answer(99)["result"]["condition"]["state"] == "error"
        pipe.send(SHUTDOWN, EXIT)
        assert pipe.process.wait() == 0


@pytest.mark.skipif(sys.platform == "win32", reason="there, the broken pipe tells")
def test_the_server_does_not_outlive_its_editor() -> None:
    """The editor's end of the pipe is held open by us, so that only the process can tell."""
    parent = subprocess.Popen(["sleep", "1000"])
    with parent, Pipe() as pipe:
        pipe.send(INITIALIZE | {"params": {"processId": parent.pid, "capabilities": {}}})
        pipe.answer(0)
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait()
        assert pipe.process.wait(timeout=30) == 1
