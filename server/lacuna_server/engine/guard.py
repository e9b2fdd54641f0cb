"""What stands between the network and an engine."""

import hmac
from collections.abc import Callable

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lacuna_server.engine.protocol import VERSION, VERSION_HEADER, Refusal, RefusalKind, encode
from lacuna_server.engine.refusals import RefusedError, refusal_of

JSON = "application/json"

OPEN_PATHS = ("/health",)
"""What a load balancer may ask without the token."""

MAX_REQUESTS = 256
"""That are answered at the same time; each may hold a body in memory."""

STATUS: dict[RefusalKind, int] = {
    "loading": 503,
    "failed": 503,
    "closing": 503,
    "superseded": 409,
    "invalid": 400,
    "busy": 429,
    "unauthorized": 401,
    "too_large": 413,
    "internal": 500,
}


def refusal_response(refusal: Refusal, status: int | None = None) -> Response:
    """A refusal as an answer; its kind tells the status if none is given."""
    headers = {"WWW-Authenticate": "Bearer"} if refusal.kind == "unauthorized" else None
    return Response(encode(refusal), status or STATUS[refusal.kind], headers, JSON)


class Guard:
    """Middleware that every request passes.

    It asks for the token, refuses what is too large, too much at once and what web pages send, turns errors into
    refusals and tells the version.
    """

    def __init__(
        self, app: ASGIApp, *, token: str | None, max_body_bytes: int, on_refusal: Callable[[Refusal], None]
    ) -> None:
        """Makes a guard.

        Args:
            app: what it guards.
            token: what requests must bear; None: nothing.
            max_body_bytes: size of the largest request that is read.
            on_refusal: told every refusal.
        """
        self._app = app
        self._token = token
        self._max_body_bytes = max_body_bytes
        self._on_refusal = on_refusal
        self._num_requests = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        has_started = False

        async def send_with_version(message: Message) -> None:
            nonlocal has_started
            if message["type"] == "http.response.start":
                has_started = True
                MutableHeaders(scope=message)[VERSION_HEADER] = VERSION
            await send(message)

        self._num_requests += 1
        try:
            self._check(Headers(scope=scope), scope["path"])
            await self._app(scope, self._limited(receive), send_with_version)
        except ClientDisconnect:
            pass
        except Exception as error:
            refusal = refusal_of(error)
            self._on_refusal(refusal)
            if not has_started:  # otherwise the connection breaks off, as the answer is not complete
                await refusal_response(refusal)(scope, receive, send_with_version)
        finally:
            self._num_requests -= 1

    def _check(self, headers: Headers, path: str) -> None:
        if "origin" in headers:  # said by browsers, for pages that have no business here even on the same machine
            raise RefusedError("unauthorized", "Web pages are not answered.")
        if self._token is not None and path not in OPEN_PATHS:
            given = headers.get("authorization", "")
            if not hmac.compare_digest(given.encode(), f"Bearer {self._token}".encode()):
                raise RefusedError("unauthorized", "This engine wants its token; set engine.token_file.")
        if self._num_requests > MAX_REQUESTS:
            raise RefusedError("busy", "Too many requests at once; try again later.")
        length = headers.get("content-length", "")
        if length.isdecimal() and int(length) > self._max_body_bytes:
            raise self._too_large()

    def _limited(self, receive: Receive) -> Receive:
        num_bytes = 0

        async def receive_limited() -> Message:
            nonlocal num_bytes
            message = await receive()
            num_bytes += len(message.get("body", b""))
            if num_bytes > self._max_body_bytes:
                raise self._too_large()
            return message

        return receive_limited

    def _too_large(self) -> RefusedError:
        return RefusedError("too_large", f"A request may have {self._max_body_bytes} bytes; send less context.")
