"""Which files shall be left alone."""

import os
from collections.abc import Sequence
from pathlib import Path

from lacuna_server.ignore.git import GIT, Repository, root_of
from lacuna_server.ignore.patterns import Patterns
from lacuna_server.ignore.places import place_of
from lacuna_server.ignore.secrets import SECRET_PATTERNS
from lacuna_server.reasons import Reason

MAX_KNOWN = 10_000
"""Files whose answer is remembered."""


class IgnoreRules:
    """Which files shall be left alone; remembers what it read and answered until `reload`. Any thread may ask.

    A symbolic link is left alone for its own name or for its target's. Files outside any work tree of git are not
    ignored, but may be secret. A file that git tracks although a pattern matches it is left alone.
    """

    def __init__(self, secret_patterns: Sequence[str] = SECRET_PATTERNS) -> None:
        self._secrets = Patterns(pattern.lower() for pattern in secret_patterns)
        self._repositories: dict[Path, Repository] = {}
        self._known: dict[Path, Reason | None] = {}

    def reason(self, path: Path) -> Reason | None:
        """Why a file shall be left alone, or None. It need not exist; git is not asked about a relative path."""
        if path in (known := self._known):
            return known[path]
        if len(known) >= MAX_KNOWN:
            known = self._known = {}
        secret, ignored = self.is_secret(path), path.is_absolute() and self.is_ignored(path)
        reason = known[path] = Reason.SECRET_FILE if secret else Reason.IGNORED_FILE if ignored else None
        return reason

    def reason_for_uri(self, uri: str) -> Reason | None:
        """Why a document of any scheme shall be left alone, or None."""
        return self.reason(place_of(uri))

    def is_secret(self, path: Path) -> bool:
        """Whether the name of a file, absolute or not, says that it holds secrets.

        Directories count from the root of the work tree that the file lies in, if there is one.
        """
        return any(self._secrets.exclude(_parts(place)) for place in _places(path))

    def is_ignored(self, path: Path) -> bool:
        """Whether git ignores a file, or keeps it for itself."""
        return any(GIT in place.parts or self._git_ignores(place) for place in _places(path))

    def reload(self) -> None:
        """Forgets the ignore files, as some of them changed."""
        self._repositories, self._known = {}, {}  # new ones: another thread may be looking into the old ones

    def _git_ignores(self, place: Path) -> bool:
        root = root_of(place)
        if root is None:
            return False
        if (repository := self._repositories.get(root)) is None:
            repository = self._repositories[root] = Repository(root)
        return repository.is_ignored(place)


def _places(path: Path) -> set[Path]:
    """Where a file is said to be and where it is, without dots and, the latter, without links."""
    if not path.is_absolute():
        return {path}
    try:
        return {Path(os.path.normpath(path)), Path(os.path.realpath(path))}
    except (OSError, ValueError):  # no file has such a name
        return {path}


def _parts(place: Path) -> list[str]:
    """The lower-case names on the way to a file from the root of its work tree, or of the file system."""
    root = root_of(place) if place.is_absolute() else None
    return [part.lower() for part in place.relative_to(place.anchor if root is None else root).parts]
