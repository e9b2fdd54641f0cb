"""Patterns as .gitignore has them."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from pathspec import GitIgnoreSpec

_BEHIND = "ps_d"
"""The group by which pathspec marks a match of something in a directory, and not of the directory itself."""


class Pattern(NamedTuple):
    """A line of an ignore file: what it matches, and whether it excludes that or includes it again."""

    regex: re.Pattern[str]
    excludes: bool
    only_directories: bool


class Patterns:
    """The patterns of an ignore file, or of several lines; what cannot be understood matches nothing, as with git."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._patterns = [pattern for line in lines for pattern in _read(line)]

    def decision(self, parts: Sequence[str], is_directory: bool) -> bool | None:
        """Whether something itself, not what it lies in, is excluded or included; None where no pattern matches."""
        name = "/".join(parts)
        for pattern in reversed(self._patterns):
            if is_directory or not pattern.only_directories:
                match = pattern.regex.search(name)
                if match is not None and match.groupdict().get(_BEHIND) is None:
                    return pattern.excludes
        return None

    def exclude(self, parts: Sequence[str]) -> bool:
        """Whether a file or a directory that it lies in is excluded."""
        return any(self.decision(parts[:length], length < len(parts)) for length in range(1, len(parts) + 1))


def _read(line: str) -> Iterator[Pattern]:
    text = line.rstrip(" ")
    only_directories = text.endswith("/")
    try:
        for pattern in GitIgnoreSpec.from_lines([text[:-1] if only_directories else line]).patterns:
            if pattern.regex is not None and pattern.include is not None:
                yield Pattern(pattern.regex, pattern.include, only_directories)
    except (ValueError, re.error):
        return
