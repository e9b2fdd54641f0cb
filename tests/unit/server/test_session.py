import asyncio
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from lsprotocol import types

from lacuna_server import neighbourhood
from lacuna_server.app import create_server
from lacuna_server.documents import OpenDocument
from lacuna_server.handlers.engine import status
from lacuna_server.mirror import Text
from lacuna_server.neighbourhood import context_of, search_of
from lacuna_server.neighbours.document import Neighbour
from lacuna_server.reasons import Reason
from lacuna_server.session import MAX_EMPTY_ANSWERS, Session
from lacuna_server.settings import ContextSettings, Settings

PATIENCE = 20.0

LOADED = """
import sys
from lacuna_server.app import create_server
create_server()
print(*({"torch", "numpy", "httpx", "uvicorn", "starlette", "lacuna_model"} & set(sys.modules)))
"""


def session_of(**folders: Path) -> Session:
    server = create_server()
    server.protocol.client_capabilities = types.ClientCapabilities()  # those of an editor that knows nothing
    session = server.session
    session.folders = dict(folders)
    return session


def opened(session: Session, uri: str, text: str, language_id: str = "python") -> OpenDocument:
    document = OpenDocument(uri, language_id, 1, Text(text))
    session.documents[uri] = document
    return document


def found_in(session: Session, document: OpenDocument, cursor: int) -> list[str]:
    """The paths of what is found for a cursor."""
    search = search_of(session, document, document.text.window(), (cursor, cursor))
    assert search is not None
    return [neighbour.path for neighbour in search()]


def test_a_server_is_made_without_what_is_heavy() -> None:
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


async def test_the_newest_work_wins() -> None:
    session = session_of()
    done: list[int] = []

    async def work(number: int) -> int:
        await asyncio.sleep(0)
        done.append(number)
        return number

    answers = await asyncio.gather(
        *(session.latest("x", work(number)) for number in range(3)), session.latest("y", work(3))
    )
    assert list(answers) == [Reason.SUPERSEDED, Reason.SUPERSEDED, 2, 3]
    assert done == [2, 3]
    pair = await asyncio.gather(session.latest("x", work(4)), session.latest("x", work(5), "edit"))
    assert list(pair) == [4, 5]


async def test_a_cancelled_request_is_not_taken_for_a_superseded_one() -> None:
    session = session_of()
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    task = asyncio.create_task(session.latest("x", work()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()
    assert [answer.reason for answer in session.empty_answers] == ["cancelled"]


async def test_equal_asks_share_their_work() -> None:
    session = session_of()
    gate = asyncio.Event()
    begun: list[str] = []

    async def work(name: str) -> str:
        begun.append(name)
        await gate.wait()
        return name

    first, second, third = (
        asyncio.create_task(session.latest("x", work(name), ask="here")) for name in ("first", "second", "third")
    )
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    first.cancel()
    gate.set()
    assert [await second, await third] == ["first", "first"]
    assert begun == ["first"]
    with pytest.raises(asyncio.CancelledError):
        await first
    assert await session.latest("x", work("fourth"), ask="here") == "fourth"


async def test_shared_work_is_superseded_for_all_who_wait_for_it() -> None:
    session = session_of()
    waiting = [asyncio.create_task(session.latest("x", asyncio.sleep(60), ask="here")) for _ in range(2)]
    await asyncio.sleep(0)
    assert await session.latest("x", asyncio.sleep(0, "new"), ask="there") == "new"
    assert [await each for each in waiting] == [Reason.SUPERSEDED, Reason.SUPERSEDED]


async def test_requests_that_bring_nothing_are_counted_by_reason() -> None:
    server = create_server()
    server.protocol.client_capabilities = types.ClientCapabilities()
    for reason in [Reason.EMPTY] * MAX_EMPTY_ANSWERS + [Reason.DEADLINE]:
        server.session.note_nothing("x", reason)
    told = server.protocol.converter.unstructure(await status(server.session))
    assert told["reasons"] == [
        {"reason": "empty", "message": Reason.EMPTY.description, "count": MAX_EMPTY_ANSWERS},
        {"reason": "deadline", "message": Reason.DEADLINE.description, "count": 1},
    ]
    assert len(told["emptyAnswers"]) == MAX_EMPTY_ANSWERS
    last = told["emptyAnswers"][-1]
    assert (last["uri"], last["reason"], last["message"]) == ("x", "deadline", Reason.DEADLINE.description)


@pytest.mark.parametrize(
    ("uri", "language_id", "language"),
    [
        ("file:///x.py", "python", "python"),
        ("file:///x", "typescriptreact", "typescript"),
        ("file:///x.json", "jsonc", "json"),
        ("file:///x.py", "plaintext", "python"),
        ("untitled:x.ts", "plaintext", "typescript"),
        ("file:///x.rs", "rust", "rust"),
        ("file:///x.kt", "kotlin", "text"),
        ("file:///x", "text", "text"),
        ("file://[", "", "text"),
    ],
)
def test_the_model_knows_a_language_by_its_own_name(uri: str, language_id: str, language: str) -> None:
    assert OpenDocument(uri, language_id, 1, Text()).language == language


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("file:///a/b%20c.py", Path("/a/b c.py")),
        ("file:///a%00b.py", None),
        ("file://[", None),
        ("untitled:x", None),
        ("", None),
    ],
)
def test_only_files_have_a_path(uri: str, path: Path | None) -> None:
    assert OpenDocument(uri, "python", 1, Text()).path == path


def test_a_huge_document_is_looked_at_around_the_cursor() -> None:
    document = OpenDocument("x", "python", 1, Text("x\n" * 200_000))
    first = {document.around(line).first_line for line in range(100_000, 100_900)}
    assert first == {96_000}
    assert document.around(0).first_line == 0
    assert len(document.around(100_000).text) < 20_000


def test_the_innermost_folder_names_a_file(tmp_path: Path) -> None:
    session = session_of(outer=tmp_path, inner=tmp_path / "inner")
    document = opened(session, (tmp_path / "inner" / "x.py").as_uri(), "")
    assert session.shown_path(document) == "inner/x.py"
    session.folders = {"only": tmp_path / "inner"}
    assert session.shown_path(document) == "x.py"
    outside = opened(session, "file:///elsewhere/y.py", "")
    assert session.shown_path(outside) == "y.py"
    assert session.shown_path(opened(session, "untitled:z", "")) is None


def test_neighbours_come_from_the_workspace_and_nowhere_else(tmp_path: Path) -> None:
    folder = tmp_path / "work"
    (folder / ".git").mkdir(parents=True)
    (folder / ".gitignore").write_text("ignored.py\n")
    definition = "def {0}(left, right):\n    return left\n"
    for name in ("plain", "ignored", "secret_key", "huge"):
        (folder / f"{name}.py").write_text(definition.format(name))
    (folder / "huge.py").write_text("#" * 400_000 + "\n" + definition.format("huge"))
    (folder / "binary.py").write_bytes(b"\xff\xfe")
    (tmp_path / "outside.py").write_text(definition.format("outside"))
    (folder / "linked.py").symlink_to(tmp_path / "outside.py")
    session = session_of(work=folder)
    session.settings = Settings(context=ContextSettings(imports=10_000))
    session.ignore = type(session.ignore)(["secret_*"])
    text = "".join(
        f"from {name} import {name}\n"
        for name in ("plain", "ignored", "secret_key", "huge", "binary", "missing", "linked", "opened")
    )
    opened(session, (folder / "opened.py").as_uri(), definition.format("opened"))
    document = opened(session, (folder / "x.py").as_uri(), text)
    assert found_in(session, document, len(text)) == ["plain.py", "opened.py"]


def test_folders_of_a_workspace_are_told_apart(tmp_path: Path) -> None:
    session = session_of(first=tmp_path / "first", second=tmp_path / "second")
    session.settings = Settings(context=ContextSettings(imports=10_000, similar=10_000))
    definition = "def compute_total(order, tax_rate):\n    return order.total * {0}\n"
    for name in ("first", "second"):
        (tmp_path / name / "src").mkdir(parents=True)
        (tmp_path / name / "src" / "shop.py").write_text(f"def {name}(): pass\n")
        opened(session, (tmp_path / name / "app.py").as_uri(), definition.format(name))
    text = "from shop import first\nfrom ...second.src.shop import second\norder, tax_rate = compute_total(\n\n"
    document = opened(session, (tmp_path / "first" / "x" / "app.py").as_uri(), text)
    assert found_in(session, document, len(text)) == ["first/src/shop.py", "first/app.py", "second/app.py"]


def test_documents_edited_last_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbourhood, "NUM_OTHERS", 2)
    session = session_of()
    session.settings = Settings(context=ContextSettings(similar=10_000))
    text = "def compute_total(left, right):\n    return left + {0}\n"
    for number in range(4):
        opened(session, f"file:///project/{number}.py", text.format(number))
    session.note_edit("file:///project/1.py", 0)
    document = opened(session, "file:///project/x.py", "left, right = compute_total(\n\n")
    assert found_in(session, document, 30) == ["1.py", "3.py"]


def test_open_documents_that_are_left_alone_are_no_neighbours() -> None:
    session = session_of()
    session.settings = Settings(
        enable={"*": True, "markdown": False}, context=ContextSettings(similar=10_000, edits=10_000)
    )
    text = "def compute_total(left, right):\n    total_value = left + right\n    return total_value\n"
    for uri, language_id in (
        ("file:///project/.env", "python"),
        ("file:///project/other.py", "python"),
        ("file:///project/x.md", "markdown"),
        ("untitled:y", "python"),
    ):
        opened(session, uri, text, language_id)
        session.note_edit(uri, 0)
    document = opened(session, "file:///project/x.py", "def compute_total(left, right):\n    total_value = ")
    end = len(str(document.text))
    assert found_in(session, document, end) == ["other.py", "other.py"]


def test_a_document_of_any_scheme_is_left_alone_for_its_path() -> None:
    session = session_of()
    for uri in ("git:/project/.aws/config?HEAD", "vscode-remote://host/home/a/.ssh/config"):
        assert session.reason_to_leave_alone(opened(session, uri, "")) is Reason.SECRET_FILE


def test_no_neighbours_are_looked_for_by_default() -> None:
    session = session_of()
    opened(session, "file:///project/other.py", "x = 1\n")
    document = opened(session, "file:///project/x.py", "x = ")
    assert search_of(session, document, document.text.window(), (4, 4)) is None


async def test_neighbours_are_looked_for_beside_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, gate, found = threading.Event(), threading.Event(), (Neighbour("other.py", "x = 1\n"),)

    def find(*_: object, **__: object) -> tuple[Neighbour, ...]:
        begun.set()
        assert gate.wait(PATIENCE), "the loop is to go on meanwhile"
        return found

    monkeypatch.setattr(neighbourhood, "find_neighbours", find)
    session = session_of()
    session.settings = Settings(context=ContextSettings(edits=10_000))
    document = opened(session, "file:///project/x.py", "x = ")
    asked = [asyncio.create_task(context_of(session, document, document.text.window(), [(4, 4)])) for _ in range(2)]
    async with asyncio.timeout(PATIENCE):
        while not begun.is_set():
            await asyncio.sleep(0.01)
    asked[1].cancel()
    gate.set()
    assert (await asked[0]).segments == ("# other.py\nx = 1\n\n# x.py\nx = ", "")
    assert session.neighbours == {document.uri: found}
