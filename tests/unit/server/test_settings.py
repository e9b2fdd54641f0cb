import json
import re
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lacuna_model.calibration import Calibration
from lacuna_model.infill import EMBEDDED_CHECKPOINT
from lacuna_server.settings import ContextSettings, EngineSettings, LogSettings, Settings, read_settings

README = Path(__file__).parents[3] / "server" / "README.md"


@pytest.mark.parametrize(
    ("documents", "settings"),
    [
        ([], Settings()),
        ([None, {}], Settings()),
        ([{"automatic": False}], Settings(automatic=False)),
        ([{"automatic": False}, {"automatic": True}], Settings()),
        ([{"automatic": False}, {"automatic": None}], Settings(automatic=False)),
        ([{"length": 3}], Settings(length=3)),
        ([{"length": "block"}], Settings(length="block")),
        ([{"secret_files": ["*.key"]}], Settings(secret_files=("*.key",))),
        ([{"engine": {"url": "unix:///x"}}], Settings(engine=EngineSettings(url="unix:///x"))),
        (
            [{"engine": {"url": "unix:///x"}}, {"engine": {"idle_minutes": 5}}],
            Settings(engine=EngineSettings(url="unix:///x", idle_minutes=5)),
        ),
        ([{"engine": {"precision": "4bit"}}], Settings(engine=EngineSettings(precision="4bit"))),
        ([{"context": {"imports": 500}}], Settings(context=ContextSettings(imports=500))),
        ([{"schemas": {"x.json": "s.json"}}], Settings(schemas={"x.json": "s.json"})),
        ([{"log": {"level": "debug"}}], Settings(log=LogSettings(level="debug"))),
    ],
)
def test_settings_are_read(documents: list[Any], settings: Settings) -> None:
    assert read_settings(*documents) == (settings, ())


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ("fast", "lacuna must be an object with settings in it and is ignored."),
        ({"automatik": True}, "lacuna.automatik is no setting (did you mean lacuna.automatic?) and is ignored."),
        ({"engine": {"xyz": 1}}, "lacuna.engine.xyz is no setting and is ignored."),
        ({"engine": 5}, "lacuna.engine must be an object with settings in it and is ignored."),
        ({"automatic": "yes"}, "lacuna.automatic must be true or false; it stays at True."),
        ({"automatic": 1}, "lacuna.automatic must be true or false; it stays at True."),
        ({"delay_ms": "75"}, "lacuna.delay_ms must be a number; it stays at 75.0."),
        ({"delay_ms": True}, "lacuna.delay_ms must be a number; it stays at 75.0."),
        ({"delay_ms": -1}, "lacuna.delay_ms must not be negative; it stays at 75.0."),
        ({"delay_ms": float("nan")}, "lacuna.delay_ms must be a number; it stays at 75.0."),
        ({"deadline_ms": 10**400}, "lacuna.deadline_ms must be a number; it stays at 2000.0."),
        ({"min_confidence": 2}, "lacuna.min_confidence must lie between 0 and 1; it stays at 0.25."),
        ({"length": "long"}, "lacuna.length must be auto, line, block, or a number of lines; it stays at 'auto'."),
        ({"length": 0}, "lacuna.length must be auto, line, block, or a number of lines; it stays at 'auto'."),
        ({"length": []}, "lacuna.length must be auto, line, block, or a number of lines; it stays at 'auto'."),
        (
            {"schemas": {"x.json": 1}},
            'lacuna.schemas must name files for patterns, as {"package.json": "schemas/package.json"} does; '
            "it stays at {}.",
        ),
        ({"engine": {"url": 8080}}, "lacuna.engine.url must be a text; it stays at ''."),
        ({"engine": {"idle_minutes": 0}}, "lacuna.engine.idle_minutes must be more than 0; it stays at 30.0."),
        (
            {"engine": {"precision": "int8"}},
            "lacuna.engine.precision must be one of auto, fp8, 4bit; it stays at 'auto'.",
        ),
        ({"engine": {"precision": 8}}, "lacuna.engine.precision must be one of auto, fp8, 4bit; it stays at 'auto'."),
        ({"context": {"edits": 1.5}}, "lacuna.context.edits must be a whole number; it stays at 0."),
        ({"context": {"edits": -1}}, "lacuna.context.edits must not be negative; it stays at 0."),
        ({"log": {"level": {}}}, "lacuna.log.level must be one of error, warning, info, debug; it stays at 'warning'."),
    ],
)
def test_what_cannot_be_used_is_told_by_name(document: Any, problem: str) -> None:
    assert read_settings(document) == (Settings(), (problem,))


def test_suggestions_are_held_back_as_the_embedded_model_was_calibrated_for() -> None:
    calibration = Calibration.load(EMBEDDED_CHECKPOINT)
    assert calibration is not None
    assert Settings().min_confidence == calibration.threshold


def test_a_mistake_leaves_all_else_as_it_was_set() -> None:
    settings, problems = read_settings(
        {"delay_ms": -1, "automatic": False, "x": 1, "engine": {"device": "cpu", "y": 2}}
    )
    assert settings == Settings(automatic=False, engine=EngineSettings(device="cpu"))
    assert len(problems) == 3


@pytest.mark.parametrize(
    ("enable", "language", "is_enabled"),
    [
        ({}, "python", True),
        ({"*": True, "markdown": False}, "markdown", False),
        ({"*": True, "markdown": False}, "python", True),
        ({"*": False, "python": True}, "python", True),
        ({"*": False, "python": True}, "markdown", False),
        ({"markdown": False}, "python", True),
    ],
)
def test_languages_are_switched_one_by_one(enable: dict[str, bool], language: str, is_enabled: bool) -> None:
    settings, problems = read_settings({"enable": enable})
    assert settings.is_enabled(language) == is_enabled
    assert not problems


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=5), children, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from([field.name for field in fields(Settings)])
SECTIONS = [field for field in fields(Settings) if is_dataclass(field.default)]


@given(st.dictionaries(NAMES, JSON))
def test_no_json_is_more_than_a_mistake(document: dict[str, Any]) -> None:
    settings, _ = read_settings(document)
    assert isinstance(settings, Settings)


@given(st.data())
def test_nor_is_any_in_a_section(data: st.DataObject) -> None:
    section = data.draw(st.sampled_from(SECTIONS))
    names = st.sampled_from([field.name for field in fields(type(section.default))])
    settings, _ = read_settings({section.name: data.draw(st.dictionaries(names, JSON))})
    assert isinstance(settings, Settings)


def rows(section: Any, path: str = "") -> dict[str, str]:
    """Names and defaults of all settings, as JSON."""
    found: dict[str, str] = {}
    for field in fields(section):
        value = getattr(section, field.name)
        found |= rows(value, f"{field.name}.") if is_dataclass(value) else {path + field.name: json.dumps(value)}
    return found


def test_the_table_of_settings_is_complete() -> None:
    table = re.findall(r"^\| `([a-z_.]+)` \| (.+?) \|", README.read_text(encoding="utf-8"), re.MULTILINE)
    documented = {name: default.strip("`") for name, default in table}
    expected = rows(Settings()) | {"secret_files": "[a list](lacuna_server/ignore/secrets.py)"}
    assert {name: documented.get(name) for name in expected} == expected
