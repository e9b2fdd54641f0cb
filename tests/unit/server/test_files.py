import io
import os
import stat
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lacuna_server.errors import UserError
from lacuna_server.files import read_source, replace_file

posix = pytest.mark.skipif(os.name != "posix", reason="permissions and links as POSIX has them")


@pytest.mark.parametrize(
    ("content", "text", "newline"),
    [
        (b"", "", "\n"),
        (b"a\nb\n", "a\nb\n", "\n"),
        (b"a\r\nb\r\n", "a\r\nb\r\n", "\r\n"),
        (b"a\rb\r", "a\rb\r", "\r"),
        (b"a\r\nb\r\nc\n", "a\r\nb\r\nc\n", "\r\n"),
        (b"\xef\xbb\xbfa\n", "a\n", "\n"),
    ],
)
def test_text_is_read_as_it_is(tmp_path: Path, content: bytes, text: str, newline: str) -> None:
    path = tmp_path / "x.py"
    path.write_bytes(content)
    source = read_source(str(path))
    assert (source.text, source.newline) == (text, newline)
    assert source.encode(source.text) == content


@pytest.mark.parametrize(
    ("content", "message"), [(b"a\0b", "binary"), (b"\x80", r"not UTF-8 \(byte 1\)"), (b"ab\xff", r"\(byte 3\)")]
)
def test_what_is_no_text_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "x.py"
    path.write_bytes(content)
    with pytest.raises(UserError, match=message):
        read_source(str(path))


def test_directories_and_devices_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is a directory"):
        read_source(str(tmp_path))
    with pytest.raises(UserError, match="not a regular file"):
        read_source(os.devnull)
    with pytest.raises(FileNotFoundError):
        read_source(str(tmp_path / "missing.py"))


def test_standard_input_is_read_but_never_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("é\r\n".encode())))
    source = read_source("-")
    assert source.text == "é\r\n"
    with pytest.raises(UserError, match="cannot be changed in place"):
        replace_file(source, "x")


def test_closed_standard_input_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(UserError, match="no standard input"):
        read_source("-")


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30))
def test_replacing_with_the_same_text_changes_no_byte(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("same") / "x.py"
    path.write_bytes(text.encode())
    source = read_source(str(path))
    replace_file(source, source.text)
    assert path.read_bytes() == text.encode()


def test_replacing_keeps_mark_and_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "x.py"
    path.write_bytes(b"\xef\xbb\xbfold\r\n")
    replace_file(read_source(str(path)), "new\r\n")
    assert path.read_bytes() == b"\xef\xbb\xbfnew\r\n"
    assert list(tmp_path.iterdir()) == [path]


@posix
def test_replacing_keeps_permissions_and_follows_links(tmp_path: Path) -> None:
    real = tmp_path / "deep" / "real.py"
    real.parent.mkdir()
    real.write_text("old")
    real.chmod(0o751)
    link = tmp_path / "link.py"
    link.symlink_to(real)
    replace_file(read_source(str(link)), "new")
    assert link.is_symlink()
    assert real.read_text() == "new"
    assert stat.S_IMODE(real.stat().st_mode) == 0o751


@pytest.mark.parametrize("failing", ["replace", "fsync"])
def test_failed_replacing_leaves_the_file_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str) -> None:
    path = tmp_path / "x.py"
    path.write_text("old")
    source = read_source(str(path))

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(*{"replace": (Path, "replace"), "fsync": (os, "fsync")}[failing], fail)
    with pytest.raises(OSError, match="No space left"):
        replace_file(source, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_changed_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "x.py"
    path.write_text("old")
    source = read_source(str(path))
    path.write_text("edited")
    with pytest.raises(UserError, match="was changed"):
        replace_file(source, "new")
    assert path.read_text() == "edited"
    assert list(tmp_path.iterdir()) == [path]


@posix
def test_a_directory_that_takes_no_file_is_told_apart_from_the_file(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 250)  # leaves no room for a temporary name, which stops even root
    path.write_text("old")
    source = read_source(str(path))
    with pytest.raises(OSError, match="its directory cannot be written") as caught:
        replace_file(source, "new")
    assert caught.value.filename == str(path)
    assert path.read_text() == "old"


@posix
def test_a_write_protected_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.py"
    path.write_text("old")
    source = read_source(str(path))
    path.chmod(0o444)
    if os.access(path, os.W_OK):  # root may write anywhere
        monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(PermissionError):
        replace_file(source, "new")
    assert path.read_text() == "old"
