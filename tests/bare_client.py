"""Asks an engine what its protocol has, over plain HTTP."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx

from lacuna_server.engine.protocol import Event, FillCall, Status, StepEvent, decode, decode_event, encode

PATIENCE = 120.0
"""Seconds after which a test that waits for something has failed."""

POLL = 0.02


class BareClient:
    """Somebody who asks an engine, without what `EngineClient` makes of its answers."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def status(self) -> Status:
        return decode((await self.http.get("/v1/status")).content, Status)

    async def until(self, is_so: Callable[[Status], bool]) -> Status:
        """Waits for something to come about."""
        async with asyncio.timeout(PATIENCE):
            while not is_so(status := await self.status()):
                await asyncio.sleep(POLL)
        return status

    async def fill(self, call: FillCall) -> list[Event]:
        """Waits for all events of a fill."""
        response = await self.http.post("/v1/fill", content=encode(call))
        return [decode_event(line) for line in response.text.splitlines()]

    @asynccontextmanager
    async def filling(self, call: FillCall) -> AsyncIterator[AsyncIterator[str]]:
        """A fill that has made its first step, and the lines to come; leaving hangs up."""
        async with self.http.stream("POST", "/v1/fill", content=encode(call)) as response:
            lines = response.aiter_lines()
            assert isinstance(decode_event(await anext(lines)), StepEvent)
            yield lines

    async def figure(self, name: str) -> float:
        """The sum of the metrics whose lines begin so."""
        text = (await self.http.get("/metrics")).text
        return sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(name))
