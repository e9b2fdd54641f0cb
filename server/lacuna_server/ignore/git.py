"""What git ignores: .gitignore in every directory, .git/info/exclude, and the user's own excludes file."""

import os
import re
from itertools import chain
from pathlib import Path

from lacuna_server.ignore.patterns import Patterns

GIT = ".git"
MAX_BYTES = 1 << 20
"""Of an ignore file; what is beyond is not read."""

_EXCLUDES_FILE = re.compile(r'excludesfile\s*=\s*"?([^"]+?)"?', re.IGNORECASE)


class Repository:
    """A work tree of git; remembers the ignore files that it read."""

    def __init__(self, root: Path) -> None:
        self.root = root
        directory = _common_directory(root / GIT)
        self._excludes = (_read_patterns(directory / "info" / "exclude"), _read_patterns(_excludes_file(directory)))
        self._nested: dict[tuple[str, ...], Patterns] = {}

    def is_ignored(self, path: Path) -> bool:
        """Whether git ignores a file of the work tree, if it does not track it."""
        parts = path.relative_to(self.root).parts
        return any(self._is_excluded(parts[:length], length < len(parts)) for length in range(1, len(parts) + 1))

    def _is_excluded(self, parts: tuple[str, ...], is_directory: bool) -> bool:
        """Whether patterns exclude a file or a directory itself; those nearest to it prevail."""
        nested = ((self._patterns(parts[:depth]), parts[depth:]) for depth in range(len(parts) - 1, -1, -1))
        for patterns, name in chain(nested, ((excludes, parts) for excludes in self._excludes)):
            if (decision := patterns.decision(name, is_directory)) is not None:
                return decision
        return False

    def _patterns(self, directory: tuple[str, ...]) -> Patterns:
        if directory not in self._nested:
            self._nested[directory] = _read_patterns(self.root.joinpath(*directory, ".gitignore"))
        return self._nested[directory]


def root_of(path: Path) -> Path | None:
    """The innermost directory above a path that is a work tree of git."""
    return next((parent for parent in path.parents if os.path.lexists(parent / GIT)), None)


def _common_directory(git: Path) -> Path:
    """Where a work tree has its repository; `.git` is a file in submodules and in further work trees."""
    if link := _read(git):
        git = git.parent / link.removeprefix("gitdir:").strip()
        if common := _read(git / "commondir").strip():
            git = git / common
    return git


def _excludes_file(directory: Path) -> Path:
    """The user's excludes file, from the configuration of the repository or of the user."""
    home = _home()
    configuration = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config") / "git"
    for file in (directory / "config", home / ".gitconfig", configuration / "config"):
        section = ""
        for line in _read(file).split("\n"):
            if line.lstrip().startswith("["):
                section = line.strip().lower()
            elif section == "[core]" and (match := _EXCLUDES_FILE.fullmatch(line.strip())):
                name = match[1]
                return home / name[2:] if name.startswith("~/") else directory.parent / name
    return configuration / "ignore"


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:  # nobody's process
        return Path(os.devnull)


def _read_patterns(file: Path) -> Patterns:
    return Patterns(line.removesuffix("\r") for line in _read(file).removeprefix("\ufeff").split("\n"))


def _read(file: Path) -> str:
    """The text of a regular file; nothing if there is none, or it cannot be read."""
    try:
        if not file.is_file():
            return ""
        with file.open("rb") as stream:
            return stream.read(MAX_BYTES).decode(errors="surrogateescape")
    except (OSError, ValueError):
        return ""
