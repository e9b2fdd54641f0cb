"""Answers from memory: a suggestion that the user types through, deletes back in, or accepts in parts.

A suggestion is found by the text right around the cursor it was made for, and from a cursor further on by looking back
over the characters that may have been typed since.
"""

import re
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import NamedTuple

from lacuna_server.extent import Wanted
from lacuna_server.suggestion import Suggestion
from lacuna_server.suggestion.closers import is_subsequence
from lacuna_server.suggestion.overlap import num_common
from lacuna_server.suggestion.tokens import clipped
from lacuna_server.syntax.brackets import scan

SURROUNDINGS = 160
"""Characters on either side of the cursor that must be as they were."""

MAX_TYPED = 400
"""Characters that are looked back over for a suggestion that was typed through."""

MAX_TYPED_WITH_TYPO = 60
"""Characters that are looked back over for a suggestion that a typo does not fit."""

MAX_CONFLICT = 12
"""Characters typed from the typo on; with more of them the user wants something else."""

MIN_AGREED = 2
"""Characters typed as suggested before the typo; with fewer of them the suggestion was never taken up."""

_CLOSERS = re.compile(r"[ \t]*\n?[ \t]*[)\]}\"'`]{1,4}")


class Key(NamedTuple):
    """A place in a document, by the text around it."""

    document: str
    before: str
    after: str


class Kept(NamedTuple):
    """A suggestion, how much had been asked for, and whether the denoiser had all the time it needed."""

    suggestion: Suggestion
    wanted: Wanted = "auto"
    is_final: bool = True


class Found(NamedTuple):
    """A suggestion, what was typed since it was made, and what an editor may have put behind the cursor meanwhile."""

    kept: Kept
    typed: str
    closers: str


class Memory:
    """The suggestions last given; the oldest are dropped."""

    def __init__(self, max_entries: int = 500) -> None:
        self._max_entries = max_entries
        self._suggestions: OrderedDict[Key, Kept] = OrderedDict()

    def remember(self, document: str, prefix: str, suffix: str, kept: Kept) -> None:
        """Keeps what was suggested between two texts."""
        key = Key(document, prefix[-SURROUNDINGS:], suffix[:SURROUNDINGS])
        self._suggestions[key] = kept
        self._suggestions.move_to_end(key)
        if len(self._suggestions) > self._max_entries:
            self._suggestions.popitem(last=False)

    def recall(
        self, document: str, prefix: str, suffix: str, is_wanted: Callable[[Found], bool] = lambda found: True
    ) -> Suggestion | None:
        """What is left of a suggestion, of those that are wanted, after the user typed through it.

        The suffix must be as it was, but for the closers that editors put behind an opening bracket or quote.
        """
        for found in self._found(document, prefix, suffix, MAX_TYPED):
            if is_wanted(found) and (rest := _rest(found, len(prefix), suffix)) is not None:
                return rest
        return None

    def draft(self, document: str, prefix: str, suffix: str) -> tuple[str | None, ...] | None:
        """The tokens of a suggestion that still fit after a typo, for the engine to go on from.

        What was typed stands for as many characters of the suggestion. The token at the cursor, which followed what is
        not there any more, is open: None. Those behind it stay.
        """
        for found in self._found(document, prefix, suffix, MAX_TYPED_WITH_TYPO):
            suggestion, typed = found.kept.suggestion, found.typed
            text = suggestion.insert_text
            agreed = num_common(typed, text)
            if agreed < MIN_AGREED or not 0 < len(typed) - agreed <= MAX_CONFLICT or found.closers:
                continue
            behind = clipped(suggestion.tokens, len(typed), len(text))[1:]
            if behind:
                return (None, *(token.text for token in behind))
        return None

    def forget(self, document: str) -> None:
        """Drops what is known of a document."""
        for key in [key for key in self._suggestions if key.document == document]:
            del self._suggestions[key]

    def _found(self, document: str, prefix: str, suffix: str, max_typed: int) -> Iterator[Found]:
        """Suggestions made where the cursor may come from, the nearest first."""
        for closers in ("", *_closers(suffix)):
            after = suffix[len(closers) :][:SURROUNDINGS]
            for place in range(len(prefix), max(0, len(prefix) - max_typed) - 1, -1):
                before = prefix[max(0, place - SURROUNDINGS) : place]
                kept = self._suggestions.get(Key(document, before, after))
                if kept is not None:
                    yield Found(kept, prefix[place:], closers)


def _closers(suffix: str) -> Iterator[str]:
    """What a suffix may begin with because an editor put it there."""
    match = _CLOSERS.match(suffix)
    for end in range(1, 0 if match is None else match.end() + 1):
        if suffix[end - 1].strip():
            yield suffix[:end]


def _rest(found: Found, cursor: int, suffix: str) -> Suggestion | None:
    """A suggestion without what was typed, if that was its beginning."""
    (suggestion, *_), typed, closers = found
    if not suggestion.insert_text.startswith(typed):
        return None
    start, end = len(typed), len(suggestion.insert_text)
    replaced = suffix[: suggestion.end - suggestion.start]
    if closers:
        marks = closers.strip()
        if replaced or scan(typed, "").closers != marks:
            return None
        if suggestion.insert_text.endswith(marks, start):  # the editor has written the end of the suggestion
            end = len(suggestion.insert_text[: end - len(marks)].rstrip())
        elif is_subsequence(closers, suggestion.insert_text[start:]) and "\n" not in closers:
            replaced = closers
        elif any(mark in suggestion.insert_text[start:] for mark in marks):
            return None
    text = suggestion.insert_text[start:end]
    if not text.strip() or not is_subsequence(replaced, text):
        return None
    tokens = clipped(suggestion.tokens, start, end)
    return Suggestion(text, cursor, cursor + len(replaced), tokens, suggestion.probability)
