"""Tokens whose texts add up to a text, through all that is done to the text."""

from collections.abc import Sequence
from itertools import accumulate, groupby
from typing import NamedTuple

from lacuna_server.engine.protocol import TokenOut

UNCERTAIN = 0.5
"""Tokens of less confidence are worth a look."""


class Span(NamedTuple):
    """A run of uncertain tokens: offsets in the text of all tokens, and the mean of its tokens' confidences."""

    start: int
    end: int
    confidence: float


def aligned(text: str, tokens: Sequence[TokenOut]) -> tuple[TokenOut, ...]:
    """The tokens that make up a text; one of average confidence where they do not.

    They do not where a character takes several tokens, as none of these is text by itself.
    """
    if text_of(tokens).startswith(text):
        return clipped(tokens, 0, len(text))
    return (TokenOut(text, mean_confidence(tokens)),) if text else ()


def clipped(tokens: Sequence[TokenOut], start: int, end: int) -> tuple[TokenOut, ...]:
    """The tokens of the characters from `start` to `end`; those at the edges are cut."""
    texts = [token.text or "" for token in tokens]
    starts = accumulate(map(len, texts), initial=0)
    pieces = [
        TokenOut(text[max(0, start - begin) : max(0, end - begin)], token.confidence)
        for token, text, begin in zip(tokens, texts, starts, strict=False)
    ]
    return tuple(piece for piece in pieces if piece.text)


def rewritten(tokens: Sequence[TokenOut], characters: Sequence[str]) -> tuple[TokenOut, ...]:
    """The tokens after each character of their text was replaced by a string, which may be empty."""
    ends = accumulate(len(token.text or "") for token in tokens)
    pieces = [
        TokenOut("".join(characters[end - len(token.text or "") : end]), token.confidence)
        for token, end in zip(tokens, ends, strict=True)
    ]
    return tuple(piece for piece in pieces if piece.text)


def uncertain_spans(tokens: Sequence[TokenOut]) -> list[Span]:
    """Where the text of tokens is worth a look; blanks by themselves never are."""
    spans: list[Span] = []
    end = 0
    for is_uncertain, group in groupby(tokens, lambda token: token.confidence < UNCERTAIN):
        run = list(group)
        start, text = end, text_of(run)
        end += len(text)
        if is_uncertain and text.strip():
            spans.append(Span(start, end, mean_confidence(run)))
    return spans


def text_of(tokens: Sequence[TokenOut]) -> str:
    """What tokens add up to."""
    return "".join(token.text or "" for token in tokens)


def mean_confidence(tokens: Sequence[TokenOut]) -> float:
    """Mean of the tokens' confidences; 0 where there are none."""
    return sum(token.confidence for token in tokens) / len(tokens) if tokens else 0.0
