"""Neovim's API over a socket: msgpack-rpc, one request at a time."""

import socket
from itertools import count
from pathlib import Path
from typing import Any

REQUEST, RESPONSE = 0, 1
CHUNK = 65536


class Rpc:
    """A connection to an editor."""

    def __init__(self, path: Path, patience: float) -> None:
        """Connects; an answer that takes longer than the patience, in seconds, is an error."""
        import msgpack

        self._pack = msgpack.packb
        self._unpacker = msgpack.Unpacker(unicode_errors="surrogateescape", strict_map_key=False)
        self._ids = count()
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(patience)
        try:
            self._socket.connect(str(path))
        except OSError:
            self._socket.close()
            raise

    def ask(self, method: str, *arguments: Any) -> Any:
        """What a function of the API returns. Raises RuntimeError with the editor's words if it fails."""
        number = next(self._ids)
        self.tell(method, *arguments, number=number)
        while True:
            for kind, *message in self._unpacker:
                if kind == RESPONSE and message[0] == number:
                    _, failure, result = message
                    if failure is not None:
                        raise RuntimeError(failure[1])
                    return result
            self._receive()

    def tell(self, method: str, *arguments: Any, number: int = 0) -> None:
        """Asks without waiting for the answer."""
        self._socket.sendall(self._pack([REQUEST, number, method, arguments]))

    def close(self) -> None:
        """Hangs up."""
        self._socket.close()

    def _receive(self) -> None:
        data = self._socket.recv(CHUNK)
        if not data:
            raise ConnectionError("the editor has ended")
        self._unpacker.feed(data)
