import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import httpx
import pytest
from editors.neovim.child import PLUGIN, Neovim

from lacuna_server.engine.address import own_address

Start = Callable[..., Neovim]

SETUP = """
vim.o.swapfile = false
vim.opt.runtimepath:prepend('PLUGIN')
require('lacuna').setup({
  keys = {
    accept = '<Tab>', accept_word = '<M-Right>', accept_line = '<M-Down>', trigger = '<M-Bslash>',
    next = '<M-n>', previous = '<M-p>', dismiss = '<C-]>',
  },
  settings = SETTINGS,
})
"""


ENCODING = """
vim.lsp.config('lacuna_ls', { capabilities = { general = { positionEncodings = { 'ENCODING' } } } })
"""


def setup_with(settings: str = "{ delay_ms = 0, min_confidence = 0 }", encoding: str = "") -> str:
    """An init.lua with the plugin on the runtime path, all keys, settings in Lua, and the only encoding to count in."""
    only = ENCODING.replace("ENCODING", encoding) if encoding else ""
    return SETUP.replace("PLUGIN", str(PLUGIN)).replace("SETTINGS", settings) + only


@pytest.fixture
def setup() -> Callable[..., str]:
    return setup_with


@pytest.fixture(scope="session")
def editor() -> Path:
    """Neovim 0.12, named by LACUNA_NEOVIM or found on the PATH."""
    pytest.importorskip("msgpack", reason="msgpack is missing; tests/editors/neovim/run installs it")
    found = os.environ.get("LACUNA_NEOVIM") or shutil.which("nvim")
    if found is None:
        pytest.skip("there is no Neovim; tests/editors/neovim/run brings one")
    version = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout.split("\n")[0]
    if tuple(map(int, version.removeprefix("NVIM v").split("-")[0].split("."))) < (0, 12):
        pytest.skip(f"{version} is older than 0.12; tests/editors/neovim/run brings another")
    return Path(found)


@pytest.fixture
def start(editor: Path, engines: None, home: Path) -> Iterator[Start]:
    """Starts an editor with a file, whose bytes are given; `is_ready` waits for the model."""
    with ExitStack() as stack:

        def start(
            name: str, content: bytes = b"", is_ready: bool = True, init: str = setup_with(), **options: str
        ) -> Neovim:
            path = home / name
            path.write_bytes(content)
            started: AbstractContextManager[Neovim] = Neovim.started(editor, home, path, init=init, env=options)
            neovim = stack.enter_context(started)
            if is_ready:
                neovim.is_ready()
            return neovim

        yield start


def asked_of_engine(path: str) -> str:
    """What the engine answers on a path."""
    address = own_address(None, "auto")
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(address.socket))) as client:
        return client.get(f"{address.url}{path}").text


def num_fills(*, stop_reason: str = "") -> float:
    """Fills that the engine has run, or those that stopped for a reason."""
    prefix = f'lacuna_fills_total{{stop_reason="{stop_reason}'
    counted = (line.rpartition(" ") for line in asked_of_engine("/metrics").splitlines())
    return sum(float(value) for name, _, value in counted if name.startswith(prefix))


@pytest.fixture
def fills() -> Callable[..., float]:
    return num_fills


@pytest.fixture
def num_running() -> Callable[[], int]:
    return lambda: int(json.loads(asked_of_engine("/v1/status"))["num_running"])
