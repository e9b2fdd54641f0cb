"""How our messages are read and written: as JSON whose names are in camel case."""

from dataclasses import fields
from typing import Any, TypeVar

import cattrs
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override
from cattrs.v import format_exception
from pygls.exceptions import JsonRpcInvalidParams

from lacuna_server.engine.protocol import ReasonCount, Status, TokenOut
from lacuna_server.errors import UserError
from lacuna_server.extent import Wanted
from lacuna_server.messages import (
    AlternativesParams,
    CompleteParams,
    Condition,
    EmptyAnswer,
    EmptyAnswers,
    FeedbackParams,
    Filled,
    FillGapsParams,
    FillSelectionParams,
    Replay,
    ReplayParams,
    ReplayStep,
    Report,
    SnippetMade,
    SnippetParams,
    Suggested,
    Tally,
    Uncertain,
)
from lacuna_server.settings import read_length

T = TypeVar("T")

_MESSAGES = (
    CompleteParams,
    AlternativesParams,
    FillSelectionParams,
    FillGapsParams,
    SnippetParams,
    ReplayParams,
    FeedbackParams,
    Suggested,
    Uncertain,
    Filled,
    SnippetMade,
    TokenOut,
    ReplayStep,
    Replay,
    Condition,
    EmptyAnswer,
    EmptyAnswers,
    Tally,
    ReasonCount,
    Status,
    Report,
)


def register_messages(converter: cattrs.Converter) -> None:
    """Teaches a converter our messages."""
    converter.register_structure_hook(Wanted, lambda value, _: read_length(value))
    for kind in _MESSAGES:
        names: Any = {field.name: override(rename=_in_camel_case(field.name)) for field in fields(kind)}
        converter.register_structure_hook(kind, make_dict_structure_fn(kind, converter, **names))
        converter.register_unstructure_hook(kind, make_dict_unstructure_fn(kind, converter, **names))


def read_params(converter: cattrs.Converter, params: Any, kind: type[T]) -> T:
    """The parameters of one of our methods. Raises JsonRpcInvalidParams, which says what is wrong with them."""
    if not isinstance(params, dict):
        raise JsonRpcInvalidParams("The parameters must be an object.")
    try:
        return converter.structure(params, kind)
    except Exception as error:  # cattrs raises groups of whatever the hooks raise, and some of it as it is
        raise JsonRpcInvalidParams("; ".join(cattrs.transform_error(error, "params", _in_words))) from error


def _in_words(error: BaseException, kind: type | None) -> str:
    """What is wrong; the words of other errors than our own may repeat what was sent, which may be code."""
    return str(error) if isinstance(error, UserError) else format_exception(error, kind)


def _in_camel_case(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))
