"""The engine as an ASGI application, without any state outside of it."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Protocol, TypeVar

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from lacuna_server.engine.client_reasons import ClientReasons
from lacuna_server.engine.guard import JSON, Guard, refusal_response
from lacuna_server.engine.metrics import Metrics
from lacuna_server.engine.protocol import VERSION, FillCall, ReasonsCall, Refusal, Status, WarmCall, decode, encode
from lacuna_server.engine.refusals import RefusedError
from lacuna_server.engine.scheduler import Filler, Scheduler, Turn
from lacuna_server.engine.worker import ModelStatus

JSON_LINES = "application/x-ndjson"
MAX_BODY_BYTES = 16 << 20

Call = TypeVar("Call", FillCall, ReasonsCall, WarmCall)


class Model(Filler, Protocol):
    """What fills once it is loaded."""

    @property
    def status(self) -> ModelStatus:
        """How far it is."""
        ...

    async def load(self) -> None:
        """Loads it; how that went is told by `status`."""
        ...

    async def prepare(self, call: FillCall) -> None:
        """Makes what the constraints of a call need, before its turn."""
        ...


class Engine:
    """A model, whose turn it is with it, and what came of it; with the handlers of all requests.

    Attributes:
        scheduler: gives turns to calls.
        metrics: counts.
    """

    def __init__(self, model: Model, shut_down: Callable[[], None] | None) -> None:
        """Makes an engine.

        Args:
            model: what fills.
            shut_down: ends the process soon; None: nobody who asks may do that.
        """
        self._model = model
        self._shut_down = shut_down
        self._started = time.monotonic()
        self._reasons = ClientReasons()
        self.metrics = Metrics(lambda: model.status.loaded_bytes, lambda: self.scheduler.num_queued)
        self.scheduler = Scheduler(model, self.metrics.count_result)

    @property
    def idle_seconds(self) -> float:
        """For how long there has been nothing to do. Who asks for the status only asks for nothing to be done."""
        return 0.0 if self._model.status.state == "loading" else self.scheduler.idle_seconds

    @asynccontextmanager
    async def running(self, _: Starlette) -> AsyncIterator[None]:
        """Loads the model and serves calls until the end of the block, which waits for no denoising step."""
        serving = asyncio.create_task(self._serve())
        yield
        self.scheduler.close()
        serving.cancel()

    async def _serve(self) -> None:
        await self._model.load()
        await self.scheduler.run()

    async def fill(self, request: Request) -> "EventStream":
        """`POST /v1/fill`."""
        call = await self._fill_call(request, FillCall)
        arrived = time.monotonic()
        await self._model.prepare(call)
        if call.deadline_ms is not None:
            call = replace(call, deadline_ms=max(0.0, call.deadline_ms - 1000 * (time.monotonic() - arrived)))
        return EventStream(self.scheduler, call, self.metrics)

    async def warm(self, request: Request) -> Response:
        """`POST /v1/warm`."""
        call = await self._fill_call(request, WarmCall)
        with self.scheduler.enter(call) as turn, _withdrawn_by_hanging_up(turn, self.scheduler, request.receive):
            async for event in turn:
                if isinstance(event, Refusal):
                    raise RefusedError(event.kind, event.message)
        return Response(status_code=204)

    async def reasons(self, request: Request) -> Response:
        """`POST /v1/reasons`; in any state, and it counts as nothing to be done."""
        self._reasons.take(_read(await request.body(), ReasonsCall))
        return Response(status_code=204)

    async def status(self, _: Request) -> Response:
        """`GET /v1/status`."""
        status = Status(
            version=VERSION,
            pid=os.getpid(),
            uptime_seconds=time.monotonic() - self._started,
            num_queued=self.scheduler.num_queued,
            num_running=self.scheduler.num_running,
            num_fills=self.scheduler.num_fills,
            reasons=self._reasons.total(),
            **asdict(self._model.status),
        )
        return Response(encode(status), media_type=JSON)

    async def shut_down(self, _: Request) -> Response:
        """`POST /v1/shutdown`."""
        if self._shut_down is None:
            raise RefusedError("invalid", "This engine serves others too; end it where it runs.")
        self._shut_down()
        return Response(status_code=202)

    async def health(self, _: Request) -> Response:
        """`GET /health`."""
        self._check_ready()
        return Response("ok\n", media_type="text/plain")

    async def figures(self, _: Request) -> Response:
        """`GET /metrics`."""
        return Response(self.metrics.text(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _fill_call(self, request: Request, kind: type[Call]) -> Call:
        body = await request.body()  # before anything is refused, so that the connection can be used again
        self._check_ready()
        return _read(body, kind)

    def _check_ready(self) -> None:
        match self._model.status:
            case ModelStatus(state="loading"):
                raise RefusedError("loading", "The model is being loaded; try again soon.")
            case ModelStatus(state="failed", message=message):
                raise RefusedError("failed", message)


def create_app(engine: Engine, *, token: str | None = None, max_body_bytes: int = MAX_BODY_BYTES) -> Starlette:
    """The application of an engine; the model is loaded when it starts.

    Args:
        engine: answers.
        token: what requests must bear; None: nothing.
        max_body_bytes: size of the largest request that is read.
    """
    return Starlette(
        routes=[
            Route("/v1/fill", engine.fill, methods=["POST"]),
            Route("/v1/warm", engine.warm, methods=["POST"]),
            Route("/v1/reasons", engine.reasons, methods=["POST"]),
            Route("/v1/status", engine.status),
            Route("/v1/shutdown", engine.shut_down, methods=["POST"]),
            Route("/health", engine.health),
            Route("/metrics", engine.figures),
        ],
        middleware=[
            Middleware(Guard, token=token, max_body_bytes=max_body_bytes, on_refusal=engine.metrics.count_refusal)
        ],
        exception_handlers={HTTPException: _not_here},
        lifespan=engine.running,
    )


def _read(body: bytes, kind: type[Call]) -> Call:
    try:
        return decode(body, kind)
    except ValueError as error:
        raise RefusedError("invalid", f"The request cannot be understood: {error}") from error


async def _not_here(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    message = f"There is no {request.method} {request.url.path} here."
    return refusal_response(Refusal("invalid", message), error.status_code)


@dataclass(frozen=True, slots=True)
class EventStream:
    """Answers with the events of a fill, each as a line as soon as it is there."""

    scheduler: Scheduler
    call: FillCall
    metrics: Metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Waits for the turn, and withdraws when the other side hangs up."""
        with self.scheduler.enter(self.call) as turn, _withdrawn_by_hanging_up(turn, self.scheduler, receive):
            headers = [(b"content-type", JSON_LINES.encode())]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            async for event in turn:
                if isinstance(event, Refusal):
                    self.metrics.count_refusal(event)
                await send({"type": "http.response.body", "body": encode(event) + b"\n", "more_body": True})
            await send({"type": "http.response.body"})


@contextmanager
def _withdrawn_by_hanging_up(turn: Turn, scheduler: Scheduler, receive: Receive) -> Iterator[None]:
    """Withdraws a call when its client hangs up, also while it waits."""

    async def watch() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        scheduler.withdraw(turn)

    watching = asyncio.create_task(watch())
    try:
        yield
    finally:
        watching.cancel()
