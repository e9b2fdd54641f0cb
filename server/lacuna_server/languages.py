"""Which language a file is written in, by its name."""

from pathlib import PurePath

from lacuna_server.errors import UserError

TEXT = "text"

LANGUAGES: dict[str, tuple[str, ...]] = {
    "python": (".py", ".pyi", ".pyw"),
    "javascript": (".js", ".mjs", ".cjs", ".jsx"),
    "typescript": (".ts", ".tsx", ".mts", ".cts"),
    "json": (".json",),
    TEXT: (),
}
"""Names the denoiser was trained with, and the extensions they stand for; every other file is text."""

_LANGUAGE_OF_EXTENSION = {extension: name for name, extensions in LANGUAGES.items() for extension in extensions}


def language_of(name: str) -> str:
    """The language of a file, from its extension in any case."""
    return _LANGUAGE_OF_EXTENSION.get(PurePath(name).suffix.lower(), TEXT)


def check_language(name: str) -> str:
    """Returns the name of a language. Raises UserError for one that is not in `LANGUAGES`."""
    if name not in LANGUAGES:
        raise UserError(f"Unknown language {name!r}; choose one of {', '.join(LANGUAGES)}.")
    return name
