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
| `lacuna/replay` | `ReplayParams` | `Replay` or null |
| `lacuna/status` | | `Report` |
| `lacuna/restartEngine` | | null |

Notifications to the server: `lacuna/shown`, `lacuna/accepted` and `lacuna/rejected`, with `FeedbackParams`; to the
client: `lacuna/status`, with `Condition`. The client's capabilities say in `experimental: {lacuna: …}` what it knows:
`status: true` has it told of that, `replay: true` has every denoising step kept for `lacuna/replay`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from lsprotocol.types import (
    InlineCompletionItem,
    InsertTextFormat,
    Position,
    Range,
    TextDocumentIdentifier,
    WorkspaceEdit,
)

from lacuna_server.engine.protocol import Status, TokenOut
from lacuna_server.errors import UserError
from lacuna_server.extent import Wanted


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
    """Asks for another text in the place of a range, or of several ranges, which are filled by one call."""

    text_document: TextDocumentIdentifier
    range: Range | None = None
    ranges: Sequence[Range] | None = None

    def __post_init__(self) -> None:
        if bool(self.range) == bool(self.ranges):
            raise UserError("give either a range or ranges")


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
            raise UserError("give either a position or a range")


@dataclass(frozen=True, slots=True)
class ReplayParams:
    """Asks how the last fill came about, of a document or of any."""

    text_document: TextDocumentIdentifier | None = None


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
class Uncertain:
    """A piece of what was filled in that is worth a look.

    Attributes:
        range: in the document as it is when all was accepted.
        confidence: mean over its tokens, each of them below .5.
    """

    range: Range
    confidence: float


@dataclass(frozen=True, slots=True)
class Filled:
    """An edit that fills gaps; or why there is none, as a word for programs and as a sentence for people.

    Attributes:
        edit: of one document.
        uncertain: pieces of what it fills in.
        reason: the word.
        message: the sentence.
    """

    edit: WorkspaceEdit | None
    uncertain: Sequence[Uncertain] = ()
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
class ReplayStep:
    """The canvas after a denoising step: the slots of each gap, in which null stands for a masked one.

    Steps count from 1, milliseconds from the beginning of the fill. Of a very long fill some steps are left out.
    """

    step: int
    elapsed_ms: float
    gaps: Sequence[Sequence[TokenOut]]


@dataclass(frozen=True, slots=True)
class Replay:
    """How a fill came about; the figures are those of `engine.protocol.ResultEvent`.

    Attributes:
        uri: the document.
        language: as the model calls it.
        before: the last lines before the first gap.
        after: the first lines behind the last gap.
        segments: the texts between the gaps.
        steps: that the denoiser took.
        tokens: of each gap in the best candidate, at the end.
        texts: what they add up to.
    """

    uri: str
    language: str
    before: str
    after: str
    segments: Sequence[str]
    steps: Sequence[ReplayStep]
    tokens: Sequence[Sequence[TokenOut]]
    texts: Sequence[str]
    stop_reason: str
    num_steps: int
    num_forwards: int
    num_prefix_tokens: int
    num_cached_tokens: int
    queue_ms: float
    encode_ms: float
    denoise_ms: float
    rank_ms: float
    total_ms: float


@dataclass(frozen=True, slots=True)
class Condition:
    """How the server is.

    Attributes:
        state: what a status bar shows.
        message: for people: what to do in case of an error, else why that request brought nothing.
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
    """A request that brought nothing: when, in seconds since 1970, for which document, and why.

    As in answers, `reason` is a word for programs and `message` a sentence for people.
    """

    time: float
    uri: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class EmptyAnswers:
    """How many requests brought nothing for a reason since the start."""

    reason: str
    message: str
    count: int


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
        reasons: why requests brought nothing since the start, the most frequent one first.
        problems: settings that could not be used.
        tally: what became of suggestions.
    """

    condition: Condition
    engine: Status | None
    empty_answers: Sequence[EmptyAnswer]
    reasons: Sequence[EmptyAnswers]
    problems: Sequence[str]
    tally: Tally
