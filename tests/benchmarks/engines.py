"""The real engine in a process of its own, for a benchmark and nobody else."""

import asyncio
import json
import sys
import sysconfig
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from benchmarks.recording_engine import RECORD

from lacuna_server.engine.address import Address
from lacuna_server.engine.client import EngineClient
from lacuna_server.engine.errors import EngineError
from lacuna_server.engine.protocol import Status

INSTALLED = (str(Path(sysconfig.get_path("scripts")) / "lacuna"), "engine")
RECORDING = (sys.executable, str(Path(__file__).with_name("recording_engine.py")))

LOADING_SECONDS = 300.0
POLL = 0.1


@dataclass(frozen=True, slots=True)
class RunningEngine:
    """An engine that is ready.

    Attributes:
        client: asks it.
        url: for the setting `engine.url`.
        status: when it was ready.
        directory: for what belongs to it; it is gone in the end.
    """

    client: EngineClient
    url: str
    status: Status
    directory: Path

    async def metrics(self) -> dict[str, float]:
        """What the engine counts, by name and labels as Prometheus writes them."""
        transport = httpx.AsyncHTTPTransport(uds=self.url.removeprefix("unix://"))
        async with httpx.AsyncClient(transport=transport, base_url="http://engine") as http:
            lines = (await http.get("/metrics")).raise_for_status().text.splitlines()
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")}

    def recorded(self) -> list[dict[str, Any]]:
        """What a recording engine has written."""
        return [json.loads(line) for line in (self.directory / RECORD).read_text(encoding="utf-8").splitlines()]


@asynccontextmanager
async def running(command: Sequence[str], *options: str) -> AsyncIterator[RunningEngine]:
    """Starts an engine on a socket of its own and waits until it is ready; it ends with the block."""
    with tempfile.TemporaryDirectory(prefix="lacuna-") as name:
        directory = Path(name)
        address = Address.of_socket(directory / "engine.sock")
        process = await asyncio.create_subprocess_exec(
            *command, "--socket", str(address.socket), *options, stdout=asyncio.subprocess.DEVNULL
        )
        try:
            async with EngineClient(address) as client:
                async with asyncio.timeout(LOADING_SECONDS):
                    status = await _ready(client, process)
                yield RunningEngine(client, str(address), status, directory)
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()


async def _ready(client: EngineClient, process: asyncio.subprocess.Process) -> Status:
    while process.returncode is None:
        with suppress(EngineError):
            status = await client.status()
            if status.state == "ready":
                return status
            if status.state == "failed":
                raise SystemExit(status.message)
        await asyncio.sleep(POLL)
    raise SystemExit("The engine has ended before it was ready.")
