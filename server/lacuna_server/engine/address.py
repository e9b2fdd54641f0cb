"""Where an engine listens: on a socket in the user's private directory, or at a URL."""

import hashlib
import os
import secrets
import socket
import stat
import sys
import tempfile
import warnings
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import platformdirs

from lacuna_server.engine.devices import same_name
from lacuna_server.engine.listening import LOOPBACK
from lacuna_server.engine.precision import Precision
from lacuna_server.errors import UserError

APP = "lacuna"
MAX_SOCKET_BYTES = 103
"""Longest path of a socket that every system takes: macOS keeps 104 bytes for it, the last one a zero."""

KEY_LENGTH = 12

_UNIX = "unix://"
_SOCKET_URL = "http://engine"


@dataclass(frozen=True, slots=True)
class Address:
    """Where an engine listens; its text is a URL.

    Attributes:
        url: of its HTTP. A socket has no host, so that any name will do there.
        socket: its Unix socket; None over TCP.
        token_file: holds the token of a user's own engine that listens on TCP, for want of private sockets.
    """

    url: str
    socket: Path | None = None
    token_file: Path | None = None

    @classmethod
    def parse(cls, text: str) -> "Address":
        """The address that a text stands for: unix:///PATH, http://HOST:PORT or https://HOST:PORT.

        Raises:
            UserError: it is none of these.
        """
        if text.startswith(_UNIX):
            path = Path(text.removeprefix(_UNIX))
            if not path.is_absolute():
                raise _not_an_address(text)
            return cls.of_socket(path)
        try:
            parts = urlsplit(text)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise _not_an_address(text) from error
        rest = (parts.path.strip("/"), parts.query, parts.fragment, parts.username)
        if parts.scheme not in ("http", "https") or not host or port == 0 or any(rest):
            raise _not_an_address(text)
        return cls(f"{parts.scheme}://{parts.netloc}")

    @classmethod
    def of_socket(cls, path: Path) -> "Address":
        """The address of a Unix socket."""
        return cls(_SOCKET_URL, socket=path)

    @property
    def lock_file(self) -> Path:
        """Held by whoever starts the user's own engine here."""
        left_behind = self._left_behind
        return left_behind.with_name(f"{left_behind.stem.partition('-')[0]}.lock")

    def is_known(self) -> bool:
        """Whether clients find the user's own engine here."""
        return self._left_behind.exists()

    def forget(self) -> None:
        """Removes what an engine that is gone has left behind."""
        self._left_behind.unlink(missing_ok=True)

    @property
    def _left_behind(self) -> Path:
        path = self.socket or self.token_file
        assert path is not None, "an engine given by its URL is not ours"
        return path

    def __str__(self) -> str:
        return self.url if self.socket is None else f"{_UNIX}{self.socket}"


def own_address(checkpoint: Path | None, device: str, precision: Precision = "auto") -> Address:
    """Where the user's own engine of a checkpoint, the embedded one when None, a device and a precision listens.

    Names of the same device, as far as that is known without torch, have the same engine.

    Raises:
        UserError: there is no directory that is private to the user.
    """
    model = "embedded" if checkpoint is None else str(checkpoint.resolve())
    choice = f"{same_name(device)}\0{precision}\0{model}"
    key = hashlib.sha256(choice.encode(errors="surrogateescape")).hexdigest()[:KEY_LENGTH]
    directory = runtime_directory()
    if sys.platform == "win32":
        return tcp_address(directory, key)
    return Address.of_socket(directory / f"{key}.sock")


def own_addresses() -> list[Address]:
    """Where engines of this user listen, or have listened. Raises UserError as `own_address` does."""
    directory = runtime_directory()
    if sys.platform == "win32":
        return [_address_of_token_file(path) for path in sorted(directory.glob("*.token"))]
    return [Address.of_socket(path) for path in sorted(directory.glob("*.sock"))]


def tcp_address(directory: Path, key: str) -> Address:
    """A loopback address that lasts until it is forgotten, with a token that only this user can read."""
    if not any(directory.glob(f"{key}-*.token")):
        with socket.create_server((LOOPBACK, 0)) as free:
            port = free.getsockname()[1]
        handle, name = tempfile.mkstemp(dir=directory)
        with open(handle, "w", encoding="ascii") as file:  # noqa: PTH123 (a handle, which only this user can read)
            file.write(secrets.token_urlsafe(32))
        Path(name).replace(directory / f"{key}-{port}.token")  # whoever finds it finds all of it
    return _address_of_token_file(min(directory.glob(f"{key}-*.token")))  # all who made one at once agree


def _address_of_token_file(path: Path) -> Address:
    return Address(f"http://{LOOPBACK}:{path.stem.rpartition('-')[2]}", token_file=path)


def runtime_directory() -> Path:
    """The directory of the user's sockets and locks; it is made, and nobody else can enter it.

    Raises:
        UserError: it belongs to somebody else, is open to others, or is a link or a file.
        OSError: it cannot be made.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that there is no XDG_RUNTIME_DIR is nothing to warn of
            directory = platformdirs.user_runtime_path(ensure_exists=True) / APP
    except PermissionError as error:
        raise UserError(f"{error}; the engine's socket needs a private directory: set XDG_RUNTIME_DIR.") from error
    return _private_directory(directory)


def _private_directory(directory: Path) -> Path:
    """Makes a directory that only we can enter, or one of a shorter name if that of a socket in it were too long.

    Raises: as `runtime_directory` does.
    """
    if sys.platform == "win32":
        directory.mkdir(parents=True, exist_ok=True)
        return directory  # in the user's profile, which others cannot read
    own = f"{APP}-{os.getuid()}"
    candidates = (directory, Path(tempfile.gettempdir()) / own)
    directory = next(filter(_has_room, candidates), Path("/tmp") / own)
    with suppress(FileExistsError):
        directory.mkdir(mode=0o700)
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise UserError(f"{directory} is not a directory; remove it, it is to hold the engine's socket.")
    if found.st_uid != os.getuid():
        raise UserError(f"{directory} belongs to another user; set XDG_RUNTIME_DIR to a directory of yours.")
    if stat.S_IMODE(found.st_mode) & 0o077:
        raise UserError(f"{directory} is open to other users; do: chmod 700 {directory}")
    return directory


def _has_room(directory: Path) -> bool:
    return len(os.fsencode(directory / f"{'0' * KEY_LENGTH}.sock")) <= MAX_SOCKET_BYTES


def _not_an_address(text: str) -> UserError:
    return UserError(f"{text!r} is no engine's address; write unix:///PATH, http://HOST:PORT or https://HOST:PORT.")
