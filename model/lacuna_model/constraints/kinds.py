"""The regular constraints that a gap can have, and how they are written as JSON.

`{"regex": "[0-9]+"}`, `{"choice": ["red", "green"]}`, `{"schema": {"type": "integer"}}`, `{"preset": "iso-date"}`;
a schema may have `"notation": "yaml"`. All may have `"before"` and `"after"`, the part of the value that already stands
in the text: at the end of what precedes the gap, and at the head of what follows it.
"""

import json
import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

from lacuna_model.constraints.presets import pattern_of_preset
from lacuna_model.errors import ConstraintError

_ANCHORED = re.compile(r"(?:\^(?![*+?{]))?((?:\\.|[^\\])*?)\$?", re.DOTALL)


class Constraint(Hashable, Protocol):
    """What `before`, the fill and `after` together have to be."""

    @property
    def before(self) -> str:
        """What of the value precedes the gap."""
        ...

    @property
    def after(self) -> str:
        """What of the value follows the gap."""
        ...

    def pattern(self, language: str) -> str:
        """The regular expression that the whole value matches, in a file of a language.

        Raises:
            ConstraintError: there is none.
        """
        ...


@dataclass(frozen=True, slots=True)
class Regex:
    """A regular expression, without look-around or back-references, for the whole value."""

    regex: str
    before: str = ""
    after: str = ""

    def pattern(self, language: str) -> str:
        """The expression itself, without the anchors around it: a whole value lies between them anyway."""
        anchored = _ANCHORED.fullmatch(self.regex)
        return self.regex if anchored is None else anchored[1]


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several strings."""

    choice: tuple[str, ...]
    before: str = ""
    after: str = ""

    def __post_init__(self) -> None:
        if not self.choice:
            raise ConstraintError("A choice needs at least one string.")

    def pattern(self, language: str) -> str:
        """The strings as alternatives."""
        return "|".join(map(re.escape, self.choice))


@dataclass(frozen=True, slots=True)
class JsonSchema:
    """A value that a JSON Schema accepts.

    Attributes:
        schema: the schema, as JSON.
        notation: how the value is written, "json" or "yaml".
    """

    schema: str
    before: str = ""
    after: str = ""
    notation: str = "json"

    @classmethod
    def of(cls, document: object, before: str = "", after: str = "", notation: str = "json") -> "JsonSchema":
        """Takes a schema as the json module has read it."""
        return cls(json.dumps(document), before, after, notation)

    def pattern(self, language: str) -> str:
        """The texts that the schema accepts, in the order of its properties."""
        return _pattern_of_schema(self.schema, self.notation)


@dataclass(frozen=True, slots=True)
class Preset:
    """A format that has a name."""

    preset: str
    before: str = ""
    after: str = ""

    def pattern(self, language: str) -> str:
        """What the format is in this language."""
        return pattern_of_preset(self.preset, language)


@lru_cache(maxsize=64)
def _pattern_of_schema(schema: str, notation: str) -> str:
    from lacuna_model.constraints.schema import regex_of_schema  # what it needs takes a while to load
    from lacuna_model.constraints.schema_notation import NOTATIONS

    if notation not in NOTATIONS:
        raise ConstraintError(f"There is no notation {notation!r}; there are {', '.join(NOTATIONS)}.")
    return regex_of_schema(json.loads(schema), notation=NOTATIONS[notation])


def constraint_of_json(document: object) -> Regex | Choice | JsonSchema | Preset:
    """Reads a constraint.

    Raises:
        ConstraintError: it is none.
    """
    if not isinstance(document, Mapping):
        raise ConstraintError(f"A constraint is a JSON object, not {type(document).__name__}.")
    sides: dict[str, Any] = {name: document[name] for name in ("before", "after") if name in document}
    if not all(isinstance(side, str) for side in sides.values()):
        raise ConstraintError('"before" and "after" of a constraint are strings.')
    match {name: value for name, value in document.items() if name not in sides}:
        case {"regex": str(regex), **others} if not others:
            return Regex(regex, **sides)
        case {"choice": [*choice], **others} if not others and all(isinstance(text, str) for text in choice):
            return Choice(tuple(choice), **sides)
        case {"schema": (Mapping() | bool()) as schema, **others} if not others:
            return JsonSchema.of(schema, **sides)
        case {"schema": (Mapping() | bool()) as schema, "notation": str(notation), **others} if not others:
            return JsonSchema.of(schema, **sides, notation=notation)
        case {"preset": str(preset), **others} if not others:
            return Preset(preset, **sides)
    raise ConstraintError(
        'A constraint has one of "regex" (a string), "choice" (an array of strings), "schema" (a JSON Schema) and '
        '"preset" (a name), and perhaps "before" and "after".'
    )


def constraint_as_json(constraint: Regex | Choice | JsonSchema | Preset) -> dict[str, Any]:
    """Writes a constraint; `constraint_of_json` reads it."""
    sides = {name: side for name in ("before", "after") if (side := getattr(constraint, name))}
    match constraint:
        case Regex(regex):
            return {"regex": regex, **sides}
        case Choice(choice):
            return {"choice": list(choice), **sides}
        case JsonSchema(schema, notation=notation):
            return {"schema": json.loads(schema), "notation": notation, **sides}
        case Preset(preset):
            return {"preset": preset, **sides}
