"""From a conjunction of JSON Schemas to alternatives without references: a disjunctive normal form."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from jsonschema.protocols import Validator
from jsonschema.validators import validator_for

from lacuna_model.constraints.schema_shapes import Conjunction, Part, Shape, shape_of
from lacuna_model.errors import ConstraintError

_MAX_ALTERNATIVES = 500


class Alternatives:
    """Resolves references, merges allOf, and spreads anyOf and oneOf, for the schemas of one document.

    Attributes:
        was_cut: a reference into itself was not followed any further.
    """

    def __init__(self, document: Mapping[str, Any], max_depth: int) -> None:
        """Reads a document.

        Raises:
            ConstraintError: it is not a JSON Schema.
        """
        self._document = document
        self._max_depth = max_depth
        self._validator = _validator(document)
        self.was_cut = False

    def of(self, parts: Conjunction) -> list[Shape | list[Any]]:
        """What is valid under all of `parts`: shapes, and lists of given values.

        Raises:
            ConstraintError: a keyword is not supported; a reference leads nowhere; alternatives of a oneOf are not
                known to exclude each other; there are too many alternatives.
        """
        for index, part in enumerate(parts):
            spread = self._spread(part, parts[:index] + parts[index + 1 :])
            if spread is not None:
                found = [shape for alternative in spread for shape in self.of(alternative)]
                if len(found) > _MAX_ALTERNATIVES:
                    raise ConstraintError(f"JSON Schema, {part.pointer}: more than {_MAX_ALTERNATIVES} alternatives.")
                return found
        values = next((known for part in parts if (known := _values(part)) is not None), None)
        if values is not None:
            return [[value for value in values if self._is_valid(parts, value)]]
        shape = Shape()
        for part in parts:
            shape &= shape_of(part)
        return [shape]

    def _spread(self, part: Part, others: Conjunction) -> list[Conjunction] | None:
        """The conjunctions that a part's first combining keyword stands for; None if it has none."""
        schema = part.schema
        if isinstance(schema, bool):
            return None
        for keyword in ("$id", "id"):
            if part.pointer != "#" and isinstance(schema.get(keyword), str):
                raise part.error(keyword, f"the keyword {keyword!r} is supported at the root only; refer by place")
        if "$ref" in schema:
            if part.references.count(schema["$ref"]) >= self._max_depth:
                self.was_cut = True
                return []
            return [(part.without("$ref"), self._target(part), *others)]
        if "allOf" in schema:
            return [(part.without("allOf"), *_children(part, "allOf"), *others)]
        for keyword in ("anyOf", "oneOf"):
            if keyword in schema:
                rest = part.without(keyword)
                spread: list[Conjunction] = [(rest, option, *others) for option in _children(part, keyword)]
                if keyword == "oneOf" and not self._exclude_each_other(spread):
                    raise part.error("oneOf", "its alternatives are not known to exclude each other; use anyOf")
                return spread
        return None

    def _target(self, part: Part) -> Part:
        assert isinstance(part.schema, Mapping)
        reference = part.schema["$ref"]
        path, _, fragment = reference.partition("#")
        target: Any = self._document
        if path or fragment[:1] not in ("", "/"):
            raise part.error("$ref", f"{reference!r} cannot be followed; only references such as '#/$defs/name' can")
        for raw in unquote(fragment).split("/")[1:]:
            key = raw.replace("~1", "/").replace("~0", "~")
            try:
                target = target[int(key)] if isinstance(target, list) else target[key]
            except (KeyError, IndexError, ValueError, TypeError):
                raise part.error("$ref", f"there is nothing at {reference!r}") from None
        if not isinstance(target, bool | Mapping):
            raise part.error("$ref", f"there is no schema at {reference!r}")
        pointer = f"#{unquote(fragment)}".rstrip("/")
        return Part(target, pointer, (*part.references, reference))

    def _is_valid(self, parts: Conjunction, value: Any) -> bool:
        return all(self._validator.evolve(schema=part.schema).is_valid(value) for part in parts)

    def _exclude_each_other(self, options: list[Conjunction]) -> bool:
        """Whether no value is valid under two of the conjunctions, as far as types, values and tags tell."""
        was_cut, self.was_cut = self.was_cut, False
        fresh = [tuple(Part(part.schema, part.pointer) for part in parts) for parts in options]
        is_exclusive = all(
            self._are_disjoint(first, second, self._max_depth)
            for index, first in enumerate(fresh)
            for second in fresh[:index]
        )
        is_exclusive, self.was_cut = is_exclusive and not self.was_cut, was_cut
        return is_exclusive

    def _are_disjoint(self, first: Conjunction, second: Conjunction, depth: int) -> bool:
        ours, theirs = self.of(first), self.of(second)
        return all(self._shapes_are_disjoint(one, other, first, second, depth) for one in ours for other in theirs)

    def _shapes_are_disjoint(
        self, one: Shape | list[Any], other: Shape | list[Any], first: Conjunction, second: Conjunction, depth: int
    ) -> bool:
        if isinstance(one, list):
            return not any(self._is_valid(second, value) for value in one)
        if isinstance(other, list):
            return not any(self._is_valid(first, value) for value in other)
        common = (one & other).types
        if common != ("object",) or depth == 0:
            return not common
        return any(
            self._are_disjoint(one.property(name), other.property(name), depth - 1)
            for name in {*one.required, *other.required}
            if name in one.properties or name in other.properties
        )


def _validator(document: Mapping[str, Any]) -> Validator:
    kind = validator_for(document, default=Draft202012Validator)
    try:
        kind.check_schema(document)
    except SchemaError as error:
        place = "".join(f"/{key}" for key in error.absolute_path)
        raise ConstraintError(f"Not a JSON Schema: at #{place}, {error.message}.") from error
    return kind(document, format_checker=kind.FORMAT_CHECKER)


def _children(part: Part, keyword: str) -> list[Part]:
    assert isinstance(part.schema, Mapping)
    return [part.child(keyword, index) for index in range(len(part.schema[keyword]))]


def _values(part: Part) -> list[Any] | None:
    if isinstance(part.schema, bool):
        return None
    return [part.schema["const"]] if "const" in part.schema else part.schema.get("enum")
