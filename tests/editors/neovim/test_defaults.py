"""What the plugin says of the server holds: read from its source, without an editor."""

import re
from dataclasses import fields, is_dataclass
from typing import Any

import pytest
import tree_sitter_lua
from editors.neovim.child import PLUGIN
from tree_sitter import Language, Node, Parser

from lacuna_model.constraints.presets import PRESETS
from lacuna_server.settings import Settings

LEFT_TO_THE_SERVER = {"secret_files"}
"""An old plugin must not take the place of a newer server's list."""


def test_the_defaults_are_those_of_the_server() -> None:
    assert defaults() == expected(Settings())


def test_the_formats_are_those_of_the_model() -> None:
    offered = re.findall(r"'preset:([^']+)'", (PLUGIN / "lua" / "lacuna" / "command.lua").read_text())
    assert offered == list(PRESETS)


@pytest.mark.parametrize("path", ["README.md", "doc/lacuna.txt"])
def test_the_documentation_names_all_subcommands_and_keys(path: str) -> None:
    text = (PLUGIN / path).read_text()
    source = (PLUGIN / "lua" / "lacuna" / "command.lua").read_text()
    subcommands = re.findall(r"^  (\w+) = \{$", source, re.MULTILINE)
    actions = re.findall(r"^  '(\w+)',$", (PLUGIN / "lua" / "lacuna" / "keys.lua").read_text(), re.MULTILINE)
    assert len(subcommands) > 5 and len(actions) > 5
    assert [name for name in subcommands if f"Lacuna {name}" not in text] == []
    assert [name for name in actions if not re.search(rf"\b{name}\b", text)] == []


def defaults() -> Any:
    """The settings in `config.lua`."""
    source = (PLUGIN / "lua" / "lacuna" / "config.lua").read_bytes()
    root = Parser(Language(tree_sitter_lua.language())).parse(source).root_node
    assignment = next(node for node in root.children if node.type == "assignment_statement")
    assert text_of(assignment).startswith("M.defaults = ")
    return value(assignment.children[2].children[0])["settings"]


def value(node: Node) -> Any:
    """The value of a constant."""
    match node.type:
        case "table_constructor":
            table = {}
            for item in node.named_children:
                key, content = item.child_by_field_name("name"), item.child_by_field_name("value")
                assert key is not None and content is not None
                table[value(key) if key.type == "string" else text_of(key)] = value(content)
            return table
        case "function_call":
            assert text_of(node) == "vim.empty_dict()"
            return {}
        case "string":
            return text_of(node).strip("'")
        case "number":
            return float(text_of(node))
        case _:
            return {"true": True, "false": False}[text_of(node)]


def text_of(node: Node) -> str:
    assert node.text is not None
    return node.text.decode()


def expected(settings: Any) -> Any:
    if not is_dataclass(settings):
        return settings
    return {
        field.name: expected(getattr(settings, field.name))
        for field in fields(settings)
        if field.name not in LEFT_TO_THE_SERVER
    }
