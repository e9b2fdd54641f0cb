"""A language server and the bytes between it and us, for messages that no client library would send."""

import json
import subprocess
import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import IO, Any, Self

from scripted_editor import SERVER

PATIENCE = 60.0
"""Seconds after which a server that does not answer is killed, so that whoever waits for it is told that it ended."""


class Pipe:
    """A server that is killed at the end of the block."""

    def __init__(self, command: Sequence[str] = SERVER, stderr: int | IO[bytes] = subprocess.DEVNULL) -> None:
        """Starts a server."""
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.__exit__(kind, error, traceback)

    def send(self, *messages: Any) -> None:
        """Sends messages, as they are if they are bytes."""
        for message in messages:
            body = message if isinstance(message, bytes) else json.dumps(message).encode()
            self.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)

    def write(self, data: bytes) -> None:
        """Sends bytes, with nothing around them."""
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def answer(self, identity: int | str | None) -> Any:
        """The answer with an id; what comes before it is passed over."""
        return self.until(lambda message: "method" not in message and message["id"] == identity)

    def until(self, is_wanted: Callable[[Any], bool]) -> Any:
        """The next message of a kind; what comes before it is passed over."""
        end = threading.Timer(PATIENCE, self.process.kill)
        end.start()
        try:
            while not is_wanted(message := self.receive()):
                pass
            return message
        finally:
            end.cancel()

    def receive(self) -> Any:
        """The next message."""
        assert self.process.stdout is not None
        length = 0
        while (line := self.process.stdout.readline().strip()) or not length:
            assert line, "the server has ended"
            if line.startswith(b"Content-Length:"):
                length = int(line.partition(b":")[2])
        return json.loads(self.process.stdout.read(length))
