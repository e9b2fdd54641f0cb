"""JSON Schema as a regular expression over texts, in JSON or another notation of its values.

`outlines_core.json_schema.build_regex_from_schema` is not used. Tried on 0.2.14, it leaves out `minimum`, `maximum` and
`uniqueItems` without a word, writes the types of an `allOf` one after the other, takes `pattern` for the whole string,
does not escape the quotes in it, and accepts 30 February as a date. This translation is ours, so that one thing holds:
**every text that the regular expression accepts is valid** under the schema, for the `jsonschema` package with formats
checked too. Keywords that cannot be translated are errors that name them.

The converse holds for one style of writing: what `json.dumps` writes, with a space after ":" and ",", and properties in
the schema's order. One style is enough to generate.

- Where very long strings and arrays are allowed, but not any length, shorter ones are written.
- Only declared properties are written; an object without any becomes a map if its other properties are not forbidden.
- References into themselves are followed `max_depth` times; then that alternative, or optional property, is left out.
- A value about which the schema says nothing is any JSON of at most `max_depth - 2` levels.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from lacuna_model.constraints import schema_numbers
from lacuna_model.constraints.schema_alternatives import Alternatives
from lacuna_model.constraints.schema_notation import JSON, Notation
from lacuna_model.constraints.schema_shapes import ANNOTATIONS, ASSERTIONS, COMBINATORS, Conjunction, Part, Shape
from lacuna_model.errors import ConstraintError

SUPPORTED_KEYWORDS = COMBINATORS | ASSERTIONS | ANNOTATIONS
"""All keywords that are understood; any other is an error, except those that begin with "x-"."""

MAX_PATTERN_LENGTH = 300_000

MAX_CHARACTERS = 100
MAX_ITEMS = 20
"""Of strings without a pattern and of arrays that may have even more, but not any number: an automaton counts them."""

_MAX_PARALLEL = 3000
"""Length up to which two copies of an item are read in parallel: a smaller automaton, but slow to build."""


def regex_of_schema(document: Mapping[str, Any], *, notation: Notation = JSON, max_depth: int = 3) -> str:
    """Translates a schema.

    Args:
        document: a JSON Schema of draft 4 or later; references may lead to places in it.
        notation: how values are written.
        max_depth: how often a reference into itself is followed.

    Returns:
        A regular expression without look-around or back-references, for whole texts.

    Raises:
        ConstraintError: it is no schema, has a keyword that is not supported, accepts nothing, or is too large.
    """
    translation = _Translation(document, notation, max_depth)
    pattern = translation.value((Part(document, "#"),), max_depth - 2)
    if pattern is not None:
        return pattern
    if translation.alternatives.was_cut:
        raise ConstraintError(f"The JSON Schema accepts nothing that ends within a depth of {max_depth}.")
    raise ConstraintError("The JSON Schema accepts no value at all.")


class _Translation:
    """Translates the schemas of one document; None stands for what has no text."""

    def __init__(self, document: Mapping[str, Any], notation: Notation, max_depth: int) -> None:
        self._notation = notation
        self._levels = max_depth - 2
        self.alternatives = Alternatives(document, max_depth)

    def value(self, parts: Conjunction, levels: int) -> str | None:
        """A value that is valid under all of `parts`; one without conditions nests `levels` deep."""
        is_free = all(part.schema is True or part.schema == {} for part in parts)
        texts: list[str | None] = []
        for alternative in self.alternatives.of(parts):
            with _located(parts):
                if isinstance(alternative, list):
                    texts += map(self._notation.literal, alternative)
                    continue
                for kind in alternative.types:
                    if levels > 0 or not is_free or kind not in ("array", "object"):
                        texts.append(self._typed(kind, alternative, levels - 1 if is_free else self._levels))
        text = "|".join(dict.fromkeys(text for text in texts if text is not None))
        if len(text) > MAX_PATTERN_LENGTH:
            raise ConstraintError(f"JSON Schema, {_place(parts)}: too large for a regular expression; ask for less.")
        return f"(?:{text})" if text else None

    def _typed(self, kind: str, shape: Shape, levels: int) -> str | None:
        match kind:
            case "null":
                return "null"
            case "boolean":
                return "true|false"
            case "integer":
                return schema_numbers.integers(shape.lower, shape.upper)
            case "number":
                return schema_numbers.numbers(shape.lower, shape.upper, exponents=self._notation.has_exponents)
            case "string":
                most = shape.max_length
                if not shape.patterns:
                    most = _within_reach(shape.min_length, most, MAX_CHARACTERS)
                return self._notation.string(shape.patterns, shape.min_length, most)
            case "array":
                return self._array(shape, levels)
            case "object":
                return self._object(shape, levels)
        raise AssertionError(kind)

    def _array(self, shape: Shape, levels: int) -> str | None:
        items = []
        max_items = _within_reach(max(shape.min_items, len(shape.prefix)), shape.max_items, MAX_ITEMS)
        for condition in shape.prefix[:max_items]:
            item = self.value(condition, levels)
            if item is None:
                break
            items.append(item)
        is_open = len(items) == len(shape.prefix) and (max_items is None or max_items > len(items))
        rest = self.value(shape.rest, levels) if is_open else None
        num_more = max(shape.min_items - len(items), 0)
        most_more = None if max_items is None else max_items - len(items)
        if (rest is None and num_more) or (most_more is not None and num_more > most_more):
            return None
        if not items:
            return rf"\[{'' if rest is None else _separated(rest, num_more, most_more)}\]"
        tail = "" if rest is None else f"(?:, {rest}){_count(num_more, most_more)}"
        for index in range(len(items) - 1, -1, -1):
            separator = ", " if index else ""
            tail = _optional(f"{separator}{items[index]}{tail}", index >= shape.min_items)
        return rf"\[{tail}\]"

    def _object(self, shape: Shape, levels: int) -> str | None:
        names = dict.fromkeys((*shape.properties, *shape.required))
        if not names:
            other = self.value(shape.additional, levels)
            name = self._notation.any_name()
            return r"\{\}" if other is None else rf"\{{{_separated(f'{name}: {other}', 0, None)}\}}"
        members = []
        for name in names:
            value = self.value(shape.property(name), levels)
            if value is not None:
                members.append((f"{self._notation.name(name)}: {value}", name in shape.required))
            elif name in shape.required:
                return None
        return rf"\{{{_members(members)}\}}"


def _members(members: list[tuple[str, bool]]) -> str:
    """Members in order, each with whether it is required, and commas between those that are there."""
    last = max((index for index, (_, is_required) in enumerate(members) if is_required), default=None)
    if last is not None:
        before = "".join(_optional(f"{text}, ", not is_required) for text, is_required in members[:last])
        return before + members[last][0] + "".join(f"(?:, {text})?" for text, _ in members[last + 1 :])
    chain = ""
    for text, _ in reversed(members):  # each may be the last one, or be followed by others, or be left out
        chain = f"(?:{text}|(?:{text}, )?{chain})" if chain else text
    return _optional(chain, True)


def _separated(item: str, least: int, most: int | None) -> str:
    if most == 0:
        return ""
    count = _count(max(least - 1, 0), None if most is None else most - 1)
    is_parallel = len(item) <= _MAX_PARALLEL
    return _optional(f"(?:{item}, ){count}{item}" if is_parallel else f"{item}(?:, {item}){count}", least == 0)


def _optional(text: str, is_optional: bool) -> str:
    return f"(?:{text})?" if is_optional and text else text


def _count(least: int, most: int | None) -> str:
    return f"{{{least},{'' if most is None else most}}}"


def _within_reach(least: int, most: int | None, reach: int) -> int | None:
    return None if most is None else min(most, max(least, reach))


def _place(parts: Conjunction) -> str:
    return parts[0].pointer if parts else "#"


@contextmanager
def _located(parts: Conjunction) -> Iterator[None]:
    """Adds the place to errors that do not say it."""
    try:
        yield
    except ConstraintError as error:
        if str(error).startswith("JSON Schema"):
            raise
        raise ConstraintError(f"JSON Schema, {_place(parts)}: {error}.") from error
