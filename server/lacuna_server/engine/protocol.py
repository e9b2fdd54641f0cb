"""What is said between an engine and those who ask it: JSON over HTTP.

| request | body | answer |
| --- | --- | --- |
| `POST /v1/fill` | `FillCall` | a stream of `Event`, one JSON object a line; hanging up cancels |
| `POST /v1/warm` | `WarmCall` | 204 once the text is encoded |
| `POST /v1/reasons` | `ReasonsCall` | 204 |
| `GET /v1/status` | | `Status` |
| `POST /v1/shutdown` | | 202; the engine ends |
| `GET /health` | | 200 when fills are answered, 503 before |
| `GET /metrics` | | Prometheus' text format |

A refused request is answered with a status of 400 or above and a `Refusal`. Every answer carries the engine's version
in the header `Lacuna-Version`.
"""

import json
import math
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from lacuna_server import __version__
from lacuna_server.engine.strict import strict_converter, structure
from lacuna_server.errors import UserError

VERSION_HEADER = "Lacuna-Version"
VERSION = __version__
"""An engine of another version is not talked to, but replaced."""

MAX_GAPS = 256
MAX_TOKENS = 4096
MAX_CANDIDATES = 64
"""All candidates are denoised side by side, so that their number is a matter of memory."""

MAX_WORK = 1 << 15
"""Tokens of all candidates and gaps of a call: what it asks for must not keep everybody else waiting for minutes."""

MAX_NAME = 4096
"""Characters of the name of a client, a document or a language."""

MAX_REASONS = 64

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class FillCall:
    """A request to fill gaps.

    Attributes:
        segments: the text around the gaps, one more than gaps, with line feeds only.
        language: as the model calls it.
        client: who asks; turns go round between clients.
        document: what is filled; a newer call of the same client for the same document supersedes an older one, and
            the prefix stays cached under this name. Calls without a name supersede nothing.
        max_tokens: most tokens of each gap.
        max_lines: cut every fill after so many lines; None: do not cut.
        num_candidates: most fills to return.
        deadline_ms: time to answer in from the arrival of the call, milliseconds; None: as long as it takes.
        seed: of every random draw.
        draft: for each gap the tokens to begin with, None where a slot is open; None: all slots are open.
        constraints: what each gap has to obey, as `lacuna_model.constraints.kinds` reads it, None where anything goes;
            None: nothing does. A call that has any has neither a draft nor `max_lines`.
        syntax: prefer fills that keep the syntax of the language.
        steps: send the canvas after every denoising step.

    Raises:
        UserError: a value is out of its range, or `num_candidates`, `max_tokens` and gaps multiply to over `MAX_WORK`.
    """

    segments: tuple[str, ...]
    language: str = "text"
    client: str = ""
    document: str = ""
    max_tokens: int = 32
    max_lines: int | None = None
    num_candidates: int = 1
    deadline_ms: float | None = None
    seed: int = 0
    draft: tuple[tuple[str | None, ...], ...] | None = None
    constraints: tuple[dict[str, Any] | None, ...] | None = None
    syntax: bool = False
    steps: bool = False

    def __post_init__(self) -> None:
        num_gaps = len(self.segments) - 1
        _check_range("the number of segments", num_gaps + 1, 2, MAX_GAPS + 1)
        _check_names(self.language, self.client, self.document)
        _check_range("max_tokens", self.max_tokens, 1, MAX_TOKENS)
        _check_range("num_candidates", self.num_candidates, 1, MAX_CANDIDATES)
        _check_range("seed", self.seed, 0, 2**63 - 1)
        if (work := self.num_candidates * self.max_tokens * num_gaps) > MAX_WORK:
            raise UserError(f"Candidates x tokens x gaps may be {MAX_WORK}, not {work}; ask for fewer of them.")
        if self.max_lines is not None:
            _check_range("max_lines", self.max_lines, 1, math.inf)
        if self.deadline_ms is not None:
            _check_range("deadline_ms", self.deadline_ms, 0, math.inf)
        if self.draft is not None:
            _check_range("the number of gaps in draft", len(self.draft), num_gaps, num_gaps)
            for gap in self.draft:
                _check_range("the length of a draft", len(gap), 0, self.max_tokens)
        if self.constraints is not None:
            _check_range("the number of constraints", len(self.constraints), num_gaps, num_gaps)
            has_any = any(constraint is not None for constraint in self.constraints)
            if has_any and (self.draft is not None or self.max_lines is not None):
                raise UserError("A call with constraints can have neither a draft nor max_lines.")


@dataclass(frozen=True, slots=True)
class WarmCall:
    """A request to encode a text that will soon be the prefix of a gap."""

    prefix: str
    language: str = "text"
    client: str = ""
    document: str = ""

    def __post_init__(self) -> None:
        _check_names(self.language, self.client, self.document)


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """How many requests of an editor brought nothing for a reason."""

    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class ReasonsCall:
    """Tells why a client's requests brought nothing since it started; takes the place of what it told before."""

    client: str
    reasons: tuple[ReasonCount, ...]

    def __post_init__(self) -> None:
        _check_names(self.client, *(each.reason for each in self.reasons))
        _check_range("the number of reasons", len(self.reasons), 0, MAX_REASONS)


def _check_range(name: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        allowed = f"at least {least}" if most == math.inf else f"between {least} and {most}"
        raise UserError(f"{name} must be {allowed}, not {value}.")


def _check_names(*names: str) -> None:
    if any(len(name) > MAX_NAME for name in names):
        raise UserError(f"language, client and document may be {MAX_NAME} characters long.")


@dataclass(frozen=True, slots=True)
class TokenOut:
    """A token of a gap: its text, None while its slot is masked, and its probability."""

    text: str | None
    confidence: float


@dataclass(frozen=True, slots=True)
class StepEvent:
    """The first candidate's gaps after a denoising step.

    Attributes:
        step: its number, from 1.
        gaps: the slots of each gap.
        elapsed_ms: from the beginning of the call's turn, milliseconds; 0 where nobody waits for turns.
    """

    step: int
    gaps: tuple[tuple[TokenOut, ...], ...]
    elapsed_ms: float = 0.0
    type: Literal["step"] = "step"


@dataclass(frozen=True, slots=True)
class FillOut:
    """One way to fill all gaps.

    Attributes:
        texts: of each gap.
        tokens: of each gap.
        score: comparable within one result only; higher is better.
        valid: whether it keeps the syntax; None where nobody asked or can tell.
        probability: that it would be accepted as it stands, 0 to 1; None where the model cannot tell.
    """

    texts: tuple[str, ...]
    tokens: tuple[tuple[TokenOut, ...], ...]
    score: float
    valid: bool | None = None
    probability: float | None = None


@dataclass(frozen=True, slots=True)
class ResultEvent:
    """The end of a fill. Times are in milliseconds; `queue_ms` is what the call waited for its turn, `total_ms` all."""

    fills: tuple[FillOut, ...]
    stop_reason: Literal["stable", "deadline", "cancelled", "max_steps"]
    num_steps: int
    num_forwards: int
    num_tokens: int
    num_prefix_tokens: int
    num_cached_tokens: int
    queue_ms: float
    encode_ms: float
    denoise_ms: float
    rank_ms: float
    total_ms: float
    type: Literal["result"] = "result"


RefusalKind = Literal[
    "loading", "failed", "superseded", "invalid", "busy", "unauthorized", "too_large", "internal", "closing"
]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why there is no result: `kind` is for programs, `message` for people and says what to do."""

    kind: RefusalKind
    message: str
    type: Literal["error"] = "error"


Event = StepEvent | ResultEvent | Refusal
"""What a stream of a fill holds: steps if asked for, then a result or an error."""


@dataclass(frozen=True, slots=True)
class Status:
    """How an engine is.

    Attributes:
        version: of the package that runs there.
        pid: its process.
        state: loading, ready, or failed to load.
        loaded_bytes: of the checkpoint, so far.
        total_bytes: of the checkpoint; 0 while unknown.
        message: why the model could not be loaded, and what to do.
        checkpoint: directory of the checkpoint; "embedded" for the one in the package.
        device: where the model runs.
        precision: what most of its weights are held as; "" while unknown.
        uptime_seconds: since the start.
        num_queued: calls that wait for their turn.
        num_running: calls that are being filled, 0 or 1.
        num_fills: results given since the start.
        reasons: why requests brought nothing, those of all clients together, the most frequent first.
    """

    version: str
    pid: int
    state: Literal["loading", "ready", "failed"]
    loaded_bytes: int = 0
    total_bytes: int = 0
    message: str = ""
    checkpoint: str = "embedded"
    device: str = ""
    precision: str = ""
    uptime_seconds: float = 0.0
    num_queued: int = 0
    num_running: int = 0
    num_fills: int = 0
    reasons: tuple[ReasonCount, ...] = ()


_converter = strict_converter()
_events: dict[str, type[StepEvent] | type[ResultEvent] | type[Refusal]] = {
    "step": StepEvent,
    "result": ResultEvent,
    "error": Refusal,
}


def encode(message: Any) -> bytes:
    """A message as JSON, in one line."""
    return json.dumps(_converter.unstructure(message), separators=(",", ":")).encode()


def decode(data: bytes | str, kind: type[T]) -> T:
    """A message from JSON. Nothing is converted: a number is no string and 1 is not true.

    Raises:
        ValueError: it is not a message of this kind; names the field, but does not repeat what it holds.
    """
    return _structure(_parse(data), kind)


def decode_event(data: bytes | str) -> Event:
    """An event from JSON. Raises ValueError as `decode` does."""
    document = _parse(data)
    name = document.get("type") if isinstance(document, dict) else None
    kind = _events.get(name) if isinstance(name, str) else None
    if kind is None:
        raise ValueError("not an event: its type is unknown")
    return _structure(document, kind)


def _parse(data: bytes | str) -> Any:
    try:
        return json.loads(data)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    except UnicodeDecodeError as error:
        raise ValueError("not in UTF-8") from error  # its own words would repeat all of it


def _structure(document: Any, kind: type[T]) -> T:
    if not isinstance(document, dict):
        raise ValueError("not a JSON object")
    return structure(_converter, document, kind)
