"""What a user can set: one dataclass, read from the editor's JSON.

Names are those of the JSON, below `lacuna`. A name that does not exist or a value that cannot be used changes nothing,
is told, and leaves every other setting as it is.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, is_dataclass, replace
from difflib import get_close_matches
from typing import Any, Literal, get_args, get_type_hints

from lacuna_server.engine.precision import Precision
from lacuna_server.extent import Wanted
from lacuna_server.ignore import SECRET_PATTERNS

SECTION = "lacuna"

MAX_NUMBER = 1e9
"""Larger numbers are taken for mistakes."""

Level = Literal["error", "warning", "info", "debug"]


@dataclass(frozen=True, slots=True)
class ContextSettings:
    """What the model is shown besides the document, in characters at most; 0 stands for nothing.

    Attributes:
        imports: definitions that the document imports from the workspace.
        similar: pieces of open documents that resemble the surroundings.
        edits: what was changed lately in other documents.
    """

    imports: int = 0
    similar: int = 0
    edits: int = 0

    def __post_init__(self) -> None:
        if min(self.imports, self.similar, self.edits) < 0:
            raise ValueError("must not be negative")


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """Where fills come from.

    Attributes:
        url: an engine that somebody else runs, `unix:///PATH`, `http://…` or `https://…`; "": one of our own.
        token_file: holds the token that this engine asks for.
        ca_file: certificates to trust besides the system's.
        checkpoint: directory of the model for our own engine; "": the embedded one.
        device: where it runs: auto, cpu, cuda or cuda:N.
        precision: what most weights are held as: auto, as they were saved; fp8; 4bit, the experts of fp8 in four bits.
        idle_minutes: after which it ends.
    """

    url: str = ""
    token_file: str = ""
    ca_file: str = ""
    checkpoint: str = ""
    device: str = "auto"
    precision: Precision = "auto"
    idle_minutes: float = 30.0

    def __post_init__(self) -> None:
        if not self.idle_minutes > 0:
            raise ValueError("must be more than 0")


@dataclass(frozen=True, slots=True)
class LogSettings:
    """What is logged, to standard error.

    Attributes:
        level: the least important messages that are.
        editor: send them to the editor's log too.
        content: let messages hold code; they hold none otherwise.
    """

    level: Level = "warning"
    editor: bool = False
    content: bool = False


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings.

    Attributes:
        enable: languages, as the editor calls them, to be completed or not; "*" stands for all others.
        automatic: suggest while the user types; otherwise only when asked.
        completion: answer `textDocument/completion` too, for editors without inline completion.
        length: how much to suggest: a line, a block, a number of lines, or what the place calls for.
        min_confidence: how likely a suggestion must be accepted as it is to be shown by itself, 0 to 1. The default is
            what the embedded model needs for three of five to be what an author wrote.
        delay_ms: what to wait for the next key at least, milliseconds.
        deadline_ms: time that the engine has for an automatic suggestion, milliseconds.
        secret_files: patterns of files that are never completed and never shown to the model.
        schemas: JSON Schemas of documents, by patterns of their places in a workspace folder; paths from there.
        context: what the model is shown.
        engine: where fills come from.
        log: what is logged.
    """

    enable: dict[str, bool] = field(default_factory=lambda: {"*": True})
    automatic: bool = True
    completion: bool = False
    length: Wanted = "auto"
    min_confidence: float = 0.25
    delay_ms: float = 75.0
    deadline_ms: float = 2000.0
    secret_files: tuple[str, ...] = SECRET_PATTERNS
    schemas: dict[str, str] = field(default_factory=dict)
    context: ContextSettings = ContextSettings()
    engine: EngineSettings = EngineSettings()
    log: LogSettings = LogSettings()

    def __post_init__(self) -> None:
        if not 0 <= self.min_confidence <= 1:
            raise ValueError("must lie between 0 and 1")
        if not self.delay_ms >= 0:
            raise ValueError("must not be negative")
        if not self.deadline_ms > 0:
            raise ValueError("must be more than 0")

    def is_enabled(self, language_id: str) -> bool:
        """Whether documents of a language, as the editor calls it, are completed."""
        return self.enable.get(language_id, self.enable.get("*", True))


def read_settings(*documents: Any) -> tuple[Settings, tuple[str, ...]]:
    """Settings from JSON objects; later ones prevail, and `null` says nothing.

    Returns:
        The settings, and a sentence for everything that could not be used.
    """
    settings, problems = Settings(), list[str]()
    for document in documents:
        settings = _changed(settings, document, SECTION, problems)
    return settings, tuple(dict.fromkeys(problems))


def _changed(section: Any, document: Any, path: str, problems: list[str]) -> Any:
    """A section of the settings with what a JSON object says about it."""
    if document is None:
        return section
    if not isinstance(document, dict):
        problems.append(f"{path} must be an object with settings in it and is ignored.")
        return section
    kinds = get_type_hints(type(section))
    for name, value in document.items():
        where = f"{path}.{name}"
        if name not in kinds:
            problems.append(f"{where} is no setting{_similar(name, kinds, path)} and is ignored.")
            continue
        present = getattr(section, name)
        if is_dataclass(present):
            section = replace(section, **{name: _changed(present, value, where, problems)})
        elif value is not None:
            try:
                section = replace(section, **{name: _READERS[kinds[name]](value)})
            except ValueError as error:
                problems.append(f"{where} {error}; it stays at {present!r}.")
    return section


def _similar(name: str, known: Iterable[str], path: str) -> str:
    close = get_close_matches(name, known, n=1)
    return f" (did you mean {path}.{close[0]}?)" if close else ""


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("must be a text")
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < MAX_NUMBER:
        raise ValueError("must be a number")
    return value


def _whole_number(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not abs(value) < MAX_NUMBER:
        raise ValueError("must be a whole number")
    return value


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError("must be a list of texts")
    return tuple(value)


def _switches(value: Any) -> dict[str, bool]:
    if not isinstance(value, dict) or not all(isinstance(item, bool) for item in value.values()):
        raise ValueError('must say true or false for languages, as {"*": true, "markdown": false} does')
    return value


def _paths(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise ValueError('must name files for patterns, as {"package.json": "schemas/package.json"} does')
    return value


def _one_of(*allowed: str) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if value not in allowed:
            raise ValueError(f"must be one of {', '.join(allowed)}")
        return value

    return read


def read_length(value: Any) -> Wanted:
    """A length from JSON. Raises ValueError, which goes on behind the name of the setting, if it is none."""
    if value in ("auto", "line", "block") or (isinstance(value, int) and not isinstance(value, bool) and value > 0):
        return value  # type: ignore[no-any-return]
    raise ValueError("must be auto, line, block, or a number of lines")


_READERS: dict[Any, Callable[[Any], Any]] = {
    bool: _truth,
    str: _text,
    int: _whole_number,
    float: _number,
    tuple[str, ...]: _texts,
    dict[str, bool]: _switches,
    dict[str, str]: _paths,
    Level: _one_of(*get_args(Level)),
    Precision: _one_of(*get_args(Precision)),
    Wanted: read_length,
}
"""How the JSON of a setting is read, by its type. Each raises ValueError for what it cannot use."""
