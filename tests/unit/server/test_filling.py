"""What somebody who waits for a fill is told."""

from dataclasses import dataclass
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from lacuna_server import filling
from lacuna_server.engine.errors import EngineError
from lacuna_server.engine.protocol import VERSION, Status


@dataclass
class Client:
    num_queued: int | None

    async def status(self) -> Status:
        if self.num_queued is None:
            raise EngineError("It does not answer.")
        return Status(VERSION, 1, "ready", num_queued=self.num_queued)


@pytest.mark.parametrize(("num_queued", "told"), [(1, "in line at the engine: 1"), (0, ""), (None, "")])
async def test_who_waits_for_their_turn_is_told(
    monkeypatch: pytest.MonkeyPatch, num_queued: int | None, told: str
) -> None:
    monkeypatch.setattr(filling, "PATIENCE_SECONDS", 0.0)
    client: Any = Client(num_queued)
    log = Console(file=StringIO(), width=200)
    await filling._tell_if_waiting(client, log)
    assert isinstance(log.file, StringIO)
    shown = log.file.getvalue()
    assert told in shown and bool(shown) == bool(told)
