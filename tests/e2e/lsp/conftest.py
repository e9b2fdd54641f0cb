from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from scripted_editor import Connect, Editor
from scripted_engine import ScriptedEngine


@pytest.fixture
def socket(socket_path: Path) -> Path:
    """Where the scripted engine listens."""
    return socket_path


@pytest.fixture
def engine(socket: Path) -> Iterator[ScriptedEngine]:
    with ScriptedEngine().listening(socket) as engine:
        yield engine


@pytest.fixture
async def connect(socket: Path) -> AsyncIterator[Connect]:
    """Starts the installed server for an editor. Its settings name the scripted engine, and no delay, by default."""
    editors: list[Editor] = []

    async def connect(settings: dict[str, Any] | None = None, **initialize: Any) -> Editor:
        editor = Editor()
        editors.append(editor)
        usual = {"engine": {"url": f"unix://{socket}"}, "delay_ms": 0}
        await editor.start(usual | (settings or {}), **initialize)
        return editor

    yield connect
    for editor in editors:
        await editor.stop()
