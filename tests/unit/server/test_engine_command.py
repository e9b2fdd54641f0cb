import math
import os
from pathlib import Path
from typing import Any

import pytest

from lacuna_server.commands.engine import engine
from lacuna_server.engine.address import tcp_address
from lacuna_server.engine.listening import Listener
from lacuna_server.engine.service import ServiceOptions

Served = list[tuple[Listener, ServiceOptions]]


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Served:
    """What the command would have served with, and how."""
    calls: Served = []
    monkeypatch.setattr("lacuna_server.engine.service.serve", lambda _, listener, how: calls.append((listener, how)))
    monkeypatch.setattr("logging.basicConfig", lambda **_: None)
    monkeypatch.setattr(os, "_exit", lambda _: None)
    return calls


@pytest.mark.parametrize(
    ("arguments", "idle_minutes", "is_shared"),
    [
        ({}, math.inf, False),
        ({"idle_minutes": 5.0}, 5.0, False),
        ({"host": "127.0.0.1"}, math.inf, True),
        ({"port": 0}, math.inf, True),
    ],
)
def test_when_it_ends(
    served: Served,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: dict[str, Any],
    idle_minutes: float,
    is_shared: bool,
) -> None:
    monkeypatch.setattr("lacuna_server.engine.address.own_address", lambda *_: tcp_address(tmp_path, "key"))
    engine(**arguments)
    ((listener, options),) = served
    listener.socket.close()
    assert (options.idle_minutes, options.is_shared) == (idle_minutes, is_shared)


def test_on_a_port_of_its_own_it_leaves_no_token_behind(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tcp_address(tmp_path, "key")
    monkeypatch.setattr("lacuna_server.engine.address.own_address", lambda *_: own)
    engine()
    ((listener, options),) = served
    assert own.token_file is not None
    assert (listener.url, options.token) == (own.url, own.token_file.read_text())
    assert listener.is_reachable()
    listener.remove()
    listener.socket.close()
    assert not listener.is_reachable()
    assert list(tmp_path.iterdir()) == []
