"""From slots and tokens to text."""

import math
from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

from lacuna_model.calibration import LEAST_PROBABILITY
from lacuna_model.canvas import Canvas
from lacuna_model.denoising import State
from lacuna_model.result import Fill, Slot, Token
from lacuna_model.tokenizer import Tokenizer

Piece = tuple[int, float]
"""A token of a fill and its confidence."""


class Ranked(NamedTuple):
    """A candidate: the pieces of each gap, and the ranking's opinion of it, as `ranking.Opinion` has it."""

    gaps: list[list[Piece]]
    score: float
    log_following: float | None


REPLACEMENT = "\ufffd"


def pieces_of(canvas: Canvas, confidence: Tensor, row: int, num_gaps: int) -> list[list[Piece]]:
    """Reads the gaps of one row; `confidence` is that of every position, (B, L) float32."""
    gaps: list[list[Piece]] = [[] for _ in range(num_gaps)]
    columns = (canvas.gaps[row].tolist(), canvas.ids[row].tolist(), confidence[row].tolist())
    for gap, token, sureness in zip(*columns, strict=True):
        if gap >= 0:
            gaps[gap].append((token, sureness))
    return gaps


def slots_of(
    state: State, num_gaps: int, committed: Sequence[Piece], tokenizer: Tokenizer
) -> tuple[tuple[Slot, ...], ...]:
    """Shows the gaps of the first row, the first gap after what earlier canvases have put into it."""
    is_finished = bool(state.finished[0])
    ids = state.whole if is_finished else state.canvas.ids
    shown: list[list[Slot]] = [[] for _ in range(num_gaps)]
    shown[0] += [Slot(decode([token], tokenizer), confidence) for token, confidence in committed]
    columns = (state.canvas.gaps, ids, state.is_open, state.confidence)
    for gap, token, is_open, confidence in zip(*(column[0].tolist() for column in columns), strict=True):
        if gap >= 0:
            is_shown = is_finished or not is_open
            shown[gap].append(Slot(decode([token], tokenizer) if is_shown else None, confidence))
    return tuple(tuple(slots) for slots in shown)


def fill_of(
    gaps: Sequence[Sequence[Piece]],
    following: Sequence[str],
    score: float,
    max_lines: int | None,
    tokenizer: Tokenizer,
    log_following: float | None = None,
) -> Fill:
    """Reads a candidate.

    Args:
        gaps: the tokens of each gap.
        following: the given text behind each gap.
        score: of the candidate.
        max_lines: cut each gap's text after so many lines.
        tokenizer: decodes.
        log_following: of the whole candidate, see `Fill`. Where it is cut, the token that ends the line tells.
    """
    texts = []
    tokens = []
    for pieces, behind in zip(gaps, following, strict=True):
        ids = [token for token, _ in pieces]
        whole = decode(ids, tokenizer)
        text = cut_lines(whole, max_lines, behind)
        num_tokens = len(ids)
        if text != whole:
            num_tokens = _num_tokens(ids, text, tokenizer)
            _, sureness = pieces[num_tokens - 1 if text.endswith("\n") else min(num_tokens, len(pieces) - 1)]
            log_following = None if log_following is None else math.log(max(sureness, LEAST_PROBABILITY))
        texts.append(text)
        tokens.append(tuple(Token(decode([token], tokenizer), sureness) for token, sureness in pieces[:num_tokens]))
    return Fill(tuple(texts), tuple(tokens), score, log_following=log_following)


def decode(tokens: Sequence[int], tokenizer: Tokenizer) -> str:
    """Text of tokens. Bytes that are no UTF-8, which tokens of parts of characters can add up to, are left out."""
    return tokenizer.decode(list(tokens)).replace(REPLACEMENT, "")


def cut_lines(text: str, max_lines: int | None, following: str) -> str:
    """The first lines of a text.

    The last of them keeps its line break unless the text behind the gap begins with one.
    """
    if max_lines is None:
        return text
    lines = text.split("\n")
    if len(lines) <= max_lines:
        return text
    cut = "\n".join(lines[:max_lines])
    return cut if following.startswith("\n") else cut + "\n"


def _num_tokens(ids: Sequence[int], text: str, tokenizer: Tokenizer) -> int:
    """How many tokens it takes to spell a text that they begin with; parts of a character spell nothing alone."""
    return bisect_left(range(len(ids)), len(text), key=lambda num_tokens: len(decode(ids[:num_tokens], tokenizer)))
