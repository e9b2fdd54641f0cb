"""What the extension for VS Code says in JSON agrees with the server; no editor and no Node.js is needed."""

import json
import re
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from lacuna_model.constraints.presets import PRESETS
from lacuna_server import __version__
from lacuna_server.app import METHODS
from lacuna_server.engine.precision import Precision
from lacuna_server.extent import Wanted
from lacuna_server.settings import SECTION, Level, Settings

CLIENT = Path(__file__).parents[3] / "clients" / "vscode"
MANIFEST = json.loads((CLIENT / "package.json").read_text(encoding="utf-8"))
PROPERTIES: dict[str, dict[str, Any]] = MANIFEST["contributes"]["configuration"]["properties"]

OWN = {"lacuna.server.path", "lacuna.trace.server"}
"""Settings of the extension, which it does not send to the server."""

SCHEMAS: dict[Any, dict[str, Any]] = {
    bool: {"type": "boolean"},
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    tuple[str, ...]: {"type": "array", "items": {"type": "string"}},
    dict[str, bool]: {"type": "object", "additionalProperties": {"type": "boolean"}},
    dict[str, str]: {"type": "object", "additionalProperties": {"type": "string"}},
    Level: {"type": "string", "enum": list(get_args(Level))},
    Precision: {"type": "string", "enum": list(get_args(Precision))},
    Wanted: {"anyOf": [{"enum": ["auto", "line", "block"]}, {"type": "integer", "minimum": 1}]},
}
"""How a setting's type is written in the manifest."""

SHAPE = {key for schema in SCHEMAS.values() for key in schema}


def settings_of(section: Any, path: str) -> dict[str, tuple[Any, Any]]:
    """Names of all settings with their types and defaults."""
    kinds = get_type_hints(type(section))
    found: dict[str, tuple[Any, Any]] = {}
    for field in fields(section):
        name, value = f"{path}.{field.name}", getattr(section, field.name)
        if is_dataclass(value):
            found |= settings_of(value, name)
        else:
            found[name] = (kinds[field.name], list(value) if isinstance(value, tuple) else value)
    return found


SETTINGS = settings_of(Settings(), SECTION)


def test_the_names_are_those_of_the_server() -> None:
    assert set(PROPERTIES) - OWN == set(SETTINGS)
    assert set(PROPERTIES) >= OWN


@pytest.mark.parametrize("name", SETTINGS)
def test_a_default_and_a_type_are_those_of_the_server(name: str) -> None:
    kind, default = SETTINGS[name]
    said = PROPERTIES[name]
    assert said["default"] == default, json.dumps(default)
    assert {key: said[key] for key in SHAPE & set(said) if key != "minimum"} == SCHEMAS[kind]


def test_every_setting_is_described() -> None:
    for name, said in PROPERTIES.items():
        text = said.get("description") or said["markdownDescription"]
        assert text.endswith("."), name


def test_what_says_where_code_goes_and_what_is_run_needs_trust() -> None:
    restricted = MANIFEST["capabilities"]["untrustedWorkspaces"]["restrictedConfigurations"]
    paths = {name for name in PROPERTIES if name.startswith("lacuna.engine.") and not name.endswith("idle_minutes")}
    assert paths | {"lacuna.server.path"} <= set(restricted) <= set(PROPERTIES)


def test_the_version_is_that_of_the_server() -> None:
    assert MANIFEST["version"] == __version__


def test_commands_do_not_collide_with_those_of_the_server() -> None:
    own = {each["command"] for each in MANIFEST["contributes"]["commands"]}
    assert not own & {f"lacuna.{name}" for name in METHODS}


def test_keys_and_menus_name_commands_that_there_are() -> None:
    contributes = MANIFEST["contributes"]
    own = {each["command"] for each in contributes["commands"]}
    entries = [*contributes["keybindings"], *(entry for menu in contributes["menus"].values() for entry in menu)]
    assert {each["command"] for each in entries} <= own
    source = (CLIENT / "src" / "extension.ts").read_text(encoding="utf-8")
    handled = re.search(r"const commands: .*?= \{(.*?)\n  \};", source, re.DOTALL)
    assert handled is not None
    names = re.findall(r"^    (\w+):", handled[1], re.MULTILINE)
    assert {f"lacuna.action.{name}" for name in names} == own


def test_presets_are_those_of_the_model() -> None:
    said = json.loads((CLIENT / "src" / "presets.json").read_text(encoding="utf-8"))
    assert said == [{"name": name, "description": preset.description} for name, preset in PRESETS.items()]


def test_the_licence_is_that_of_the_project() -> None:
    assert (CLIENT / "LICENSE").read_bytes() == (CLIENT.parents[1] / "LICENSE").read_bytes()


@pytest.mark.parametrize("path", sorted((CLIENT / "images").glob("*.png")), ids=lambda path: path.name)
def test_a_picture_is_small_and_shown(path: Path) -> None:
    assert path.stat().st_size < 80_000
    shown = (CLIENT / "README.md").read_text(encoding="utf-8") + json.dumps(MANIFEST)
    assert f"images/{path.name}" in shown
