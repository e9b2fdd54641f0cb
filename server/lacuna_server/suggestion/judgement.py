"""From a fill to a suggestion."""

from dataclasses import dataclass

from lacuna_server.engine.protocol import FillOut, TokenOut
from lacuna_server.extent import Extent, stop
from lacuna_server.reasons import Reason
from lacuna_server.suggestion.beginning import beginning
from lacuna_server.suggestion.closers import fitted
from lacuna_server.suggestion.indentation import Indentation, converted
from lacuna_server.suggestion.overlap import end_before_next_lines, repeats_next_lines
from lacuna_server.suggestion.repetition import end_of_new_lines, is_periodic, repeats_previous_lines
from lacuna_server.suggestion.tokens import aligned, clipped, mean_confidence, rewritten, text_of
from lacuna_server.syntax.lines import line_after, line_before


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What the editor shows at the cursor.

    Attributes:
        insert_text: takes the place of the document's text from `start` to `end`; line feeds only.
        start: offset of the cursor.
        end: in the cursor's line; what lies between is a subsequence of `insert_text`, as editors demand.
        tokens: of `insert_text`; their texts add up to it.
    """

    insert_text: str
    start: int
    end: int
    tokens: tuple[TokenOut, ...]

    @property
    def confidence(self) -> float:
        """Mean over the tokens, 0 to 1."""
        return mean_confidence(self.tokens)


def suggestion_of(
    fill: FillOut,
    prefix: str,
    suffix: str,
    language: str,
    extent: Extent,
    indentation: Indentation,
    *,
    min_confidence: float = 0.0,
) -> Suggestion | Reason:
    """What to show of a fill of one gap, or why nothing.

    Args:
        fill: from the engine.
        prefix: the document before the cursor, with line feeds only.
        suffix: the document behind it.
        language: as the editor calls it.
        extent: how much to show.
        indentation: of the document.
        min_confidence: that all tokens on average, and the first that is not blank, must reach.
    """
    tokens = _tokens(fill, line_before(prefix), indentation)
    whole = text_of(tokens)
    start = beginning(whole, prefix, suffix, indentation)
    text = stop(whole[start:], prefix, suffix, language, extent)
    text = text[: end_of_new_lines(text)]
    text = text[: end_before_next_lines(text, suffix)]
    text = _trimmed(text, line_after(suffix))
    if not text.strip():
        return Reason.EMPTY
    if is_periodic(text):
        return Reason.REPEATS_ITSELF
    if repeats_previous_lines(text, prefix):
        return Reason.REPEATS_PREFIX
    if repeats_next_lines(text, prefix, suffix):
        return Reason.REPEATS_SUFFIX
    fit = fitted(text, prefix, suffix, language)
    text = text[: fit.num_kept]
    if not text.strip():
        return Reason.REPEATS_SUFFIX
    shown = clipped(tokens, start, start + len(text))
    first = next(token for token in shown if token.text and token.text.strip())
    if min(mean_confidence(shown), first.confidence) < min_confidence:
        return Reason.LOW_CONFIDENCE
    return Suggestion(text, len(prefix), len(prefix) + fit.num_replaced, shown)


def _tokens(fill: FillOut, line_at_cursor: str, indentation: Indentation) -> tuple[TokenOut, ...]:
    """The tokens of a fill with line feeds only and with the document's indentation."""
    text = fill.texts[0] if fill.texts else ""
    tokens = aligned(text, fill.tokens[0] if fill.tokens else ())
    tokens = rewritten(tokens, ["" if character == "\r" else character for character in text])
    return rewritten(tokens, converted(text_of(tokens), line_at_cursor, indentation))


def _trimmed(text: str, rest: str) -> str:
    """A fill without blanks at its end, but for a space that parts it from a word or a string behind the cursor."""
    end = len(text.rstrip())
    is_parting = rest and not rest[0].isspace() and rest[0] not in ")]}>,;:"
    return text[: end + 1] if is_parting and text[end : end + 1] == " " else text[:end]
