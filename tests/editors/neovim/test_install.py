"""Installing it as the README says, from a copy of the folder, in a home directory that holds nothing else."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest
from editors.neovim.child import LOADING_SECONDS, PLUGIN, Neovim

pytestmark = pytest.mark.editors

Start = Callable[..., Neovim]
PERSON = b"class Person:\n    def __init__(self, name):\n        self.name = \n"

ROOT = PLUGIN.parents[1]

LAZY = """
local spec = SPEC
local plugin = { dir = vim.fs.normalize(spec.dir) }
vim.api.nvim_create_autocmd('User', { pattern = 'Later', callback = function() spec.config(plugin) end })
"""
"""What lazy.nvim does with a specification: it calls `config` with the place of the plugin, when the start is over."""


def blocks(language: str, readme: Path = PLUGIN / "README.md") -> list[str]:
    """A README's code, in order."""
    found = re.findall(rf"^ *```{language}\n(.*?)^ *```", readme.read_text(), re.DOTALL | re.MULTILINE)
    return [dedent(block) for block in found]


def test_the_readme_to_the_letter(start: Start, home: Path) -> None:
    (copy,) = blocks("sh")
    subprocess.run(["bash", "-euc", copy], cwd=ROOT, env=os.environ | {"HOME": str(home)}, check=True)
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


def test_from_a_checkout_by_lazy_nvim(start: Start, home: Path) -> None:
    (spec,) = (block for block in blocks("lua") if "function(plugin)" in block)
    checkout = home / "src" / "lacuna"
    checkout.parent.mkdir()
    checkout.symlink_to(ROOT)
    neovim = start("person.py", PERSON, is_ready=False, init=LAZY.replace("SPEC", spec.strip().removesuffix(",")))
    neovim.command("doautocmd User Later")
    neovim.is_ready()
    neovim.type("GA")
    neovim.until(neovim.ghost)


def test_without_the_plugin_as_the_servers_readme_says(start: Start) -> None:
    (init,) = blocks("lua", ROOT / "server" / "README.md")
    neovim = start("person.py", PERSON, is_ready=False, init=init)

    def ghost() -> str:
        neovim.type("<Esc>GA")  # asks again; nothing comes until the model is loaded
        neovim.lua("vim.wait(500)")
        return neovim.ghost()

    text = neovim.until(ghost, LOADING_SECONDS)
    neovim.type("<Tab>")
    neovim.until(lambda: "\n".join(neovim.lines()[2:]) == "        self.name = " + text)


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
