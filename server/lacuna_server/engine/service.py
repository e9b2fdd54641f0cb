"""The engine as a process: it listens, answers, and ends when it is told to, when it is idle or when it is cut off."""

import asyncio
import logging
import math
import signal
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from lacuna_server.engine.app import MAX_BODY_BYTES, Engine, Model, create_app
from lacuna_server.engine.listening import Listener
from lacuna_server.errors import UserError

CHECK_SECONDS = 1
CLOSE_SECONDS = 1
"""How long connections may take to close at the end."""

KEEP_ALIVE_SECONDS = 300
"""Much longer than clients keep unused connections, so that none is closed just when a request is under way to us."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Tls:
    """Files of a certificate and its key, in PEM. Raises UserError if they are not."""

    certificate: Path
    key: Path

    def __post_init__(self) -> None:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(self.certificate, self.key)
        except OSError as error:
            reason = error.strerror or error
            raise UserError(f"{self.certificate} and {self.key} are no certificate and its key: {reason}.") from error


@dataclass(frozen=True, slots=True)
class ServiceOptions:
    """How to serve.

    Attributes:
        token: what requests must bear; None: nothing.
        tls: None: plain HTTP.
        idle_minutes: without a call, after which the engine ends.
        max_body_bytes: size of the largest request that is read.
        is_shared: whether others than this user ask, whom it does not obey when they tell it to end.
    """

    token: str | None = None
    tls: Tls | None = None
    idle_minutes: float = math.inf
    max_body_bytes: int = MAX_BODY_BYTES
    is_shared: bool = False


def serve(model: Model, listener: Listener, options: ServiceOptions) -> None:
    """Serves a model until the end; the socket is gone then."""
    try:
        asyncio.run(Service(model, listener, options).serve([listener.socket]))
    finally:
        if listener.socket.fileno() != -1:  # it ended before it had begun
            listener.remove()
            listener.socket.close()


class Service(uvicorn.Server):
    """Uvicorn's server, which ends its streams before it waits for them to end."""

    def __init__(self, model: Model, listener: Listener, options: ServiceOptions) -> None:
        self._engine = Engine(model, None if options.is_shared else self._shut_down)
        self._listener = listener
        self._idle_seconds = 60 * options.idle_minutes
        app = create_app(self._engine, token=options.token, max_body_bytes=options.max_body_bytes)
        super().__init__(
            uvicorn.Config(
                app,
                http="h11",
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                ssl_certfile=None if options.tls is None else options.tls.certificate,
                ssl_keyfile=None if options.tls is None else str(options.tls.key),
                callback_notify=self._check,
                timeout_notify=CHECK_SECONDS,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=CLOSE_SECONDS,
            )
        )

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Leaves the place to a successor, then ends all calls and all connections."""
        self._listener.remove()
        self._engine.scheduler.close()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Ends on signals as uvicorn does, but does not raise them once more: there is a socket to remove."""
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, self.handle_exit) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    async def _check(self) -> None:
        if self._engine.idle_seconds >= self._idle_seconds:
            log.info("Nothing was asked for %g minutes: the end", self._idle_seconds / 60)
            self._shut_down()
        elif not self._listener.is_reachable():
            log.warning("The socket was removed or replaced, so that nobody finds this engine any more: the end")
            self._shut_down()

    def _shut_down(self) -> None:
        self.should_exit = True
