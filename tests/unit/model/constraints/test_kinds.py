import json
from typing import Any

import pytest

from lacuna_model.constraints.kinds import Choice, JsonSchema, Preset, Regex, constraint_as_json, constraint_of_json
from lacuna_model.errors import ConstraintError


@pytest.mark.parametrize(
    "constraint",
    [
        Regex("[0-9]+", before="1"),
        Choice(("red", "green"), after="en"),
        JsonSchema.of({"type": "integer"}),
        JsonSchema.of({"type": "string"}, "'a", "'", notation="yaml"),
        JsonSchema.of(True),
        Preset("uuid"),
    ],
)
def test_what_is_written_as_json_is_read_again(constraint: Regex | Choice | JsonSchema | Preset) -> None:
    assert constraint_of_json(json.loads(json.dumps(constraint_as_json(constraint)))) == constraint


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([], "A constraint is a JSON object, not list."),
        ({}, 'A constraint has one of "regex"'),
        ({"regex": 1}, 'A constraint has one of "regex"'),
        ({"regex": "a", "notation": "yaml"}, 'A constraint has one of "regex"'),
        ({"schema": {}, "notation": 1}, 'A constraint has one of "regex"'),
        ({"regex": "a", "before": 1}, '"before" and "after" of a constraint are strings.'),
        ({"schema": {}, "notation": "toml"}, "There is no notation 'toml'; there are json, yaml."),
        ({"choice": []}, "A choice needs at least one string."),
    ],
)
def test_what_is_no_constraint_is_told(document: Any, message: str) -> None:
    with pytest.raises(ConstraintError, match=message):
        constraint_of_json(document).pattern("text")
