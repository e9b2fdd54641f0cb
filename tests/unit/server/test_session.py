import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from lsprotocol import types

from lacuna_server.app import create_server
from lacuna_server.documents import OpenDocument
from lacuna_server.mirror import Text
from lacuna_server.neighbourhood import neighbours_of
from lacuna_server.reasons import Reason
from lacuna_server.session import Session
from lacuna_server.settings import ContextSettings, Settings

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


@pytest.mark.parametrize(
    ("uri", "language_id", "language"),
    [
        ("file:///x.py", "python", "python"),
        ("file:///x", "typescriptreact", "typescript"),
        ("file:///x.json", "jsonc", "json"),
        ("file:///x.py", "plaintext", "python"),
        ("untitled:x.ts", "plaintext", "typescript"),
        ("file:///x.rs", "rust", "text"),
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
    window = document.text.window()
    found = neighbours_of(session, document, window, (len(text), len(text)))
    assert [neighbour.path for neighbour in found] == ["plain.py", "opened.py"]


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
    window = document.text.window()
    found = neighbours_of(session, document, window, (len(window.text), len(window.text)))
    assert {neighbour.path for neighbour in found} == {"other.py"}
    assert session.neighbours[document.uri] == found


def test_no_neighbours_are_looked_for_by_default() -> None:
    session = session_of()
    opened(session, "file:///project/other.py", "x = 1\n")
    document = opened(session, "file:///project/x.py", "x = ")
    assert neighbours_of(session, document, document.text.window(), (4, 4)) == ()
