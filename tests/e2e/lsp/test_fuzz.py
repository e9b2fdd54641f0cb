"""Random edits, broken messages and odd documents over the wire: an answer or a clear error, and the server lives."""

import json
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pipe import Pipe
from scripted_engine import ScriptedEngine

CODECS = {"utf-8": ("utf-8", 1), "utf-16": ("utf-16-le", 2), "utf-32": ("utf-32-le", 4)}
BREAK = re.compile("\r\n|\r|\n")

METHOD_NOT_FOUND, INVALID_PARAMS = -32601, -32602

URI = "untitled:x"  # the name of a file would stand ahead of its text
DOCUMENT = {"uri": URI}
PLACE = {"line": 0, "character": 1}
RANGE = {"start": PLACE, "end": PLACE}
INVOKED = {"triggerKind": 1}
REQUESTS: tuple[tuple[str, Any], ...] = (
    ("textDocument/inlineCompletion", {"textDocument": DOCUMENT, "position": PLACE, "context": INVOKED}),
    ("textDocument/completion", {"textDocument": DOCUMENT, "position": PLACE, "context": INVOKED}),
    ("workspace/executeCommand", {"command": "lacuna.fillGaps", "arguments": [{"textDocument": DOCUMENT}]}),
    ("lacuna/complete", {"textDocument": DOCUMENT, "position": PLACE, "length": "block"}),
    ("lacuna/alternatives", {"textDocument": DOCUMENT, "position": PLACE, "count": 2}),
    ("lacuna/fillSelection", {"textDocument": DOCUMENT, "range": RANGE}),
    ("lacuna/fillGaps", {"textDocument": DOCUMENT}),
    (
        "lacuna/snippet",
        {"textDocument": DOCUMENT, "position": PLACE, "constraint": {"choice": ["x"]}, "snippets": True},
    ),
    ("lacuna/status", {}),
    ("lacuna/restartEngine", {}),
)
NOTIFICATIONS: tuple[tuple[str, Any], ...] = (
    ("textDocument/didOpen", {"textDocument": {"uri": URI, "languageId": "python", "version": 1, "text": "x = 1\n"}}),
    (
        "textDocument/didChange",
        {"textDocument": {"uri": URI, "version": 2}, "contentChanges": [{"range": RANGE, "text": "y"}, {"text": "z"}]},
    ),
    ("textDocument/didClose", {"textDocument": DOCUMENT}),
    ("workspace/didChangeConfiguration", {"settings": {"lacuna": {"length": "line", "enable": {"json": True}}}}),
    (
        "workspace/didChangeWorkspaceFolders",
        {"event": {"added": [{"uri": "file:///a", "name": "a"}], "removed": [{"uri": "file:///b", "name": "b"}]}},
    ),
    ("workspace/didChangeWatchedFiles", {"changes": [{"uri": "file:///a/.gitignore", "type": 1}]}),
    ("lacuna/shown", {"textDocument": DOCUMENT}),
    ("lacuna/accepted", {"textDocument": DOCUMENT, "length": 3}),
    ("lacuna/rejected", {"textDocument": DOCUMENT}),
    ("$/cancelRequest", {"id": 1}),
    ("$/setTrace", {"value": "off"}),
    ("window/workDoneProgress/cancel", {"token": "x"}),
)

TEXTS = st.text(alphabet="ab \t\n\r\u2028\x0b\x0c\x1c\x85é漢🙂e\u0301\u200d\ufeff\0\ud83d\ude42", max_size=30)
EDITS = st.lists(st.tuples(st.integers(0, 90), st.integers(0, 12), TEXTS, st.booleans()), max_size=8)
SCALARS = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=8)
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner))
ABSENT = object()


def fuzzed(num_examples: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Settings of a property that is the same at every run."""
    checks = (HealthCheck.too_slow, HealthCheck.nested_given)
    return settings(
        max_examples=num_examples, derandomize=True, deadline=None, database=None, suppress_health_check=checks
    )


class Client:
    """An editor without any scruples.

    Attributes:
        pipe: to its server.
    """

    def __init__(self, pipe: Pipe, socket: Path, encoding: str) -> None:
        self.pipe = pipe
        self._numbers = count(1)
        options = {"engine": {"url": f"unix://{socket}"}, "delay_ms": 0}
        capabilities = {"general": {"positionEncodings": [encoding]}}
        params = {"processId": None, "capabilities": capabilities, "initializationOptions": options}
        assert self.ask("initialize", params)["result"]["capabilities"]["positionEncoding"] == encoding
        self.tell("initialized", {})

    def tell(self, method: str, params: Any = ABSENT) -> None:
        """Sends a notification."""
        given = {} if params is ABSENT else {"params": params}
        self.pipe.send({"jsonrpc": "2.0", "method": method} | given)

    def ask(self, method: str, params: Any = ABSENT) -> Any:
        """Sends a request and waits for its answer, which is a result or an error with words to it."""
        number = next(self._numbers)
        given = {} if params is ABSENT else {"params": params}
        self.pipe.send({"jsonrpc": "2.0", "id": number, "method": method} | given)
        answer = self.pipe.answer(number)
        assert "result" in answer or answer["error"]["message"], answer
        return answer

    def open(self, text: str, uri: str = URI, language_id: str = "plaintext") -> None:
        """Opens a document."""
        item = {"uri": uri, "languageId": language_id, "version": 1, "text": text}
        self.tell("textDocument/didOpen", {"textDocument": item})

    def change(self, changes: Sequence[Any], version: int, uri: str = URI) -> None:
        """Changes a document."""
        self.tell(
            "textDocument/didChange",
            {"textDocument": {"uri": uri, "version": version}, "contentChanges": changes},
        )

    def lives(self) -> bool:
        """Whether the server still answers."""
        return "result" in self.ask("lacuna/status")

    def is_connected(self) -> bool:
        """Whether its engine is ready."""
        state: str = self.ask("lacuna/status")["result"]["condition"]["state"]
        return state == "ready"


@contextmanager
def serving(socket: Path, encoding: str = "utf-16") -> Iterator[Client]:
    """A server that has found its engine."""
    with Pipe() as pipe:
        client = Client(pipe, socket, encoding)
        while not client.is_connected():
            time.sleep(0.01)
        yield client


@pytest.fixture(scope="module")
def socket() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="lacuna-") as directory:
        yield Path(directory) / "engine.sock"


@pytest.fixture(scope="module")
def engine(socket: Path) -> Iterator[ScriptedEngine]:
    with ScriptedEngine().listening(socket) as engine:
        yield engine


@pytest.fixture(scope="module")
def client(socket: Path, engine: ScriptedEngine) -> Iterator[Client]:
    """One for all tests that leave its settings as they are: a server takes longer to start than most of them."""
    with serving(socket) as client:
        yield client


def position(text: str, offset: int, encoding: str) -> dict[str, int]:
    """What an editor calls the place before which `offset` characters lie."""
    *breaks, last = BREAK.split(text[:offset])
    codec, size = CODECS[encoding]
    return {"line": len(breaks), "character": len(last.encode(codec, "surrogatepass")) // size}


def on_bounds(text: str, offset: int) -> int:
    """A place that an editor could name: within the text, and not inside of a line break."""
    offset = min(offset, len(text))
    return offset - (text[offset - 1 : offset + 1] == "\r\n")


def joined(text: str) -> str:
    """A text as an editor holds it: two surrogates that come to stand together are one character."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def as_seen(text: str) -> str:
    """A text as a model is to see it."""
    return re.sub("[\ud800-\udfff]", "\ufffd", BREAK.sub("\n", text))


@pytest.mark.parametrize("encoding", CODECS)
def test_the_engine_sees_the_text_of_the_editor(socket: Path, engine: ScriptedEngine, encoding: str) -> None:
    with serving(socket, encoding) as client:

        @fuzzed(30)
        @given(TEXTS, EDITS, st.integers(0, 90))
        def check(text: str, edits: list[tuple[int, int, str, bool]], cursor: int) -> None:
            text = joined(text)
            client.open(text)
            for version, (at, length, new, is_whole) in enumerate(edits, start=2):
                start = on_bounds(text, at)
                end = on_bounds(text, start + length)
                place = {"start": position(text, start, encoding), "end": position(text, end, encoding)}
                client.change([{"text": new} if is_whole else {"range": place, "text": new}], version)
                text = joined(new if is_whole else text[:start] + new + text[end:])
            cursor = on_bounds(text, cursor)
            here = position(text, cursor, encoding)
            client.ask("lacuna/fillSelection", {"textDocument": DOCUMENT, "range": {"start": here, "end": here}})
            assert engine.calls[-1].segments == (as_seen(text[:cursor]), as_seen(text[cursor:]))

        check()


def test_several_changes_in_one_message_are_made_in_turn(client: Client, engine: ScriptedEngine) -> None:
    client.open("ab\r\ncd")
    nowhere = {"start": {"line": 9, "character": 9}, "end": {"line": 2**31 - 1, "character": 2**31 - 1}}
    client.change(
        [
            {"range": {"start": {"line": 0, "character": 1}, "end": {"line": 1, "character": 1}}, "text": "🙂\n"},
            {"range": {"start": {"line": 0, "character": 3}, "end": {"line": 0, "character": 3}}, "text": "!"},
            {"range": nowhere, "text": "?", "rangeLength": 0},
        ],
        version=2,
    )
    client.ask("lacuna/fillSelection", {"textDocument": DOCUMENT, "range": RANGE})
    assert engine.calls[-1].segments == ("a", "🙂!\nd?")


def test_no_position_harms(client: Client) -> None:
    numbers = st.integers(-2, 12) | st.sampled_from((2**31 - 1, 2**31, 2**64))
    places = st.fixed_dictionaries({"line": numbers, "character": numbers})

    @fuzzed(60)
    @given(TEXTS, places, places, st.sampled_from(REQUESTS[:6]))
    def check(text: str, start: Any, end: Any, request: tuple[str, Any]) -> None:
        client.open(text)
        method, params = request
        answer = client.ask(method, params | {"position": start, "range": {"start": start, "end": end}})
        assert "result" in answer or answer["error"]["code"] == INVALID_PARAMS, answer
        client.change([{"range": {"start": start, "end": end}, "text": text}], version=2)
        assert client.lives()

    check()


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The ways to all parts of a JSON value, the way to all of it too."""
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [path, *(deeper for key in keys for deeper in paths(value[key], (*path, key)))]


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """A JSON value with another part at a place, or without it."""
    if not path:
        return new
    changed = deepcopy(value)
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    if new is ABSENT:
        del inner[path[-1]]
    else:
        inner[path[-1]] = new
    return changed


def test_parameters_of_any_kind(socket: Path, engine: ScriptedEngine) -> None:
    with serving(socket) as client:

        @fuzzed(120)
        @given(st.sampled_from(REQUESTS + NOTIFICATIONS), st.data())
        def check(message: tuple[str, Any], data: st.DataObject) -> None:
            method, params = message
            path = data.draw(st.sampled_from(paths(params)))
            params = replaced(params, path, data.draw(st.just(ABSENT) | JSON))
            client.open("x = 1\n")
            if message in REQUESTS:
                answer = client.ask(method, params)
                assert "result" in answer or answer["error"]["code"] == INVALID_PARAMS, answer
            else:
                client.tell(method, params)
            assert client.lives()

        check()


def test_messages_of_any_kind(client: Client) -> None:
    keys = {"jsonrpc": st.just("2.0"), "id": st.none() | st.integers(500, 900) | JSON}
    odd = {"method": st.text(max_size=9) | JSON, "params": JSON, "result": JSON, "error": JSON}
    messages = st.fixed_dictionaries({}, optional=keys | odd) | JSON

    @fuzzed(100)
    @given(messages.map(lambda message: json.dumps(message).encode()) | st.binary(max_size=40))
    def check(message: bytes) -> None:
        client.pipe.send(message)
        assert client.lives()

    check()


def test_headers_of_any_kind(client: Client) -> None:
    status = b'{"jsonrpc": "2.0", "id": "x", "method": "lacuna/status"}'
    length = b"Content-Length: %d\r\n" % len(status)
    for headers in (
        length + b"Content-Type: application/vscode-jsonrpc; charset=utf-8\r\n",
        b"Content-Type: application/vscode-jsonrpc; charset=utf8\r\n" + length,
        b"X-Header: 1\r\n" + length,
    ):
        client.pipe.write(headers + b"\r\n" + status)
        assert "result" in client.pipe.answer("x")


@pytest.mark.parametrize("method", ["", "x", "$/x", "textDocument/hover", "lacuna/none", "initialise", "🙂", "exit\0"])
def test_methods_that_do_not_exist(client: Client, method: str) -> None:
    params = {"textDocument": DOCUMENT, "position": PLACE}
    client.tell(method, params)
    assert client.ask(method, params)["error"]["code"] == METHOD_NOT_FOUND
    assert client.lives()


def test_documents_of_any_name(client: Client) -> None:
    schemes = st.sampled_from(("", "file:", "file://", "file:///", "file://host/", "untitled:", "git:/", "http://"))
    names = st.text(max_size=12) | st.sampled_from(("%", "%00", "%ff", "[", "..", "C%3A/x.py", "\ud800", "long"))

    @fuzzed(60)
    @given(schemes, names)
    def check(scheme: str, name: str) -> None:
        uri = scheme + ("x" * 5000 if name == "long" else name)
        client.open("value = compute()\n", uri)
        client.change([{"range": RANGE, "text": "y"}], version=2, uri=uri)
        place = {"line": 0, "character": 17}
        asked = {"textDocument": {"uri": uri}, "position": place, "context": INVOKED}
        assert "result" in client.ask("textDocument/inlineCompletion", asked), name
        client.tell("textDocument/didClose", {"textDocument": {"uri": uri}})
        assert client.lives()

    check()


LONG = 10_000_000
BULKY = {
    "empty": "",
    "a line of ten megabytes": "x" * LONG,
    "a line of ten megabytes in brackets": "value = [" + "1, " * (LONG // 3) + "]\n",
    "a long line of astral characters": "'🙂" * (LONG // 8),
    "200,000 lines": "value = compute(value)\r\n" * 200_000,
    "200,000 empty lines": "\n" * 200_000,
    "200,000 open brackets": "(" * 200_000,
    "200,000 deeper and deeper lines": "".join(" " * (i % 60) + "if x:\n" for i in range(200_000)),
    "bytes": bytes(range(256)).decode("latin-1") * 2_000,
}


def test_documents_of_any_size(client: Client, engine: ScriptedEngine) -> None:
    for name, text in BULKY.items():
        client.open(text, language_id="python")
        num_lines = len(BREAK.findall(text))
        for version, line in enumerate((0, num_lines // 2, num_lines), start=2):
            place = {"line": line, "character": LONG}
            client.change([{"range": {"start": place, "end": place}, "text": "🙂"}], version)
            asked = {"textDocument": DOCUMENT, "position": place, "context": INVOKED}
            assert "result" in client.ask("textDocument/inlineCompletion", asked), name
        assert client.lives(), name
    assert all(sum(map(len, call.segments)) < 100_000 for call in engine.calls)
