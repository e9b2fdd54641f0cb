"""From a fill to a suggestion."""

from dataclasses import dataclass

from lacuna_server.engine.protocol import FillOut, TokenOut
from lacuna_server.extent import Extent, stop
from lacuna_server.reasons import Reason
from lacuna_server.suggestion.beginning import beginning
from lacuna_server.suggestion.closers import fitted
from lacuna_server.suggestion.ending import break_at_end, trimmed
from lacuna_server.suggestion.indentation import Indentation, converted
from lacuna_server.suggestion.overlap import end_before_next_lines, repeats_next_lines
from lacuna_server.suggestion.repetition import end_of_new_lines, is_periodic, repeats_previous_lines
from lacuna_server.suggestion.tokens import aligned, clipped, mean_confidence, rewritten, text_of
from lacuna_server.syntax.lines import leading_space, line_after, line_before


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What the editor shows at the cursor.

    Attributes:
        insert_text: takes the place of the document's text from `start` to `end`; line feeds only.
        start: offset of the cursor.
        end: in the cursor's line; what lies between is a subsequence of `insert_text`, as editors demand.
        tokens: of `insert_text`; their texts add up to it.
        probability: that the fill it comes from would be accepted as it stands, 0 to 1; None where the model cannot
            tell.
    """

    insert_text: str
    start: int
    end: int
    tokens: tuple[TokenOut, ...]
    probability: float | None = None

    @property
    def confidence(self) -> float:
        """Mean over the tokens, 0 to 1."""
        return mean_confidence(self.tokens)

    def is_sure(self, min_confidence: float) -> bool:
        """Whether the probability reaches a confidence; where there is none, whether the tokens do.

        They do if they do on average, and the first that is not blank does by itself.
        """
        if self.probability is not None:
            return self.probability >= min_confidence
        first = next(token for token in self.tokens if token.text and token.text.strip())
        return min(self.confidence, first.confidence) >= min_confidence


def suggestion_of(
    fill: FillOut,
    prefix: str,
    suffix: str,
    language: str,
    extent: Extent,
    indentation: Indentation | None,
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
        indentation: of the document; None where it does not tell.
        min_confidence: see `Suggestion.is_sure`.
    """
    line, rest = line_before(prefix), line_after(suffix)
    tokens = _tokens(fill, line, indentation)
    whole = text_of(tokens)
    start = beginning(whole, prefix, suffix, language, indentation or Indentation())
    text = stop(whole[start:], prefix, suffix, language, extent)
    text = text[: end_of_new_lines(text)]
    text = text[: end_before_next_lines(text, suffix)]
    text = trimmed(text, rest)
    if not text.strip():
        return Reason.EMPTY
    if is_periodic(text):
        return Reason.REPEATS_ITSELF
    if repeats_previous_lines(text, prefix):
        return Reason.REPEATS_PREFIX
    if repeats_next_lines(text, prefix, suffix):
        return Reason.REPEATS_SUFFIX
    fit = fitted(text, prefix, suffix, language)
    is_whole = fit == (len(text), 0)
    text = text[: fit.num_kept]
    if not text.strip():
        return Reason.REPEATS_SUFFIX
    last_break = break_at_end(whole[start:], text, line, rest) if is_whole else ""
    if last_break is None:
        return Reason.BREAKS_OFF
    shown = clipped(tokens, start, start + len(text)) + clipped(tokens, len(whole) - len(last_break), len(whole))
    end = len(prefix) + fit.num_replaced
    suggestion = Suggestion(text + last_break, len(prefix), end, shown, fill.probability)
    return suggestion if suggestion.is_sure(min_confidence) else Reason.LOW_CONFIDENCE


def _tokens(fill: FillOut, line: str, indentation: Indentation | None) -> tuple[TokenOut, ...]:
    """The tokens of a fill with line feeds only and with the document's indentation.

    Whatever comes behind a line break at the end, where the engine may have cut the fill, is indented as the line at
    the cursor.
    """
    text = fill.texts[0] if fill.texts else ""
    tokens = aligned(text, fill.tokens[0] if fill.tokens else ())
    characters = ["" if character == "\r" else character for character in text]
    if text.endswith("\n"):
        characters[-1] += leading_space(line)
    tokens = rewritten(tokens, characters)
    return tokens if indentation is None else rewritten(tokens, converted(text_of(tokens), line, indentation))
