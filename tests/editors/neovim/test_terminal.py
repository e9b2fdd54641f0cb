"""Neovim in a terminal: what a user sees. LACUNA_SCREENSHOTS names a folder for the pictures of the README."""

import os
import re
import sysconfig
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from editors.neovim.child import PLUGIN, Neovim
from editors.terminal import Terminal

from lacuna_server.reasons import Reason

pytestmark = pytest.mark.editors

MAX_BYTES = 80_000
INIT = """
vim.o.termguicolors = true
vim.o.background = 'dark'
vim.o.laststatus = 2
vim.o.number = true
vim.o.cmdheight = 1
vim.o.statusline = " %f %=%{%v:lua.require'lacuna'.statusline()%} "
"""

COLOURS = {"TERM": "xterm-256color", "COLORTERM": "truecolor"}

ROOM = """class Room:
    def __init__(self, width, height):
        self.width = width
        self.height = <FILL>

    def area(self):
        return self.width * <FILL>
"""

UNFINISHED = ROOM.replace(" <FILL>", "", 1).replace("<FILL>", "self.height")

SCRIPTS = Path(sysconfig.get_path("scripts"))

Show = Callable[[str, str], Neovim]


@pytest.fixture
def show(editor: Path, engines: None, home: Path, terminal: Terminal, setup: Callable[..., str]) -> Iterator[Show]:
    """Opens a file in the terminal; the server is where a user may have it, as the pictures name the place."""
    command = home / ".local" / "bin" / "lacuna"
    command.parent.mkdir(parents=True)
    command.symlink_to(SCRIPTS / "lacuna")
    env = COLOURS | {"PATH": f"{command.parent}{os.pathsep}{os.environ['PATH']}"}
    with ExitStack() as stack:

        def show(name: str, text: str) -> Neovim:
            (home / name).write_text(text)
            opened = Neovim.started(editor, home, name, init=INIT + setup(), env=env, terminal=terminal.descriptor)
            neovim = stack.enter_context(opened)
            neovim.is_ready()
            return neovim

        yield show


@pytest.fixture
def picture(terminal: Terminal, tmp_path: Path) -> Callable[[str], None]:
    """Takes a picture of what is on the screen."""
    folder = Path(os.environ.get("LACUNA_SCREENSHOTS", tmp_path)).absolute()

    def picture(name: str) -> None:
        path = folder / f"{name}.png"
        terminal.save(path)
        assert 1000 < path.stat().st_size < MAX_BYTES

    return picture


def test_ghost_text_and_alternatives_are_seen(show: Show, terminal: Terminal, picture: Callable[[str], None]) -> None:
    neovim = show("room.py", UNFINISHED)
    neovim.type("4GA ")
    ghost = neovim.until(neovim.ghost)
    neovim.until(lambda: "self.height = " + ghost.split("\n")[0] in "\n".join(terminal.lines()))
    neovim.until(lambda: terminal.lines()[-2].endswith("Lacuna"))
    picture("ghost-text")
    neovim.type("<M-n>")
    neovim.until(lambda: re.search(r"self\.height = .* \(2/\d\)", "\n".join(terminal.lines())))
    picture("alternatives")


def test_a_fill_is_seen_step_by_step(show: Show, terminal: Terminal, picture: Callable[[str], None]) -> None:
    neovim = show("room.py", ROOM)
    neovim.command("Lacuna gaps")
    neovim.until(lambda: "<FILL>" not in "\n".join(neovim.lines()))
    neovim.command("Lacuna replay")
    neovim.until(lambda: "step 1 of" in "\n".join(terminal.lines()))
    masked = "\n".join(terminal.lines()).count("░")
    assert masked
    while "\n".join(terminal.lines()).count("░") == masked:  # a step need not accept anything
        neovim.type("l")
        neovim.until(neovim.lines)
    picture("denoising")


def test_status_and_health_are_seen(show: Show, terminal: Terminal, picture: Callable[[str], None]) -> None:
    neovim = show("room.py", UNFINISHED)
    neovim.type("4GA ")
    neovim.until(neovim.ghost)
    neovim.type("<Tab>")
    neovim.until(lambda: not neovim.ghost())
    neovim.type("<Esc>hi")
    neovim.until(lambda: neovim.status()["reasons"])
    neovim.type("<Esc>:Lacuna status<CR>")
    neovim.until(lambda: Reason.INSIDE_WORD.description in "\n".join(terminal.lines()))
    picture("status")
    neovim.type("<CR>:checkhealth lacuna<CR>")
    neovim.until(lambda: "OK Lacuna: ready" in "\n".join(terminal.lines()))
    picture("health")


def test_the_readme_shows_all_pictures() -> None:
    shown = set(re.findall(r"\]\(images/([^)]+)\)", (PLUGIN / "README.md").read_text()))
    assert shown == {path.name for path in (PLUGIN / "images").iterdir()}
