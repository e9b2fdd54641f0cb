"""Remembering what was made of documents that change with every key."""

from collections.abc import Callable
from functools import wraps
from typing import Protocol, TypeVar

NUM_KEPT = 64
"""Documents about which something is remembered; those asked for longest ago are forgotten."""


class Named(Protocol):
    """A document as it is at a moment."""

    @property
    def uri(self) -> str:
        """Which document it is."""
        ...


D = TypeVar("D", bound=Named)
T = TypeVar("T")


def newest(make: Callable[[D], T]) -> Callable[[D], T]:
    """Remembers what a function makes of a document, until it is asked about another text of the same document."""
    kept: dict[str, tuple[D, T]] = {}

    @wraps(make)
    def made(document: D) -> T:
        known = kept.pop(document.uri, None)
        if known is None or known[0] != document:
            known = document, make(document)
        kept[document.uri] = known
        if len(kept) > NUM_KEPT:
            del kept[next(iter(kept))]
        return known[1]

    return made
