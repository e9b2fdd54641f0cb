"""Asks an engine."""

import asyncio
import ssl
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self, TypeVar

import httpx

from lacuna_server.engine.address import Address
from lacuna_server.engine.errors import (
    EngineClosingError,
    EngineError,
    EngineHangsError,
    EngineRefusedError,
    EngineUnreachableError,
    EngineVersionError,
)
from lacuna_server.engine.listener_process import listener_process, named
from lacuna_server.engine.protocol import (
    VERSION,
    VERSION_HEADER,
    FillCall,
    ReasonsCall,
    Refusal,
    ResultEvent,
    Status,
    StepEvent,
    WarmCall,
    decode,
    decode_event,
    encode,
)
from lacuna_server.errors import UserError

T = TypeVar("T")

CONNECT_SECONDS = 5.0
STATUS_SECONDS = 10.0
"""An engine that does not tell its status within this time hangs."""


class EngineClient:
    """Asks one engine; its connections are kept until it is closed.

    Every request raises:
        EngineUnreachableError: no engine answers, or not to the end; EngineClosingError: it ends.
        EngineHangsError: nothing is answered in time.
        EngineVersionError: the engine is of another version.
        EngineRefusedError: the engine says why not.
        EngineError: what it answers cannot be understood.
    """

    def __init__(self, address: Address, *, token: str | None = None, ca_file: Path | None = None) -> None:
        """Makes a client; nothing is sent yet.

        Args:
            address: where the engine listens.
            token: what the engine wants to hear; None: what the address knows, if anything.
            ca_file: certificates to trust in place of the system's.

        Raises:
            UserError: `ca_file` holds no certificates.
            OSError: the address's token cannot be read.
        """
        self.address = address
        if token is None and address.token_file is not None:
            token = address.token_file.read_text(encoding="ascii").strip()
        self._http = httpx.AsyncClient(
            base_url=address.url,
            headers={} if token is None else {"Authorization": f"Bearer {token}"},
            transport=httpx.AsyncHTTPTransport(
                uds=None if address.socket is None else str(address.socket),
                verify=_trust(address, ca_file),
                trust_env=False,
            ),
            timeout=httpx.Timeout(None, connect=CONNECT_SECONDS),  # a fill may take its time
            trust_env=False,  # no proxy is to see the text
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Hangs up."""
        await self._http.aclose()

    async def status(self) -> Status:
        """How the engine is."""
        async with self._asked("GET", "/v1/status", timeout=STATUS_SECONDS) as response:
            return self._read(await response.aread(), Status)

    async def fill(self, call: FillCall) -> AsyncGenerator[StepEvent | ResultEvent, None]:
        """Fills gaps: yields steps if they were asked for, then the result.

        Closing the generator hangs up, which ends the fill within a denoising step; so does cancelling its task.
        """
        async with self._asked("POST", "/v1/fill", content=encode(call)) as response:
            async for line in response.aiter_lines():
                try:
                    event = decode_event(line)
                except ValueError as error:
                    raise self._misunderstood(error) from error
                if isinstance(event, Refusal):
                    raise self._refused(event)
                yield event
                if isinstance(event, ResultEvent):
                    return
        raise self._broken_off()

    async def warm(self, call: WarmCall) -> None:
        """Has a text encoded that will soon be the prefix of a gap."""
        async with self._asked("POST", "/v1/warm", content=encode(call)):
            pass

    async def tell_reasons(self, call: ReasonsCall) -> None:
        """Tells why requests of an editor brought nothing."""
        async with self._asked("POST", "/v1/reasons", content=encode(call), timeout=STATUS_SECONDS):
            pass

    async def shutdown(self) -> None:
        """Asks the engine to end, of whatever version it is."""
        try:
            async with self._asked("POST", "/v1/shutdown", timeout=STATUS_SECONDS):
                pass
        except EngineVersionError:
            pass  # it has been told

    @asynccontextmanager
    async def _asked(self, method: str, path: str, **options: Any) -> AsyncIterator[httpx.Response]:
        try:
            async with self._http.stream(method, path, **options) as response:
                await self._check(response)
                yield response
        except httpx.TimeoutException as error:
            process = named(await asyncio.to_thread(listener_process, self.address))
            message = f"The engine at {self.address}{process} does not answer; wait a while, or end that process."
            raise EngineHangsError(message) from error
        except httpx.ConnectError as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                message = f"The certificate of the engine at {self.address} is not trusted; engine.ca_file can name it."
                raise EngineUnreachableError(message) from error
            reason = f" ({error})" if str(error) else ""
            raise EngineUnreachableError(f"No engine answers at {self.address}{reason}; does it run?") from error
        except httpx.TransportError as error:
            raise self._broken_off() from error

    async def _check(self, response: httpx.Response) -> None:
        version = response.headers.get(VERSION_HEADER)
        if version is None:
            raise EngineUnreachableError(f"What answers at {self.address} is no engine of Lacuna.")
        if version != VERSION:
            message = f"The engine at {self.address} is Lacuna {version}, this is {VERSION}; install the same one."
            raise EngineVersionError(message, version)
        if not response.is_success:
            raise self._refused(self._read(await response.aread(), Refusal))

    def _read(self, data: bytes, kind: type[T]) -> T:
        try:
            return decode(data, kind)
        except ValueError as error:
            raise self._misunderstood(error) from error

    def _refused(self, refusal: Refusal) -> EngineError:
        if refusal.kind == "closing":
            return EngineClosingError(f"The engine at {self.address} ends; try again.")
        return EngineRefusedError(refusal.kind, refusal.message)

    def _broken_off(self) -> EngineUnreachableError:
        return EngineUnreachableError(f"The engine at {self.address} ended before it had answered; try again.")

    def _misunderstood(self, error: ValueError) -> EngineError:
        return EngineError(f"The engine at {self.address} answers what cannot be understood: {error}")


def _trust(address: Address, ca_file: Path | None) -> ssl.SSLContext:
    if not address.url.startswith("https:"):
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # trusts nobody; reading the system's certificates takes time
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise UserError(f"{ca_file} holds no certificates that can be read: {error.strerror or error}") from error
