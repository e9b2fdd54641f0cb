"""From slots and tokens to text."""

from collections.abc import Sequence
from itertools import accumulate

from torch import Tensor

from lacuna_model.canvas import Canvas
from lacuna_model.denoising import State
from lacuna_model.result import Fill, Slot, Token
from lacuna_model.tokenizer import Tokenizer

Piece = tuple[int, float]
"""A token of a fill and its confidence."""

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
    ids = state.whole if bool(state.finished[0]) else state.canvas.ids
    shown: list[list[Slot]] = [[] for _ in range(num_gaps)]
    shown[0] += [Slot(decode([token], tokenizer), confidence) for token, confidence in committed]
    columns = (state.canvas.gaps, ids, state.is_open, state.confidence)
    for gap, token, is_open, confidence in zip(*(column[0].tolist() for column in columns), strict=True):
        if gap >= 0:
            shown[gap].append(Slot(None if is_open else decode([token], tokenizer), confidence))
    return tuple(tuple(slots) for slots in shown)


def fill_of(
    gaps: Sequence[Sequence[Piece]], following: Sequence[str], score: float, max_lines: int | None, tokenizer: Tokenizer
) -> Fill:
    """Reads a candidate.

    Args:
        gaps: the tokens of each gap.
        following: the given text behind each gap.
        score: of the candidate.
        max_lines: cut each gap's text after so many lines.
        tokenizer: decodes.
    """
    texts = []
    tokens = []
    for pieces, behind in zip(gaps, following, strict=True):
        whole = decode([token for token, _ in pieces], tokenizer)
        text = cut_lines(whole, max_lines, behind)
        shown = [Token(decode([token], tokenizer), confidence) for token, confidence in pieces]
        texts.append(text)
        tokens.append(tuple(shown if text == whole else _first_characters(shown, len(text))))
    return Fill(tuple(texts), tuple(tokens), score)


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


def _first_characters(tokens: Sequence[Token], length: int) -> list[Token]:
    """The tokens that make up the first `length` characters."""
    ends = accumulate(len(token.text) for token in tokens)
    return [token for token, end in zip(tokens, ends, strict=True) if end - len(token.text) < length]
