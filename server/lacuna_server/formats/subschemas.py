"""What a JSON Schema says about a value at a path, as a schema that stands by itself.

Where several ways to read the schema remain, such as alternatives that the document does not tell apart, it is taken to
say nothing: a constraint that is wrong would be worse than none.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from lacuna_server.formats.places import UNKNOWN, Step

Schema = Any
"""A schema as JSON: an object or a truth value, and anything at all in a file that is none."""

MAX_LOOKS = 2_000
"""Schemas that are looked at on the way to a value: references may lead in circles."""

_UNCLEAR = frozenset(("if", "not", "dependencies", "dependentSchemas", "$dynamicRef", "$recursiveRef"))
"""Keywords by which more than the path decides what a value has to be."""

_MAPS = frozenset(("properties", "patternProperties", "dependentSchemas"))
_LISTS = frozenset(("allOf", "anyOf", "oneOf", "prefixItems", "items"))
_SINGLE = frozenset(("items", "additionalItems", "additionalProperties", "contains", "propertyNames", "not"))
_PLACES_OF_OTHERS = frozenset(("$defs", "definitions", "$id", "id", "$schema"))


class _UnclearError(Exception):
    """The schema does not say what the value has to be, or says it in a way that is not understood."""


class _ForbiddenError(Exception):
    """There can be no such value."""


def subschema_at(schema: Schema, steps: Sequence[Step]) -> Schema | None:
    """The schema of a value in a document.

    Args:
        schema: of the document, as JSON.
        steps: the way to the value.

    Returns:
        A schema whose references lead to places in itself; None where nothing is known.
    """
    reader = _Reader(schema)
    try:
        schemas = [schema]
        for step in steps:
            schemas = [child for each in schemas for child in reader.children(each, step)]
        said = [each for each in schemas if each is not True and each != {}]
        return _standing_alone(said[0] if len(said) == 1 else {"allOf": said}, reader) if said else None
    except (_UnclearError, _ForbiddenError, RecursionError):
        return None


def is_of_objects(schema: Schema) -> bool:
    """Whether a schema of `subschema_at` has objects only, as far as its type and its properties tell."""
    reader = _Reader(schema)
    try:
        return reader.is_of_objects(schema)
    except (_UnclearError, RecursionError):
        return False


class _Reader:
    """Reads one schema."""

    def __init__(self, root: Schema) -> None:
        self._root = root
        self._num_looks = 0

    @property
    def dialect(self) -> dict[str, str]:
        """Which version of JSON Schema it is, as a keyword."""
        dialect = self._root.get("$schema") if isinstance(self._root, Mapping) else None
        return {"$schema": dialect} if isinstance(dialect, str) else {}

    def children(self, schema: Schema, step: Step) -> list[Schema]:
        """The schemas that a member or an item of a value has to obey.

        Raises:
            _UnclearError: that cannot be told.
            _ForbiddenError: there can be none.
        """
        self._look()
        if schema is True:
            return []
        if not isinstance(schema, Mapping):
            raise _ForbiddenError if schema is False else _UnclearError
        if _UNCLEAR & schema.keys():
            raise _UnclearError
        found = list(_members(schema, step.key) if isinstance(step.key, str) else _items(schema, step.key))
        if "$ref" in schema:
            found += self.children(self.target(schema["$ref"]), step)
        for each in _listed(schema, "allOf"):
            found += self.children(each, step)
        for keyword in ("anyOf", "oneOf"):
            found += self._children_of_one(_listed(schema, keyword), step)
        return found

    def is_of_objects(self, schema: Schema) -> bool:
        """Whether it has objects only; where no type is named, properties stand for one."""
        if not isinstance(schema, Mapping):
            return False
        if "type" in schema:
            return bool(schema["type"] == "object")
        return "properties" in schema or any(self.is_of_objects(each) for each in self._conjuncts(schema))

    def target(self, reference: Any) -> Schema:
        """What a reference leads to. Raises _UnclearError if that is not in this schema."""
        if not isinstance(reference, str) or not re.match("#(?:/|$)", reference):
            raise _UnclearError
        found = self._root
        for part in unquote(reference).split("/")[1:]:
            name = part.replace("~1", "/").replace("~0", "~")
            try:
                found = found[int(name)] if isinstance(found, list) else found[name]
            except (KeyError, IndexError, TypeError, ValueError):
                raise _UnclearError from None
        return found

    def _children_of_one(self, alternatives: Sequence[Schema], step: Step) -> list[Schema]:
        """What the one alternative says that the document can be meant to obey."""
        said: list[tuple[Schema, list[Schema]]] = []
        for alternative in alternatives:
            if self._may_hold(alternative, step):
                try:
                    children = self.children(alternative, step)
                except _ForbiddenError:
                    continue
                if children:
                    said.append((alternative, children))
        if len(said) > 1:
            said = [each for each in said if self._has_required(each[0], step)] or said
        if any(children != said[0][1] for _, children in said):
            raise _UnclearError
        return said[0][1] if said else []

    def _may_hold(self, schema: Schema, step: Step) -> bool:
        """Whether neither the type nor a constant member rules a schema out."""
        if not isinstance(schema, Mapping):
            return schema is not False
        types = schema.get("type", ())
        kind = "object" if isinstance(step.key, str) else "array"
        if types and kind not in ([types] if isinstance(types, str) else types):
            return False
        for name, value in step.members.items():
            said = _mapped(schema, "properties").get(name)
            if name != step.key and not self._may_be(value, said):
                return False
        return all(self._may_hold(each, step) for each in self._conjuncts(schema))

    def _may_be(self, value: Any, schema: Schema) -> bool:
        """Whether a schema's constants allow a scalar."""
        if value is UNKNOWN or not isinstance(schema, Mapping):
            return True
        constants = [schema["const"]] if "const" in schema else schema.get("enum", [value])
        if isinstance(constants, list) and not any(_is_same(value, constant) for constant in constants):
            return False
        return all(self._may_be(value, each) for each in self._conjuncts(schema))

    def _has_required(self, schema: Schema, step: Step) -> bool:
        """Whether all that a schema requires is there."""
        if not isinstance(schema, Mapping):
            return True
        required = schema.get("required", ())
        is_there = not isinstance(required, list) or {*required} <= {*step.members, step.key}
        others = self._conjuncts(schema)
        return is_there and all(self._has_required(each, step) for each in others)

    def _conjuncts(self, schema: Mapping[str, Any]) -> Iterator[Schema]:
        """Other schemas that hold wherever one does."""
        self._look()
        if "$ref" in schema:
            yield self.target(schema["$ref"])
        yield from _listed(schema, "allOf")

    def _look(self) -> None:
        self._num_looks += 1
        if self._num_looks > MAX_LOOKS:
            raise _UnclearError


def _members(schema: Mapping[str, Any], name: str) -> Iterator[Schema]:
    properties, is_known = _mapped(schema, "properties"), False
    if name in properties:
        is_known = True
        yield properties[name]
    for pattern, each in _mapped(schema, "patternProperties").items():
        try:
            is_match = re.search(pattern, name) is not None
        except (re.error, RecursionError, OverflowError):
            raise _UnclearError from None
        if is_match:
            is_known = True
            yield each
    if not is_known and "additionalProperties" in schema:
        if schema["additionalProperties"] is False:
            raise _ForbiddenError
        yield schema["additionalProperties"]


def _items(schema: Mapping[str, Any], index: int) -> Iterator[Schema]:
    is_tuple = isinstance(schema.get("items"), list)
    first = _listed(schema, "items" if is_tuple else "prefixItems")
    others = "additionalItems" if is_tuple else "items"
    if index < len(first):
        yield first[index]
    elif others in schema:
        if schema[others] is False:
            raise _ForbiddenError
        yield schema[others]


def _mapped(schema: Mapping[str, Any], keyword: str) -> Mapping[str, Any]:
    found = schema.get(keyword)
    return found if isinstance(found, Mapping) else {}


def _listed(schema: Mapping[str, Any], keyword: str) -> list[Any]:
    found = schema.get(keyword)
    return found if isinstance(found, list) else []


def _is_same(value: Any, constant: Any) -> bool:
    """Equality as JSON has it: 1 is not true."""
    return bool(value == constant) and isinstance(value, bool) == isinstance(constant, bool)


def _standing_alone(schema: Schema, reader: _Reader) -> Schema:
    """A schema with all that its references lead to."""
    names: dict[str, str] = {}

    def copied(value: Schema) -> Schema:
        if not isinstance(value, Mapping):
            return value
        return {
            keyword: _copied_below(keyword, below, copied)
            for keyword, below in value.items()
            if keyword not in _PLACES_OF_OTHERS
        } | ({"$ref": renamed(value["$ref"])} if "$ref" in value else {})

    def renamed(reference: Any) -> str:
        reader.target(reference)
        return "#/$defs/" + names.setdefault(reference, str(len(names)))

    whole = copied(schema)
    definitions: dict[str, Schema] = {}
    while len(definitions) < len(names):
        for reference, name in list(names.items())[len(definitions) :]:
            definitions[name] = copied(reader.target(reference))
    if not isinstance(whole, Mapping):
        raise _UnclearError
    return {**reader.dialect, **whole, **({"$defs": definitions} if definitions else {})}


def _copied_below(keyword: str, value: Any, copied: Any) -> Any:
    """What a keyword holds, with the schemas in it copied."""
    if keyword in _MAPS and isinstance(value, Mapping):
        return {name: copied(each) for name, each in value.items()}
    if keyword in _LISTS and isinstance(value, list):
        return [copied(each) for each in value]
    return copied(value) if keyword in _SINGLE else value
