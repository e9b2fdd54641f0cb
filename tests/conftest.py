import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def short_directory() -> Iterator[Path]:
    """A directory whose name leaves room for that of a socket, which pytest's own do not."""
    with tempfile.TemporaryDirectory(prefix="lacuna-") as name:
        yield Path(name)


@pytest.fixture
def socket_path(short_directory: Path) -> Path:
    return short_directory / "engine.sock"
