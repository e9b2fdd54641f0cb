"""Where an engine listens: sockets that only those can reach who may."""

import ipaddress
import os
import re
import socket
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lacuna_server.errors import UserError

LOOPBACK = "127.0.0.1"
"""This machine, for this machine alone."""

BACKLOG = 128
TRIAL_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Listener:
    """An open socket.

    Attributes:
        socket: takes connections.
        url: what to give a client.
        is_reachable: whether clients still find it.
        remove: leaves nothing behind; to be called while the socket is open, by which its place is known.
    """

    socket: socket.socket
    url: str
    is_reachable: Callable[[], bool] = lambda: True
    remove: Callable[[], None] = lambda: None


def listen_on_socket(path: Path) -> Listener:
    """Listens on a Unix socket that only this user can connect to. One that a dead engine has left is replaced.

    Raises:
        UserError: an engine listens there already, it is no socket, or it cannot be made.
    """
    path = path.absolute()
    _remove_dead_socket(path)
    listener = socket.socket(socket.AF_UNIX)
    mask = os.umask(0o177)
    try:
        listener.bind(str(path))
    except OSError as error:
        listener.close()
        raise UserError(f"Cannot listen on the socket {path}: {error.strerror or error}.") from error
    finally:
        os.umask(mask)
    listener.listen(BACKLOG)
    made = _identity(path)

    def is_ours() -> bool:
        return _identity(path) == made

    def remove() -> None:
        if is_ours():
            path.unlink(missing_ok=True)

    return Listener(listener, f"unix://{path}", is_ours, remove)


def listen_on_port(host: str, port: int, *, with_tls: bool, with_token: bool) -> Listener:
    """Listens on TCP.

    Args:
        host: name or address of one of this machine's interfaces.
        port: 0: any that is free.
        with_tls: whether clients are to speak TLS.
        with_token: whether clients must know a token; without one only this machine's own users are let in.

    Raises:
        UserError: others could use the engine without a token, or it cannot listen there.
    """
    try:
        family, _, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        if not with_token and not ipaddress.ip_address(str(place[0]).partition("%")[0]).is_loopback:
            raise UserError(f"At {host} other machines could use this engine: give a --token-file.")
        listener = socket.create_server((place[0], port), family=family, backlog=BACKLOG)
    except (OSError, UnicodeError) as error:  # the latter is a name that cannot be one
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"Cannot listen at {host}, port {port}: {reason}.") from error
    shown = f"[{host}]" if ":" in host else host
    return Listener(listener, f"{'https' if with_tls else 'http'}://{shown}:{listener.getsockname()[1]}")


def read_token(path: Path) -> str:
    """The token in a file.

    Raises:
        UserError: others can read it, or it does not hold a token.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        if os.name == "posix" and os.fstat(file.fileno()).st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise UserError(f"{path} is open to other users; do: chmod 600 {path}")
        token = file.read().strip()
    if not re.fullmatch(rb"[!-~]+", token):
        raise UserError(f"{path} holds no token: one line of ASCII without spaces.")
    return token.decode()


def _remove_dead_socket(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise UserError(f"{path} is there already and is no socket; choose another path.")
    with socket.socket(socket.AF_UNIX) as trial:
        trial.settimeout(TRIAL_SECONDS)
        try:
            trial.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            path.unlink(missing_ok=True)
            return
        except OSError as error:
            raise UserError(f"Cannot tell whether an engine listens on {path}: {error.strerror or error}.") from error
    raise UserError(f"An engine listens on {path} already.")


def _identity(path: Path) -> tuple[int, int] | None:
    """What tells a socket from another one of the same name, as long as it is open; None if there is none."""
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
