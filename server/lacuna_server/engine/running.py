"""The engines of this user that run: to look at, and to end."""

import asyncio
import time
from collections.abc import Awaitable
from dataclasses import dataclass

from lacuna_server.engine.address import Address, own_addresses
from lacuna_server.engine.client import EngineClient
from lacuna_server.engine.errors import EngineError, EngineHangsError, EngineUnreachableError
from lacuna_server.engine.listener_process import listener_process, named
from lacuna_server.engine.protocol import Status

POLL_SECONDS = 0.05
END_SECONDS = 10.0
"""What an engine may take to end once it was told to."""


@dataclass(frozen=True, slots=True)
class Found:
    """An engine that answers, or should.

    Attributes:
        address: where.
        status: how it is; None if it cannot be understood.
        problem: why it cannot be understood: it is of another version, or hangs.
    """

    address: Address
    status: Status | None
    problem: str = ""


async def find_running() -> list[Found]:
    """Every engine of this user that listens. Raises UserError if there is no private directory for them."""
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


async def end(client: EngineClient) -> None:
    """Asks an engine to end, and waits until it has.

    Raises:
        EngineHangsError: it does not.
    """
    patient_until = time.monotonic() + END_SECONDS
    try:
        await _any_answer(client.shutdown())
        while time.monotonic() < patient_until:
            await _any_answer(client.status())
            await asyncio.sleep(POLL_SECONDS)
    except EngineUnreachableError:
        return
    except EngineHangsError:
        pass
    process = named(await asyncio.to_thread(listener_process, client.address))
    raise EngineHangsError(f"The engine at {client.address}{process} does not end; end that process by other means.")


async def _any_answer(answer: Awaitable[object]) -> None:
    """Waits for an answer, be it one that cannot be understood."""
    try:
        await answer
    except (EngineUnreachableError, EngineHangsError):
        raise
    except EngineError:
        pass
