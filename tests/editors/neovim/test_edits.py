"""Edits by the real server and the embedded model: several gaps, selections, formats, and every byte of a file."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from editors.neovim.child import Neovim

pytestmark = pytest.mark.editors

Start = Callable[..., Neovim]

GAPS = """class Point:
    def __init__(self, x, y):
        self.x = <FILL>
        self.y = <FILL>

    def total(self):
        return self.x + <FILL>
"""

NEGOTIATED = "return vim.lsp.get_clients({ name = 'lacuna_ls' })[1].offset_encoding"

SCHEMA = {"type": "object", "properties": {"port": {"type": "integer", "minimum": 1000, "maximum": 1999}}}


def test_marked_gaps_are_filled_in_one_step(start: Start) -> None:
    neovim = start("point.py", GAPS.encode())
    before = neovim.lines()
    neovim.command("Lacuna gaps")
    neovim.until(lambda: not any("<FILL>" in line for line in neovim.lines()))
    neovim.command("undo")
    assert neovim.lines() == before
    assert neovim.lua("return vim.fn.undotree().seq_cur") == 0


def test_a_selection_is_filled(start: Start, fills: Callable[..., float]) -> None:
    neovim = start("total.py", b"def total(items):\n    return x(1)(2)(3)\n\nprint(total([1, 2]))\n")
    num_fills = fills()
    neovim.type("jfxv$h:Lacuna fill<CR>")
    neovim.until(lambda: neovim.lines()[1] != "    return x(1)(2)(3)" or neovim.messages())
    assert fills() == num_fills + 1
    assert neovim.lines()[0] == "def total(items):" and neovim.lines()[1].startswith("    return ")


def test_a_value_obeys_the_schema_of_its_document(start: Start, home: Path) -> None:
    (home / "server.schema.json").write_text(json.dumps(SCHEMA))
    neovim = start("server.json", b'{\n  "$schema": "server.schema.json",\n  "port": \n}\n')
    neovim.type("jjA")
    neovim.command("Lacuna snippet")
    neovim.until(lambda: neovim.lines()[2] != '  "port": ')
    assert 1000 <= json.loads("\n".join(neovim.lines()))["port"] <= 1999


def test_a_value_obeys_a_named_format(start: Start) -> None:
    neovim = start("release.py", b'released = ""\n')
    neovim.type('2f"')
    neovim.command("Lacuna snippet regex:20[0-9]{2}")
    neovim.until(lambda: neovim.lines()[0] != 'released = ""')
    assert int(neovim.lines()[0].removeprefix('released = "').removesuffix('"')) in range(2000, 2100)
    neovim.command("Lacuna snippet regex:(ab")
    neovim.until(lambda: any("is not a regular expression" in message for message in neovim.messages()))


EMOJI = "class Person:\n    def __init__(self, name, mark='🦊é'):\n        self.mark, self.name = '🦊é', \n"


@pytest.mark.parametrize(
    ("name", "content", "encoding"),
    [
        ("crlf.py", "class Person:\r\n    def __init__(self, name):\r\n        self.name = \r\n", "utf-8"),
        ("tabs.py", "class Person:\n\tdef __init__(self, name):\n\t\tself.name = \n", "utf-8"),
        ("emoji.py", EMOJI, "utf-8"),
        ("emoji.py", EMOJI, "utf-16"),
        ("emoji.py", EMOJI, "utf-32"),
        ("no_newline.py", "class Person:\n    def __init__(self, name):\n        self.name = ", "utf-8"),
    ],
)
def test_every_byte_lands_where_it_should(
    start: Start, home: Path, setup: Callable[..., str], name: str, content: str, encoding: str
) -> None:
    neovim = start(name, content.encode(), init=setup(encoding=encoding))
    assert neovim.lua(NEGOTIATED) == encoding
    neovim.lua("vim.bo.fixendofline = false")
    neovim.type("GA")
    ghost = neovim.until(neovim.ghost)
    neovim.type("<Tab>")
    neovim.until(lambda: not neovim.ghost())
    neovim.type("<Esc>")
    neovim.command("write")
    newline = "\r\n" if "\r\n" in content else "\n"
    body = content.removesuffix(newline)
    expected = body + ghost.replace("\n", newline) + content[len(body) :]
    assert (home / name).read_bytes() == expected.encode()
