"""Values from JSON without any conversion: a number is no string, 1 is not true, a string is no list of letters."""

import math
from collections.abc import Callable
from typing import Any, Literal, TypeVar, get_args, get_origin

import cattrs

T = TypeVar("T")

MAX_DEPTH = 100
"""Levels of objects and lists in an object whose fields are not known."""


def strict_converter() -> cattrs.Converter:
    """A converter that takes every value as it is or not at all, and knows all fields or refuses."""
    converter = cattrs.Converter(forbid_extra_keys=True)
    converter.register_structure_hook(str, lambda value, _: _text(value))
    converter.register_structure_hook(bool, lambda value, _: _exactly(bool, "true or false", value))
    converter.register_structure_hook(int, lambda value, _: _exactly(int, "a whole number", value))
    converter.register_structure_hook(float, lambda value, _: _number(value))
    converter.register_structure_hook_func(lambda kind: _origin(kind) is Literal, _literal)
    converter.register_structure_hook_func(lambda kind: _origin(kind) is dict, lambda value, _: _object(value))

    def tuple_hook(kind: Any) -> Callable[[Any, Any], tuple[Any, ...]]:
        of_items = converter.get_structure_hook(list[get_args(kind)[0]])  # type: ignore[misc]  # known at run time only
        return lambda value, _: tuple(of_items(_exactly(list, "a list", value), list))

    converter.register_structure_hook_factory(lambda kind: _origin(kind) is tuple, tuple_hook)
    return converter


def structure(converter: cattrs.Converter, document: dict[str, Any], kind: type[T]) -> T:
    """A dataclass from a JSON object.

    Raises:
        ValueError: it does not fit; names the fields, but does not repeat what they hold.
    """
    try:
        return converter.structure(document, kind)
    except cattrs.BaseValidationError as error:
        problems = cattrs.transform_error(error, kind.__name__, lambda cause, _: _explain(cause))
        raise ValueError("; ".join(problems)) from error


def _origin(kind: Any) -> Any:
    return get_origin(kind)


def _explain(error: BaseException) -> str:
    match error:
        case KeyError():
            return "missing"
        case cattrs.ForbiddenExtraKeysError():
            return f"unknown field {min(error.extra_fields)!r}"
    return str(error)


def _exactly(kind: type[T], name: str, value: Any) -> T:
    if type(value) is not kind:
        raise ValueError(f"must be {name}")
    return value


def _text(value: Any) -> str:
    text = _exactly(str, "a string", value)
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise ValueError("holds half of a surrogate pair") from error
    return text


def _number(value: Any) -> float:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise ValueError("must be a finite number")
    return float(value)


def _object(value: Any) -> dict[str, Any]:
    """A JSON object that holds only what JSON can say, and not too deep down."""
    level: list[Any] = [_exactly(dict, "an object", value)]
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for each in level:
            match each:
                case str():
                    _text(each)
                case float():
                    _number(each)
                case dict():
                    below += (*each, *each.values())
                case list():
                    below += each
        level = below
    if level:
        raise ValueError(f"must not be nested more than {MAX_DEPTH} levels deep")
    return value  # type: ignore[no-any-return]


def _literal(value: Any, kind: Any) -> Any:
    if value not in get_args(kind):
        raise ValueError(f"must be one of {', '.join(get_args(kind))}")
    return value
