"""Neovim in a terminal: what a user sees. LACUNA_SCREENSHOTS names a folder for the pictures of the README."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from editors.neovim.child import Neovim
from editors.neovim.terminal import Terminal

pytestmark = pytest.mark.editors

MAX_BYTES = 100_000
INIT = """
vim.o.termguicolors = true
vim.o.background = 'dark'
vim.o.laststatus = 2
vim.o.number = true
vim.o.cmdheight = 1
vim.o.statusline = " %f %=%{%v:lua.require'lacuna'.statusline()%} "
"""

COLOURS = {"TERM": "xterm-256color", "COLORTERM": "truecolor"}

TEXT = """class Person:
    def __init__(self, name):
        self.name =
"""


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    pytest.importorskip("pyte", reason="pyte is missing; tests/editors/neovim/run installs it")
    terminal = Terminal()
    yield terminal
    terminal.close()


def test_ghost_text_and_a_replay_are_seen(
    editor: Path, engines: None, home: Path, terminal: Terminal, setup: Callable[..., str], tmp_path: Path
) -> None:
    (home / "person.py").write_text(TEXT)
    pictures = Path(os.environ.get("LACUNA_SCREENSHOTS", tmp_path))
    with Neovim.started(
        editor, home, "person.py", init=INIT + setup(), env=COLOURS, terminal=terminal.descriptor
    ) as neovim:
        neovim.is_ready()
        neovim.type("GA ")
        ghost = neovim.until(neovim.ghost)
        neovim.until(lambda: any(ghost.split("\n")[0] in line for line in terminal.lines()))
        neovim.until(lambda: terminal.lines()[-2].endswith("Lacuna"))
        picture(terminal, pictures / "screenshot.png")
        neovim.type("<Tab><Esc>")
        neovim.command("Lacuna replay")
        neovim.until(lambda: any("step 1 of" in line for line in terminal.lines()))
        neovim.type("l")
        neovim.until(lambda: any("step 2 of" in line or "result" in line for line in terminal.lines()))
        picture(terminal, pictures / "replay.png")


def picture(terminal: Terminal, path: Path) -> None:
    terminal.save(path)
    assert 1000 < path.stat().st_size < MAX_BYTES
