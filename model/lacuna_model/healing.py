"""Heals a word that a gap cuts in two: the gap gets its beginning too, and every fill loses it again.

A model that has read "retu" as a text of its own knows little of how it goes on: it has seen the word as one token. So
the cut word is taken from the prefix, with the blank before it, which tokens have at their head, and the slots have to
begin with it (`constraints.beginnings`).
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from lacuna_model.request import InfillRequest
from lacuna_model.result import Fill, Slot, Token
from lacuna_model.tokenizer import Tokenizer

Piece = TypeVar("Piece", Slot, Token)

_CUT_WORD = re.compile(r"(?: |(?<!\w))[A-Za-z0-9_]{1,24}\Z")

ROOM_OF_WORD = 3
"""Tokens that a gap must have room for, for each one of the word: it shall go on behind it."""


def cut_word(request: InfillRequest, num_needed: int, tokenizer: Tokenizer) -> str:
    """What a single gap has to begin with.

    Args:
        request: with the gap.
        num_needed: the fewest tokens that the gap may hold.
        tokenizer: of the model.

    Returns:
        "" where no word stands before the gap, a draft says how it begins, or too little room is left. So it is where
        several gaps share a canvas, of which each may get but a few slots.
    """
    found = _CUT_WORD.search(request.segments[0])
    if found is None or request.draft is not None or request.num_gaps > 1:
        return ""
    fits = ROOM_OF_WORD * len(tokenizer.encode(found[0])) + num_needed <= request.max_tokens[0]
    return found[0] if fits else ""


def with_word(request: InfillRequest, word: str) -> InfillRequest:
    """The request whose first gap has the word in it."""
    before, *others = request.segments
    return replace(request, segments=(before.removesuffix(word), *others))


def fill_without(fill: Fill, word: str) -> Fill:
    """A fill as it stands behind the word."""
    texts = (fill.texts[0].removeprefix(word), *fill.texts[1:])
    return replace(fill, texts=texts, tokens=(without(fill.tokens[0], word), *fill.tokens[1:]))


def without(pieces: Sequence[Piece], word: str) -> tuple[Piece, ...]:
    """Tokens or slots as they stand behind the word, as far as it can be seen; one that it ends in keeps the rest."""
    rest = list(pieces)
    while rest and word and (text := rest[0].text) is not None:
        if not word.startswith(text):
            rest[0] = replace(rest[0], text=text.removeprefix(word))
            break
        word = word[len(text) :]
        del rest[0]
    return tuple(rest)
