"""Which language a file is written in, by its name or by what an editor calls it."""

from pathlib import PurePath

from lacuna_server.errors import UserError

TEXT = "text"

LANGUAGES: dict[str, tuple[str, ...]] = {
    "python": (".py", ".pyi", ".pyw"),
    "javascript": (".js", ".mjs", ".cjs", ".jsx"),
    "typescript": (".ts", ".tsx", ".mts", ".cts"),
    "json": (".json", ".jsonc"),
    "html": (".html", ".htm"),
    "css": (".css",),
    "rust": (".rs",),
    "go": (".go",),
    "c": (".c", ".h"),
    "cpp": (".cpp", ".cc", ".cxx", ".hpp", ".hh", ".hxx"),
    "java": (".java",),
    "lua": (".lua",),
    "bash": (".sh", ".bash"),
    TEXT: (),
}
"""Names the denoiser knows a language or its syntax by, and the extensions they stand for; every other file is text."""

_LANGUAGE_OF_EXTENSION = {extension: name for name, extensions in LANGUAGES.items() for extension in extensions}

_LANGUAGE_OF_FILE = {".bashrc": "bash", ".bash_profile": "bash", ".bash_aliases": "bash", ".bash_logout": "bash"}
"""Files without an extension."""

_LANGUAGE_OF_ID = {
    "javascriptreact": "javascript",
    "jsonc": "json",
    "sh": "bash",
    "shellscript": "bash",
    "typescriptreact": "typescript",
}
"""Languages that editors have another name for."""


def language_of(name: str, language_id: str = TEXT) -> str:
    """The language of a file: what an editor calls it, if that is known, or else by its name in any case.

    Args:
        name: of the file, with or without folders; empty for a text that is none.
        language_id: the editor's name for its language.
    """
    known = _LANGUAGE_OF_ID.get(language_id, language_id)
    if known in LANGUAGES and known != TEXT:
        return known
    path = PurePath(name.lower())
    return _LANGUAGE_OF_FILE.get(path.name) or _LANGUAGE_OF_EXTENSION.get(path.suffix, TEXT)


def is_yaml(name: str, language_id: str = TEXT) -> bool:
    """Whether a file is YAML, which no model here knows as a language; `name` and `language_id` as above."""
    return language_id == "yaml" or PurePath(name.lower()).suffix in (".yaml", ".yml")


def check_language(name: str) -> str:
    """Returns the name of a language. Raises UserError for one that is not in `LANGUAGES`."""
    if name not in LANGUAGES:
        raise UserError(f"Unknown language {name!r}; choose one of {', '.join(LANGUAGES)}.")
    return name
