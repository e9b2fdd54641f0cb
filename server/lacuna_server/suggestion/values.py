"""A value of a format: the text of a fill as it is, for whatever is cut off or put to it would break the format."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from lacuna_server.engine.protocol import FillOut, TokenOut
from lacuna_server.reasons import Reason
from lacuna_server.suggestion.judgement import Suggestion
from lacuna_server.suggestion.tokens import aligned, text_of, uncertain_spans

_SPECIAL = re.compile(r"[\\$}]")


@dataclass(frozen=True, slots=True)
class Value:
    """The text of a gap, and the tokens that add up to it."""

    text: str
    tokens: tuple[TokenOut, ...]

    @classmethod
    def of(cls, fill: FillOut) -> Self:
        """The value of a fill of one gap."""
        (text,), (tokens,) = fill.texts, fill.tokens
        return cls(text, aligned(text, tokens))

    @property
    def snippet(self) -> str:
        """The text as an LSP snippet whose tab stops are what the denoiser is not sure of."""
        return with_tab_stops(self.tokens)


def suggestion_of_value(fill: FillOut, cursor: int, min_confidence: float) -> Suggestion | Reason:
    """What to show of a value at the cursor, or why nothing; `min_confidence`: as of `suggestion_of`."""
    value = Value.of(fill)
    if not value.text.strip():
        return Reason.EMPTY
    suggestion = Suggestion(value.text, cursor, cursor, value.tokens, fill.probability)
    return suggestion if suggestion.is_sure(min_confidence) else Reason.LOW_CONFIDENCE


def with_tab_stops(tokens: Sequence[TokenOut]) -> str:
    """A snippet of tokens: each run of uncertain ones is a placeholder, unless it is blank."""
    text, done, pieces = text_of(tokens), 0, list[str]()
    for number, (start, end, _) in enumerate(uncertain_spans(tokens), start=1):
        pieces += _escaped(text[done:start]), f"${{{number}:{_escaped(text[start:end])}}}"
        done = end
    return "".join(pieces) + _escaped(text[done:])


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\g<0>", text)
