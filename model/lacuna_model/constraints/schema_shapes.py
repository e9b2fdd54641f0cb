"""What one JSON Schema asks of a value, type by type, and how what several schemas ask is put together."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from lacuna_model.constraints.schema_numbers import Bound
from lacuna_model.constraints.schema_strings import FORMATS
from lacuna_model.errors import ConstraintError

COMBINATORS = frozenset({"$ref", "allOf", "anyOf", "oneOf", "enum", "const"})

ASSERTIONS = frozenset(
    {"type", "properties", "required", "additionalProperties", "items", "prefixItems", "additionalItems"}
    | {"minItems", "maxItems", "uniqueItems", "minLength", "maxLength", "pattern", "format"}
    | {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}
)

ANNOTATIONS = frozenset(
    {"$schema", "$id", "id", "$comment", "$anchor", "$defs", "definitions", "$vocabulary", "$dynamicAnchor"}
    | {"title", "description", "default", "examples", "example", "deprecated", "readOnly", "writeOnly"}
    | {"contentEncoding", "contentMediaType", "contentSchema"}
    | {"markdownDescription", "enumDescriptions", "markdownEnumDescriptions", "deprecationMessage", "errorMessage"}
    | {"patternErrorMessage", "defaultSnippets", "doNotSuggest", "suggestSortText"}
    | {"$default", "alias", "aliases", "cli", "version", "visible", "hidden", "added"}
    | {"tsType", "tsAdditionalProperties"}
)
"""Keywords that say nothing about which values are valid: the standard's, editors', and code generators'."""

TYPES = ("object", "array", "string", "number", "boolean", "null")


@dataclass(frozen=True, slots=True)
class Part:
    """A schema and where it stands.

    Attributes:
        schema: an object, or whether anything is valid.
        pointer: its JSON pointer, from "#" on.
        references: those that led here, a reference into itself several times.
    """

    schema: Mapping[str, Any] | bool
    pointer: str
    references: tuple[str, ...] = ()

    def child(self, *path: str | int) -> "Part":
        """The schema under a path of keys, which must be there."""
        value: Any = self.schema
        for key in path:
            value = value[key]
        return Part(value, _joined(self.pointer, *path), self.references)

    def without(self, keyword: str) -> "Part":
        """The same without one keyword."""
        assert isinstance(self.schema, Mapping)
        return Part({key: value for key, value in self.schema.items() if key != keyword}, self.pointer, self.references)

    def error(self, keyword: str, reason: str) -> ConstraintError:
        """An error that says where."""
        return ConstraintError(f"JSON Schema, {_joined(self.pointer, keyword)}: {reason}.")


def _joined(pointer: str, *path: str | int) -> str:
    return "/".join((pointer, *(str(key).replace("~", "~0").replace("/", "~1") for key in path)))


Conjunction = tuple[Part, ...]
"""Schemas which a value has to satisfy all; none: it is free."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The valid values, as one condition for each type.

    Attributes:
        types: of TYPES, or "integer" for the whole numbers only.
        properties: condition of each declared property.
        required: names of properties.
        additional: condition of all other properties.
        prefix: conditions of an array's first items.
        rest: condition of the others.
        min_items, max_items: of an array.
        min_length, max_length: of a string.
        patterns: of a string, in the dialect of JSON Schema.
        lower, upper: of a number.
    """

    types: tuple[str, ...] = TYPES
    properties: Mapping[str, Conjunction] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    additional: Conjunction = ()
    prefix: tuple[Conjunction, ...] = ()
    rest: Conjunction = ()
    min_items: int = 0
    max_items: int | None = None
    min_length: int = 0
    max_length: int | None = None
    patterns: tuple[str, ...] = ()
    lower: Bound | None = None
    upper: Bound | None = None

    def property(self, name: str) -> Conjunction:
        """Condition of the property of a name."""
        return self.properties.get(name, self.additional)

    def item(self, index: int) -> Conjunction:
        """Condition of an array's item."""
        return self.prefix[index] if index < len(self.prefix) else self.rest

    def __and__(self, other: "Shape") -> "Shape":
        """The values that are valid under both."""
        names = dict.fromkeys((*self.properties, *other.properties))
        return Shape(
            types=_common_types(self.types, other.types),
            properties={name: self.property(name) + other.property(name) for name in names},
            required=tuple(dict.fromkeys(self.required + other.required)),
            additional=self.additional + other.additional,
            prefix=tuple(
                self.item(index) + other.item(index) for index in range(max(len(self.prefix), len(other.prefix)))
            ),
            rest=self.rest + other.rest,
            min_items=max(self.min_items, other.min_items),
            max_items=_least(self.max_items, other.max_items),
            min_length=max(self.min_length, other.min_length),
            max_length=_least(self.max_length, other.max_length),
            patterns=tuple(dict.fromkeys(self.patterns + other.patterns)),
            lower=_tightest(self.lower, other.lower, is_lower=True),
            upper=_tightest(self.upper, other.upper, is_lower=False),
        )


def shape_of(part: Part) -> Shape:
    """Reads the keywords of one schema, which refers to no other and combines none.

    Raises:
        ConstraintError: there is a keyword that is not supported.
    """
    if isinstance(part.schema, bool):
        return Shape(types=TYPES if part.schema else ())
    schema = part.schema
    for keyword in schema:
        if keyword not in ASSERTIONS and keyword not in ANNOTATIONS and not keyword.startswith("x-"):
            raise part.error(keyword, f"the keyword {keyword!r} is not supported; remove it or ask for less")
    if schema.get("uniqueItems") and not schema.get("maxItems", 2) < 2:
        raise part.error("uniqueItems", "the keyword 'uniqueItems' is supported only where maxItems is 0 or 1")
    is_tuple = isinstance(schema.get("items"), list)
    first_items = "items" if is_tuple else "prefixItems"
    other_items = "additionalItems" if is_tuple else "items"
    lower, upper = _bounds(part)
    return Shape(
        types=_types(schema.get("type", TYPES)),
        properties={name: (part.child("properties", name),) for name in schema.get("properties", ())},
        required=tuple(schema.get("required", ())),
        additional=(part.child("additionalProperties"),) if "additionalProperties" in schema else (),
        prefix=tuple((part.child(first_items, index),) for index in range(len(schema.get(first_items, ())))),
        rest=(part.child(other_items),) if other_items in schema else (),
        min_items=int(schema.get("minItems", 0)),
        max_items=_whole(schema.get("maxItems")),
        min_length=int(schema.get("minLength", 0)),
        max_length=_whole(schema.get("maxLength")),
        patterns=_patterns(part),
        lower=lower,
        upper=upper,
    )


def _types(declared: str | Iterable[str]) -> tuple[str, ...]:
    types = dict.fromkeys([declared] if isinstance(declared, str) else declared)
    if "number" in types:
        types.pop("integer", None)
    return tuple(types)


def _common_types(ours: tuple[str, ...], theirs: tuple[str, ...]) -> tuple[str, ...]:
    common = [name for name in ours if name in theirs]
    if {"number", "integer"} <= {*ours, *theirs} and "number" not in common and "integer" not in common:
        common.append("integer")
    return tuple(common)


def _patterns(part: Part) -> tuple[str, ...]:
    assert isinstance(part.schema, Mapping)
    patterns = [part.schema["pattern"]] if "pattern" in part.schema else []
    if "format" in part.schema:
        name = part.schema["format"]
        if name not in FORMATS:
            raise part.error("format", f"the format {name!r} is not supported; there are {', '.join(FORMATS)}")
        patterns.append(f"^(?:{FORMATS[name]})$")
    return tuple(patterns)


def _bounds(part: Part) -> tuple[Bound | None, Bound | None]:
    assert isinstance(part.schema, Mapping)
    found = []
    for keyword, exclusive, is_lower in (("minimum", "exclusiveMinimum", True), ("maximum", "exclusiveMaximum", False)):
        limit, open_limit = part.schema.get(keyword), part.schema.get(exclusive)
        is_open = open_limit is True  # draft 4 says so
        inclusive = None if limit is None else Bound(Decimal(str(limit)), is_open)
        open_bound = (
            None if open_limit is None or isinstance(open_limit, bool) else Bound(Decimal(str(open_limit)), True)
        )
        found.append(_tightest(inclusive, open_bound, is_lower=is_lower))
    return found[0], found[1]


def _tightest(ours: Bound | None, theirs: Bound | None, *, is_lower: bool) -> Bound | None:
    if ours is None or theirs is None:
        return ours or theirs
    if ours.value == theirs.value:
        return ours if ours.is_open else theirs
    return ours if (ours.value > theirs.value) == is_lower else theirs


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)


def _least(ours: int | None, theirs: int | None) -> int | None:
    return ours if theirs is None else theirs if ours is None else min(ours, theirs)
