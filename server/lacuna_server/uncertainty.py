"""Where a document is worth a look after texts of the denoiser were put into it."""

from collections.abc import Iterable, Sequence

from lsprotocol.types import Position, Range

from lacuna_server.engine.protocol import TokenOut
from lacuna_server.messages import Uncertain
from lacuna_server.mirror import Encoding, num_units
from lacuna_server.suggestion.tokens import text_of, uncertain_spans


def uncertain_after(changes: Iterable[tuple[Range, Sequence[TokenOut]]], encoding: Encoding) -> list[Uncertain]:
    """Uncertain pieces, by their ranges in the document as it is after all changes.

    Args:
        changes: what takes the place of which range of the document as it is before, in order and without overlap.
            Only lines count here: a line feed stands for any line break.
        encoding: of positions.
    """
    found: list[Uncertain] = []
    before = after = Position(0, 0)
    for replaced, tokens in changes:
        start, text = _moved(replaced.start, before, after), text_of(tokens)
        for span in uncertain_spans(tokens):
            ends = (_behind(start, text[:offset], encoding) for offset in (span.start, span.end))
            found.append(Uncertain(Range(*ends), span.confidence))
        before, after = replaced.end, _behind(start, text, encoding)
    return found


def _moved(position: Position, before: Position, after: Position) -> Position:
    """Where a position comes to lie when one ahead of it goes from `before` to `after`."""
    if position.line != before.line:
        return Position(position.line - before.line + after.line, position.character)
    return Position(after.line, position.character - before.character + after.character)


def _behind(position: Position, text: str, encoding: Encoding) -> Position:
    """The end of a text that begins at a position."""
    *lines, last = text.split("\n")
    character = 0 if lines else position.character
    return Position(position.line + len(lines), character + num_units(last, encoding))
