"""Installing it as the README says, from a copy of the folder, in a home directory that holds nothing else."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest
from editors.neovim.child import PLUGIN, Neovim

pytestmark = pytest.mark.editors

Start = Callable[..., Neovim]
PERSON = b"class Person:\n    def __init__(self, name):\n        self.name = \n"

LAZY = """
local spec = SPEC
local plugin = { dir = 'ROOT' }
vim.api.nvim_create_autocmd('User', { pattern = 'Later', callback = function() spec.config(plugin) end })
"""
"""What lazy.nvim does with a specification: it calls `config` with the place of its clone, when the start is over."""


def blocks(language: str) -> list[str]:
    """The README's code, in order."""
    found = re.findall(rf"^ *```{language}\n(.*?)^ *```", (PLUGIN / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    return [dedent(block) for block in found]


def test_the_readme_to_the_letter(start: Start, home: Path) -> None:
    package = home / ".local" / "share" / "nvim" / "site" / "pack" / "lacuna" / "start" / "lacuna"
    shutil.copytree(PLUGIN, package)
    (setup,) = (block for block in blocks("lua") if block.startswith("require('lacuna').setup"))
    neovim = start("person.py", PERSON, init=setup)
    neovim.type("GA")
    ghost = neovim.until(neovim.ghost)
    neovim.type("<Tab>")
    neovim.until(lambda: "\n".join(neovim.lines()[2:]) == "        self.name = " + ghost)


def test_without_any_setup(start: Start, home: Path) -> None:
    neovim = start("person.py", PERSON, init=f"vim.opt.runtimepath:prepend('{PLUGIN}')")
    neovim.type("GA")
    neovim.until(neovim.ghost)
    neovim.type("<Tab>")
    neovim.until(lambda: neovim.lines()[2] == "        self.name = " + " " * 4)
    assert neovim.lua("return vim.tbl_isempty(vim.fn.maparg('<M-n>', 'i', false, true))"), "no key is taken"


def test_from_a_subfolder_by_lazy_nvim(start: Start) -> None:
    (spec,) = (block for block in blocks("lua") if "function(plugin)" in block)
    init = LAZY.replace("SPEC", spec.strip().removesuffix(",")).replace("ROOT", str(PLUGIN.parents[1]))
    neovim = start("person.py", PERSON, is_ready=False, init=init)
    neovim.command("doautocmd User Later")
    neovim.is_ready()
    neovim.type("GA")
    neovim.until(neovim.ghost)


def test_health(start: Start) -> None:
    neovim = start("person.py", PERSON)
    neovim.command("checkhealth lacuna")
    report = "\n".join(neovim.until(neovim.lines))
    assert "OK Neovim has inline completion" in report
    assert "OK lacuna 0." in report
    assert "OK Lacuna: ready" in report
    assert "ERROR" not in report and "WARNING" not in report


def test_progress_is_told(start: Start) -> None:
    neovim = start("person.py", PERSON)
    neovim.command("Lacuna restart")
    neovim.until(lambda: neovim.lua("return _G.progress"), 60)


def test_the_help_has_its_tags(editor: Path, start: Start, home: Path) -> None:
    shutil.copytree(PLUGIN / "doc", home / "doc")
    neovim = start("person.py", PERSON, is_ready=False, init=f"vim.opt.runtimepath:prepend('{home}')")
    neovim.command(f"helptags {home}/doc")
    tags = {line.split("\t")[0] for line in (home / "doc" / "tags").read_text().splitlines()}
    assert {"lacuna.txt", ":Lacuna", "lacuna-keys", "lacuna-commands", "lacuna-settings"} <= tags
    neovim.command("help lacuna-commands")
    linked = re.findall(r"\|(lacuna[^|]*)\|", (PLUGIN / "doc" / "lacuna.txt").read_text())
    assert [name for name in linked if name not in tags] == []
