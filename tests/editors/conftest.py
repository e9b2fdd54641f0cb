import os
import subprocess
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from editors.terminal import Terminal

SCRIPTS = Path(sysconfig.get_path("scripts"))


@pytest.fixture(scope="session")
def engines() -> Iterator[None]:
    """Keeps the engine of these tests apart from the user's. They share one: to load the model takes a while."""
    with tempfile.TemporaryDirectory(prefix="lacuna-") as name, pytest.MonkeyPatch.context() as patch:
        for variable in ("XDG_RUNTIME_DIR", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
            directory = Path(name, variable)
            directory.mkdir(mode=0o700)
            patch.setenv(variable, str(directory))
        patch.setenv("PATH", str(SCRIPTS), prepend=os.pathsep)
        patch.delenv("VIRTUAL_ENV", raising=False)
        yield
        subprocess.run([SCRIPTS / "lacuna", "stop"], stdout=subprocess.DEVNULL, check=True)


@pytest.fixture
def home() -> Iterator[Path]:
    """An empty home directory, with a short path."""
    with tempfile.TemporaryDirectory(prefix="lacuna-", ignore_cleanup_errors=True) as name:
        yield Path(name)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    pytest.importorskip("pyte", reason="pyte is missing; tests/editors/neovim/run installs it")
    terminal = Terminal()
    yield terminal
    terminal.close()
