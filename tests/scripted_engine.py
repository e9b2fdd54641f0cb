"""An engine without a model: it speaks the protocol and answers what a test has written down.

engine = ScriptedEngine()
engine.answers.append(Answer(result("x + 1")))
with engine.listening(socket):
    ...  # whoever asks there gets that answer; engine.calls holds what was asked
"""

import asyncio
import os
import socket
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from lacuna_server.engine.protocol import (
    VERSION,
    VERSION_HEADER,
    FillCall,
    FillOut,
    Refusal,
    ResultEvent,
    Status,
    StepEvent,
    TokenOut,
    WarmCall,
    decode,
    encode,
)

POLL = 0.005
PATIENCE = 20.0
"""Seconds after which a test that waits for something has failed."""

ACCEPTED, NO_CONTENT, UNAUTHORIZED, UNAVAILABLE = 202, 204, 401, 503


def result(*texts: str, confidence: float = 0.9, probability: float | None = None, **changes: Any) -> ResultEvent:
    """The end of a fill with one candidate, a token for every gap; `changes` go to the event."""
    tokens = tuple((TokenOut(text, confidence),) if text else () for text in texts)
    event = ResultEvent(
        fills=(FillOut(texts, tokens, confidence, probability=probability),),
        stop_reason="stable",
        num_steps=3,
        num_forwards=3,
        num_tokens=sum(map(len, tokens)),
        num_prefix_tokens=10,
        num_cached_tokens=0,
        queue_ms=0.5,
        encode_ms=1.0,
        denoise_ms=2.0,
        rank_ms=0.0,
        total_ms=3.5,
    )
    return replace(event, **changes)


def step(number: int, *gaps: Sequence[str | None]) -> StepEvent:
    """A canvas: the texts of every gap's slots, None for an open one."""
    return StepEvent(number, tuple(tuple(TokenOut(slot, 0.0 if slot is None else 0.9) for slot in gap) for gap in gaps))


@dataclass(frozen=True, slots=True)
class Answer:
    """What one call of fill gets.

    Attributes:
        event: the end of the stream; None: the connection breaks off, as if the engine had died.
        steps: what comes before.
        gate: if given, the end is held back until the test opens it.
    """

    event: ResultEvent | Refusal | None
    steps: tuple[StepEvent, ...] = ()
    gate: threading.Event | None = None


@dataclass
class ScriptedEngine:
    """What it will answer, and what it was asked. A call without an answer left gets the fill "filled" for every gap.

    Attributes:
        status: told to everyone; unless its state is "ready", fills are refused.
        version: told in the header of every answer.
        token: asked of everyone, if it is given.
        answers: of the calls to come.
        calls: fills that were asked for.
        warmed: prefixes that were announced.
        num_hung_up: fills whose caller went away before the end.
        num_shutdowns: how often it was asked to end.
        ends_when_told: whether a shutdown is obeyed.
    """

    status: Status = field(default_factory=lambda: Status(VERSION, os.getpid(), "ready", device="cpu"))
    version: str = VERSION
    token: str | None = None
    answers: deque[Answer] = field(default_factory=deque)
    calls: list[FillCall] = field(default_factory=list)
    warmed: list[WarmCall] = field(default_factory=list)
    num_hung_up: int = 0
    num_shutdowns: int = 0
    ends_when_told: bool = True
    _server: uvicorn.Server | None = None
    _loop: asyncio.AbstractEventLoop | None = None

    @contextmanager
    def listening(self, path: Path) -> Iterator["ScriptedEngine"]:
        """Answers on a Unix socket, from a thread of its own, until the end of the block."""
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            thread = threading.Thread(target=asyncio.run, args=(self._serve(listener),))
            thread.start()
            try:
                wait_until(lambda: self._server is not None and self._server.started)
                yield self
            finally:
                self.die()
                thread.join(PATIENCE)
                path.unlink(missing_ok=True)

    def die(self) -> None:
        """Ends at once, in mid-answer too, and leaves its socket behind; once dead it stays so."""
        assert self._loop is not None
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._abort)

    async def _serve(self, listener: socket.socket) -> None:
        self._loop = asyncio.get_running_loop()
        config = uvicorn.Config(self._app(), log_level="critical", lifespan="off", ws="none", access_log=False)
        self._server = uvicorn.Server(config)
        await self._server.serve(sockets=[listener])
        await asyncio.sleep(POLL)  # who was let in while it ended is not to wait for ever
        self._abort()
        await asyncio.sleep(POLL)

    def _abort(self) -> None:
        assert self._server is not None
        self._server.should_exit = self._server.force_exit = True
        for server in self._server.servers:
            for listener in server.sockets:  # not closed yet: asyncio would lose whoever is being let in
                asyncio.get_running_loop().remove_reader(listener.fileno())
        for connection in list(self._server.server_state.connections):
            connection.transport.abort()

    def _app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/v1/fill", self._fill, methods=["POST"]),
                Route("/v1/warm", self._warm, methods=["POST"]),
                Route("/v1/status", self._status),
                Route("/v1/shutdown", self._shutdown, methods=["POST"]),
            ]
        )

    def _answer(self, content: bytes | AsyncIterator[bytes], status_code: int = 200) -> Response:
        headers = {VERSION_HEADER: self.version}
        if isinstance(content, bytes):
            return Response(content, status_code, headers)
        return StreamingResponse(content, status_code, headers)

    def _refusal(self, request: Request) -> Response | None:
        if self.token is not None and request.headers.get("authorization") != f"Bearer {self.token}":
            return self._answer(encode(Refusal("unauthorized", "Give the token.")), UNAUTHORIZED)
        return None

    async def _status(self, request: Request) -> Response:
        return self._refusal(request) or self._answer(encode(self.status))

    async def _shutdown(self, request: Request) -> Response:
        self.num_shutdowns += 1
        if self.ends_when_told:
            asyncio.get_running_loop().call_later(POLL, self._abort)
        return self._answer(b"", ACCEPTED)

    async def _warm(self, request: Request) -> Response:
        self.warmed.append(decode(await request.body(), WarmCall))
        return self._answer(b"", NO_CONTENT)

    async def _fill(self, request: Request) -> Response:
        if refused := self._refusal(request):
            return refused
        if self.status.state != "ready":
            return self._answer(encode(Refusal(self.status.state, self.status.message)), UNAVAILABLE)
        call = decode(await request.body(), FillCall)
        self.calls.append(call)
        usual = Answer(result(*["filled"] * (len(call.segments) - 1)))
        answer = self.answers.popleft() if self.answers else usual
        return self._answer(self._stream(answer, request))

    async def _stream(self, answer: Answer, request: Request) -> AsyncIterator[bytes]:
        ended = False
        try:
            for event in answer.steps:
                yield encode(event) + b"\n"
            while answer.gate is not None and not answer.gate.is_set():
                await asyncio.sleep(POLL)
            ended = True
            if answer.event is None:
                self._abort()
            else:
                yield encode(answer.event) + b"\n"
        finally:
            self.num_hung_up += not ended


def wait_until(is_so: Callable[[], bool]) -> None:
    """Waits for something that another thread or process brings about."""
    patient_until = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < patient_until, "it did not happen in time"
        time.sleep(POLL)
