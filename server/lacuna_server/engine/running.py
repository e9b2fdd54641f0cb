"""The engines of this user that run: to look at, and to end."""

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass

from lacuna_server.engine.address import Address, own_addresses
from lacuna_server.engine.client import EngineClient
from lacuna_server.engine.errors import EngineError, EngineUnreachableError
from lacuna_server.engine.protocol import Status

POLL_SECONDS = 0.05
END_SECONDS = 10.0
"""What an engine may take to end once it was told to."""


@dataclass(frozen=True, slots=True)
class Found:
    """An engine that answers.

    Attributes:
        address: where.
        status: how it is; None if it cannot be understood.
        problem: why it cannot be understood, for example because it is of another version.
    """

    address: Address
    status: Status | None
    problem: str = ""


async def find_running() -> list[Found]:
    """Every engine of this user that answers. Raises UserError if there is no private directory for them."""
    found = await asyncio.gather(*map(_look, own_addresses()))
    return [each for each in found if each is not None]


async def _look(address: Address) -> Found | None:
    async with EngineClient(address) as client:
        try:
            return Found(address, await client.status())
        except EngineUnreachableError:
            return None
        except EngineError as error:
            return Found(address, None, str(error))


async def end(client: EngineClient) -> bool:
    """Asks an engine to end, and waits until it has. False if it does not."""
    with suppress(EngineError):
        await client.shutdown()
    patient_until = time.monotonic() + END_SECONDS
    while await _answers(client):
        if time.monotonic() > patient_until:
            return False
        await asyncio.sleep(POLL_SECONDS)
    return True


async def _answers(client: EngineClient) -> bool:
    with suppress(EngineError):
        try:
            await client.status()
        except EngineUnreachableError:
            return False
    return True
