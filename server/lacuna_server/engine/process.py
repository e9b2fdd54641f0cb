"""Finds the user's engine, or starts one, and sees to it that there is one as long as it is wanted."""

import asyncio
import math
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Self

import filelock

from lacuna_server.engine.address import Address, own_address
from lacuna_server.engine.backoff import LONGEST_DELAY, BackOff
from lacuna_server.engine.client import EngineClient
from lacuna_server.engine.errors import (
    EngineDownError,
    EngineError,
    EngineHangsError,
    EngineRefusedError,
    EngineUnreachableError,
    EngineVersionError,
)
from lacuna_server.engine.protocol import VERSION, Status
from lacuna_server.engine.running import end
from lacuna_server.engine.spawn import EngineOptions, Process, lives, log_file, spawn

POLL_SECONDS = 0.05
START_SECONDS = 60.0
"""A process that does not listen after this time is given up."""


def ignore(_: Status) -> None:
    """Takes notice of nothing."""


class EngineKeeper:
    """The way to an engine: the user's own one, which is started when it is missing, or one at a given address.

    The own engine is replaced when it is of an older version or has failed to load before we came. Once it has failed
    for us, nothing is tried any more until `reset`. A given engine is only connected to.
    """

    def __init__(
        self,
        address: Address | None,
        options: EngineOptions,
        *,
        token: str | None = None,
        ca_file: Path | None = None,
        on_status: Callable[[Status], None] = ignore,
        spawn: Callable[[Address, EngineOptions], Process] = spawn,
    ) -> None:
        """Makes a keeper; nothing is started yet.

        Args:
            address: of a given engine; None: the user's own one.
            options: which engine is the own one.
            token: what a given engine wants to hear.
            ca_file: certificates that a given engine's is checked with, in place of the system's.
            on_status: told how the engine is whenever we look, several times a second while it loads.
            spawn: starts an engine.
        """
        self._given = address
        self._options = options
        self._token = token
        self._ca_file = ca_file
        self._on_status = on_status
        self._spawn = spawn
        self._client: EngineClient | None = None
        self._process: Process | None = None
        self._back_off = BackOff()
        self._failure = ""
        self._turn = asyncio.Lock()
        self._search: asyncio.Task[EngineClient] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Hangs up; the engine goes on."""
        if self._search is not None:
            self._search.cancel()
        if self._client is not None:
            await self._client.aclose()

    async def ensure(self) -> EngineClient:
        """Waits for an engine that is ready, and returns a client of it that the keeper closes.

        Several callers wait for the same engine. A caller that is cancelled leaves the start as it is.

        Raises:
            EngineDownError: it cannot be started, ended while it loaded, failed to load, or a newer one runs.
            EngineHangsError: it does not answer, or an old one does not end: none is started beside it.
            EngineError: it refuses, or the given engine does not answer as it should.
            UserError: there is no private directory for the own one.
        """
        if self._search is None or self._search.done():
            self._search = asyncio.create_task(self._find_ready())
            self._search.add_done_callback(_take_notice)
        return await asyncio.shield(self._search)

    def reset(self) -> None:
        """Allows a start at once, whatever has gone wrong before."""
        self._failure = ""
        self._back_off = BackOff()

    async def stop(self) -> None:
        """Ends the own engine; whoever wants it next starts it anew, at once.

        Raises:
            EngineError: the engine is a given one.
        """
        if self._given is not None:
            raise EngineError(f"The engine at {self._given} was given by its address; restart it where it runs.")
        async with self._turn:
            with suppress(EngineHangsError):  # told when it is looked for again
                await end(await self._connect())
            self.reset()

    async def _find_ready(self) -> EngineClient:
        async with self._turn:
            client = await self._connect()
            if self._given is not None:
                status = await client.status()
            else:
                status = await _usable(client) or await self._start(client)
        return await self._ready(status)

    async def _connect(self) -> EngineClient:
        """A client for where the engine is to be found now: without sockets that changes with every start."""
        address = self._given or own_address(self._options.checkpoint, self._options.device, self._options.precision)
        if self._client is None or self._client.address != address:
            if self._client is not None:
                await self._client.aclose()
            self._client = EngineClient(address, token=self._token, ca_file=self._ca_file)
        return self._client

    async def _start(self, client: EngineClient) -> Status:
        if self._failure:
            raise EngineDownError(self._failure)
        if self._process is not None and self._process.poll() == 0:
            self._back_off = BackOff()  # it did not fail: it was idle, or was told to end
        if left := self._back_off.seconds_left(time.monotonic()):
            wait = f"it may start again in {math.ceil(left)} s"
            raise EngineDownError(f"The engine has ended; {wait}. Its log: {log_file(client.address)}", left)
        async with _held(client.address.lock_file):
            client = await self._connect()  # whoever held the lock may have changed the place
            if status := await _cleared(client):
                return status  # somebody else was faster
            client.address.forget()
            client = await self._connect()
            self._back_off = self._back_off.after_start(time.monotonic())
            self._process = self._spawn(client.address, self._options)
            return await self._listening(client, self._process)

    async def _listening(self, client: EngineClient, process: Process) -> Status:
        patient_until = time.monotonic() + START_SECONDS
        while time.monotonic() < patient_until:
            try:
                return await client.status()
            except (EngineUnreachableError, EngineHangsError):
                await asyncio.sleep(POLL_SECONDS)
            except EngineVersionError as error:
                self._failure = f"{error} If it was updated just now, restart the editor."
                raise EngineDownError(self._failure) from error
            if process.poll() is not None:
                break
        left = self._back_off.seconds_left(time.monotonic())
        raise EngineDownError(f"The engine could not be started. Its log: {log_file(client.address)}", left)

    async def _ready(self, status: Status) -> EngineClient:
        client = self._client
        assert client is not None
        while True:
            self._on_status(status)
            if status.state == "ready":
                return client
            if status.state == "failed":
                await self._give_up(client, status.message)
            await asyncio.sleep(POLL_SECONDS)
            try:
                status = await client.status()
            except EngineUnreachableError as error:
                left = self._back_off.seconds_left(time.monotonic())
                raise EngineDownError("The engine ended while it was loading the model.", left) from error

    async def _give_up(self, client: EngineClient, message: str) -> None:
        if self._given is None:
            self._failure = message
            with suppress(EngineError):
                await client.shutdown()  # it is of no use to anybody
        raise EngineDownError(message)


async def _usable(client: EngineClient) -> Status | None:
    """The status of an engine that fills, or will when it has loaded; None: it may be replaced.

    Raises:
        EngineDownError: it is of a newer version; two versions that replace each other would never come to an end.
        EngineHangsError: it does not answer.
        EngineRefusedError: it does not answer us.
    """
    try:
        status = await client.status()
    except (EngineHangsError, EngineRefusedError):
        raise
    except EngineVersionError as error:
        if _order(error.version) > _order(VERSION):
            update = "update this one, or restart the editor if that was done just now"
            message = f"The engine that runs is Lacuna {error.version}, newer than this {VERSION}; {update}."
            raise EngineDownError(message, LONGEST_DELAY) from error
        return None
    except EngineError:
        return None
    return None if status.state == "failed" else status


async def _cleared(client: EngineClient) -> Status | None:
    """Ends what cannot be used and waits until it is gone; the status of an engine that comes up meanwhile.

    Raises:
        EngineHangsError: it does not end.
        EngineError: as `_usable` does.
    """
    patient_until = time.monotonic() + START_SECONDS
    while (status := await _usable(client)) is None:
        await end(client)
        if not lives(client.address):
            return None
        if time.monotonic() > patient_until:
            raise EngineHangsError(f"An engine neither answers nor ends. Its log: {log_file(client.address)}")
        await asyncio.sleep(POLL_SECONDS)
    return status


def _order(version: str) -> tuple[list[int], str]:
    """Orders versions: by all numbers in them, then by the letters, so that of two that differ one always is newer."""
    return [int(number) for number in re.findall("[0-9]+", version)], version


@asynccontextmanager
async def _held(path: Path) -> AsyncIterator[None]:
    """Holds a lock that goes with its holder's process, so that a file left behind means nothing."""
    lock = filelock.FileLock(path, blocking=False)
    while not lock.is_locked:
        try:
            lock.acquire()
        except filelock.Timeout:
            await asyncio.sleep(POLL_SECONDS)
    try:
        yield
    finally:
        lock.release()


def _take_notice(search: "asyncio.Task[EngineClient]") -> None:
    """Keeps asyncio from complaining about an error that no caller was left to hear of."""
    if not search.cancelled():
        search.exception()
