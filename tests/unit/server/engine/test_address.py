import os
import socket
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lacuna_server.engine.address import (
    MAX_SOCKET_BYTES,
    Address,
    own_address,
    own_addresses,
    runtime_directory,
    tcp_address,
)
from lacuna_server.errors import UserError

posix = pytest.mark.skipif(sys.platform == "win32", reason="there are no sockets in directories")


@pytest.fixture
def runtime(short_directory: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's runtime directory."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(short_directory))
    return short_directory


@pytest.mark.parametrize(
    ("text", "url", "path"),
    [
        ("unix:///run/user/1/x.sock", "http://engine", "/run/user/1/x.sock"),
        ("unix:///a b/%41#?.sock", "http://engine", "/a b/%41#?.sock"),
        ("http://127.0.0.1:7000", "http://127.0.0.1:7000", None),
        ("http://[::1]:7000/", "http://[::1]:7000", None),
        ("https://engine.example", "https://engine.example", None),
    ],
)
def test_parse(text: str, url: str, path: str | None) -> None:
    address = Address.parse(text)
    assert address == Address(url, None if path is None else Path(path))
    assert str(address) == text.rstrip("/")
    assert Address.parse(str(address)) == address


@pytest.mark.parametrize(
    "text",
    [
        *("", "engine", "unix://", "unix://x.sock", "ftp://x", "http://", "http://:80", "http://x:port", "http://x:0"),
        *("http://x:70000", "http://[::1", "http://x/v1", "http://x?a=b", "http://x#a", "http://user:secret@x"),
    ],
)
def test_no_address(text: str) -> None:
    with pytest.raises(UserError, match=r"write unix:///PATH, http://HOST:PORT"):
        Address.parse(text)


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_any_socket_is_found_again(name: str) -> None:
    address = Address.of_socket(Path("/") / name)
    assert Address.parse(str(address)) == address


@posix
def test_own_address_is_one_of_a_checkpoint_a_device_and_a_precision(runtime: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    addresses = [
        own_address(checkpoint, device)
        for checkpoint, device in [(None, "cuda:1"), (None, "cpu"), (tmp_path, "cpu"), (tmp_path / "link", "cpu")]
    ]
    addresses += [own_address(None, "cpu", "auto"), own_address(None, "cpu", "fp8"), own_address(None, "cpu", "4bit")]
    assert addresses[2] == addresses[3] and addresses[1] == addresses[4]
    assert len(set(addresses)) == 5
    assert {address.socket.parent for address in addresses if address.socket} == {runtime / "lacuna"}
    assert len({address.lock_file for address in addresses}) == 5


@posix
def test_own_addresses_are_those_with_a_socket(runtime: Path) -> None:
    assert own_addresses() == []
    address = own_address(None, "cpu")
    assert address.socket is not None
    address.socket.touch()
    address.lock_file.touch()
    assert own_addresses() == [address]
    address.forget()
    address.forget()
    assert own_addresses() == []


@posix
def test_runtime_directory_is_private(runtime: Path) -> None:
    directory = runtime_directory()
    assert directory.stat().st_mode & 0o777 == 0o700
    assert runtime_directory() == directory


@posix
def test_without_a_runtime_directory_there_is_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    directory = runtime_directory()
    assert directory.stat().st_mode & 0o777 == 0o700
    assert directory.stat().st_uid == os.getuid()


@posix
def test_a_long_runtime_directory_gives_way_to_a_short_one(
    monkeypatch: pytest.MonkeyPatch, short_directory: Path
) -> None:
    long = short_directory / ("x" * 100)
    long.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(long))
    monkeypatch.setattr("tempfile.tempdir", str(short_directory))
    path = own_address(None, "cpu").socket
    assert path is not None
    assert path.parent == short_directory / f"lacuna-{os.getuid()}"
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert len(os.fsencode(path)) <= MAX_SOCKET_BYTES
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


@posix
@pytest.mark.parametrize("kind", ["open", "file", "link"])
def test_a_directory_that_is_not_private_is_refused(runtime: Path, tmp_path: Path, kind: str) -> None:
    directory = runtime / "lacuna"
    match kind:
        case "open":
            directory.mkdir()
            directory.chmod(0o755)
        case "file":
            directory.touch()
        case "link":
            directory.symlink_to(tmp_path)
    with pytest.raises(UserError, match=r"/lacuna is (open to other users; do: chmod 700|not a directory; remove it)"):
        own_address(None, "cpu")


@posix
@pytest.mark.skipif(sys.platform == "win32" or os.getuid() != 0, reason="only root gives directories away")
def test_the_directory_of_somebody_else_is_refused(runtime: Path) -> None:
    directory = runtime / "lacuna"
    directory.mkdir(mode=0o700)
    os.chown(directory, 12345, -1)
    with pytest.raises(UserError, match="belongs to another user"):
        own_address(None, "cpu")


def test_without_sockets_there_is_a_port_and_a_token(tmp_path: Path) -> None:
    address = tcp_address(tmp_path, "0a1b")
    assert address.token_file is not None
    assert len(address.token_file.read_text()) > 32
    assert list(tmp_path.iterdir()) == [address.token_file]
    if sys.platform != "win32":
        assert address.token_file.stat().st_mode & 0o777 == 0o600  # made elsewhere, and moved when it was whole
    assert address.is_known()
    assert tcp_address(tmp_path, "0a1b") == address
    other = tcp_address(tmp_path, "ffff")
    assert other.url != address.url
    assert (address.lock_file, other.lock_file) == (tmp_path / "0a1b.lock", tmp_path / "ffff.lock")
    token = address.token_file.read_text()
    address.forget()
    assert not address.is_known()
    renewed = tcp_address(tmp_path, "0a1b").token_file
    assert renewed is not None
    assert renewed.read_text() != token
