import os
import socket
import stat
from pathlib import Path

import pytest

from lacuna_server.engine.listening import Listener, listen_on_port, listen_on_socket, read_token
from lacuna_server.errors import UserError

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Unix sockets and permissions")


def leave_dead_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
        dead.listen()


def end(listener: Listener) -> None:
    listener.remove()
    listener.socket.close()


def test_a_socket_is_private_and_is_removed(socket_path: Path) -> None:
    before = os.umask(0)
    try:
        listener = listen_on_socket(socket_path)
        assert os.umask(0) == 0
    finally:
        os.umask(before)
    mode = socket_path.stat().st_mode
    assert (stat.S_ISSOCK(mode), stat.S_IMODE(mode)) == (True, 0o600)
    assert listener.url == f"unix://{socket_path}"
    assert listener.is_reachable()
    end(listener)
    assert not socket_path.exists()


def test_a_dead_socket_is_replaced(socket_path: Path) -> None:
    leave_dead_socket(socket_path)
    listener = listen_on_socket(socket_path)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(socket_path))
    end(listener)


def test_a_live_socket_is_left_alone(socket_path: Path) -> None:
    listener = listen_on_socket(socket_path)
    with pytest.raises(UserError, match="An engine listens on"):
        listen_on_socket(socket_path)
    assert listener.is_reachable()
    end(listener)


def test_what_is_no_socket_is_left_alone(socket_path: Path) -> None:
    socket_path.write_text("precious")
    with pytest.raises(UserError, match="no socket"):
        listen_on_socket(socket_path)
    assert socket_path.read_text() == "precious"


@pytest.mark.parametrize("name", ["missing/engine.sock", "x" * 200])
def test_where_no_socket_can_be(short_directory: Path, name: str) -> None:
    with pytest.raises(UserError, match="Cannot listen on the socket"):
        listen_on_socket(short_directory / name)


def test_the_socket_of_a_successor_is_left_alone(socket_path: Path) -> None:
    first = listen_on_socket(socket_path)
    socket_path.unlink()
    assert not first.is_reachable()
    second = listen_on_socket(socket_path)
    assert not first.is_reachable()
    end(first)
    assert second.is_reachable()
    end(second)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1.2.3"])
def test_loopback_needs_no_token(host: str) -> None:
    listener = listen_on_port(host, 0, with_tls=False, with_token=False)
    port = listener.socket.getsockname()[1]
    assert listener.url == f"http://{host}:{port}"
    with socket.create_connection((host, port)):
        pass
    end(listener)


def test_other_machines_need_a_token() -> None:
    host = "0.0.0.0"
    with pytest.raises(UserError, match="give a --token-file"):
        listen_on_port(host, 0, with_tls=False, with_token=False)
    listener = listen_on_port(host, 0, with_tls=True, with_token=True)
    assert listener.url.startswith("https://")
    end(listener)


def test_where_one_cannot_listen() -> None:
    taken = listen_on_port("127.0.0.1", 0, with_tls=False, with_token=False)
    for host, port in (
        ("127.0.0.1", taken.socket.getsockname()[1]),
        ("192.0.2.1", 0),
        ("", 0),
        ("no such host", 0),
        ("a..b", 0),
    ):
        with pytest.raises(UserError, match=f"Cannot listen at {host}, port {port}: "):
            listen_on_port(host, port, with_tls=False, with_token=True)
    end(taken)


@pytest.mark.parametrize(
    ("content", "mode", "problem"),
    [
        (b"s3cret+/=\n", 0o600, None),
        (b"s3cret+/=", 0o400, None),
        (b"s3cret+/=", 0o640, "chmod 600"),
        (b"s3cret+/=", 0o604, "chmod 600"),
        (b"", 0o600, "holds no token"),
        (b" \n", 0o600, "holds no token"),
        (b"two words", 0o600, "holds no token"),
        (b"two\nlines", 0o600, "holds no token"),
        ("é".encode(), 0o600, "holds no token"),
        (b"\xff", 0o600, "holds no token"),
    ],
)
def test_token_files(tmp_path: Path, content: bytes, mode: int, problem: str | None) -> None:
    path = tmp_path / "token"
    path.write_bytes(content)
    path.chmod(mode)
    if problem is None:
        assert read_token(path) == "s3cret+/="
    else:
        with pytest.raises(UserError, match=problem):
            read_token(path)
