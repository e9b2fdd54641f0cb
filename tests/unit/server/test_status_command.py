"""`lacuna status` on terminals of any width."""

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from lacuna_server.commands import status as command
from lacuna_server.engine.address import Address
from lacuna_server.engine.protocol import VERSION, Status
from lacuna_server.engine.running import Found

STATUS = Status(VERSION, 123456, "ready", device="cuda:0", precision="bfloat16", uptime_seconds=3661.0)


@pytest.mark.parametrize(("width", "num_lines"), [(200, 2), (40, len(command.COLUMNS)), (10, len(command.COLUMNS))])
def test_nothing_is_cut(monkeypatch: pytest.MonkeyPatch, width: int, num_lines: int) -> None:
    file = StringIO()
    monkeypatch.setattr(command, "table_console", lambda: Console(file=file, width=width))
    command._print([Found(Address("http://localhost", socket=Path("x.sock")), STATUS)])
    shown = file.getvalue()
    assert all(cell in shown for cell in (*command.COLUMNS, *command._row(STATUS)))
    assert shown.count("\n") == num_lines
