"""What Lacuna and its clients say to each other beyond the protocol; in JSON, names are in camel case.

Requests, each also a command of `workspace/executeCommand` (`lacuna/complete` is `lacuna.complete`) that takes the same
parameters as its only argument:

| request | parameters | answer |
| --- | --- | --- |
| `lacuna/complete` | `CompleteParams` | `Suggested` |
| `lacuna/alternatives` | `AlternativesParams` | `Suggested` |
| `lacuna/fillSelection` | `FillSelectionParams` | `Filled` |
| `lacuna/fillGaps` | `FillGapsParams` | `Filled` |
| `lacuna/snippet` | `SnippetParams` | `SnippetMade` |
| `lacuna/status` | | `Report` |
| `lacuna/restartEngine` | | null |

Notifications to the server: `lacuna/shown`, `lacuna/accepted` and `lacuna/rejected`, with `FeedbackParams`; to the
client: `lacuna/status`, with `Condition`, if its capabilities say `experimental: {lacuna: {status: true}}`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, TypeVar

import cattrs
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override
from lsprotocol.types import (
    InlineCompletionItem,
    InsertTextFormat,
    Position,
    Range,
    TextDocumentIdentifier,
    WorkspaceEdit,
)
from pygls.exceptions import JsonRpcInvalidParams

from lacuna_server.engine.protocol import ReasonCount, Status
from lacuna_server.extent import Wanted
from lacuna_server.settings import read_length

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class CompleteParams:
    """Asks for a suggestion of a given length at a place; `length` is "auto", "line", "block" or a number of lines."""

    text_document: TextDocumentIdentifier
    position: Position
    length: Wanted = "auto"


@dataclass(frozen=True, slots=True)
class AlternativesParams:
    """Asks for several suggestions at a place."""

    text_document: TextDocumentIdentifier
    position: Position
    count: int = 3


@dataclass(frozen=True, slots=True)
class FillSelectionParams:
    """Asks for another text in the place of a range."""

    text_document: TextDocumentIdentifier
    range: Range


@dataclass(frozen=True, slots=True)
class FillGapsParams:
    """Asks for texts in the places of all markers `<FILL>` of a document."""

    text_document: TextDocumentIdentifier


@dataclass(frozen=True, slots=True)
class SnippetParams:
    """Asks for a value of a format at a position, or in the place of a range.

    Attributes:
        constraint: the format, as `lacuna_model.constraints.kinds` reads it; None: what the document says it is there.
        snippets: whether the client inserts snippets; None: as its capabilities say.
    """

    text_document: TextDocumentIdentifier
    position: Position | None = None
    range: Range | None = None
    constraint: dict[str, Any] | None = None
    snippets: bool | None = None

    def __post_init__(self) -> None:
        if (self.position is None) == (self.range is None):
            raise ValueError("give either a position or a range")


@dataclass(frozen=True, slots=True)
class FeedbackParams:
    """What became of the suggestion last shown in a document; `length` is how many characters of it were accepted."""

    text_document: TextDocumentIdentifier
    length: int = 0


@dataclass(frozen=True, slots=True)
class Suggested:
    """Suggestions, best first; or why there are none, as a word for programs and as a sentence for people."""

    items: Sequence[InlineCompletionItem]
    reason: str | None = None
    message: str = ""


@dataclass(frozen=True, slots=True)
class Filled:
    """An edit that fills gaps; or why there is none, as a word for programs and as a sentence for people."""

    edit: WorkspaceEdit | None
    reason: str | None = None
    message: str = ""


@dataclass(frozen=True, slots=True)
class SnippetMade:
    """A value of a format; or why there is none, as a word for programs and as a sentence for people.

    Attributes:
        edit: puts the value where it belongs.
        range: what the value takes the place of.
        insert_text: the value; where the client inserts snippets, one whose tab stops are what is uncertain.
        insert_text_format: which of the two.
    """

    edit: WorkspaceEdit | None
    range: Range | None = None
    insert_text: str = ""
    insert_text_format: InsertTextFormat = InsertTextFormat.PlainText
    reason: str | None = None
    message: str = ""


@dataclass(frozen=True, slots=True)
class Condition:
    """How the server is.

    Attributes:
        state: what a status bar shows.
        message: for people; what to do in case of an error.
        loaded_bytes: of the model, while it is loading.
        total_bytes: 0 while unknown.
        uri: the document that the last request was for.
        reason: why that request brought nothing, if it did not.
    """

    state: Literal["ready", "loading", "filling", "disabled", "error"]
    message: str = ""
    loaded_bytes: int = 0
    total_bytes: int = 0
    uri: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class EmptyAnswer:
    """A request that brought nothing: when, in seconds since 1970, for which document, and why."""

    time: float
    uri: str
    reason: str


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of suggestions, as far as the client tells."""

    shown: int = 0
    accepted: int = 0
    accepted_characters: int = 0
    rejected: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """How the server and its engine are, and why the last requests brought nothing, oldest first.

    Attributes:
        condition: as in the notification.
        engine: what the engine told last; None before it did.
        empty_answers: of the last requests.
        reasons: how many requests brought nothing since the start, by reason.
        problems: settings that could not be used.
        tally: what became of suggestions.
    """

    condition: Condition
    engine: Status | None
    empty_answers: Sequence[EmptyAnswer]
    reasons: Mapping[str, int]
    problems: Sequence[str]
    tally: Tally


_MESSAGES = (
    CompleteParams,
    AlternativesParams,
    FillSelectionParams,
    FillGapsParams,
    SnippetParams,
    FeedbackParams,
    Suggested,
    Filled,
    SnippetMade,
    Condition,
    EmptyAnswer,
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
        raise JsonRpcInvalidParams("; ".join(cattrs.transform_error(error, path="params"))) from error


def _in_camel_case(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))
