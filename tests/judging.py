"""What is suggested of a fill, for texts with a mark where the cursor is."""

from hypothesis import strategies as st

from lacuna_server.engine.protocol import FillOut, TokenOut
from lacuna_server.extent import Wanted, choose_extent
from lacuna_server.reasons import Reason
from lacuna_server.suggestion import Indentation, Suggestion, suggestion_of

CURSOR = "<|>"
FOUR_SPACES = Indentation()
LANGUAGES = ("python", "typescript", "json", "rust", "markdown")


code = st.text(st.sampled_from("ab1 \t\n\n()[]{}\"'#/:;,=>é😀\r\x0c"), max_size=50) | st.text(max_size=20)


def filled(text: str, *confidence: float) -> FillOut:
    """A fill of one token, or of as many of about the same length as there are confidences."""
    size = -(-len(text) // max(1, len(confidence))) or 1
    pieces = [text[start : start + size] for start in range(0, len(text), size)]
    tokens = zip(pieces, confidence or (1.0,), strict=False)
    return FillOut((text,), (tuple(TokenOut(piece, sureness) for piece, sureness in tokens),), 0.0)


def judge(
    text: str,
    fill: str | FillOut,
    language: str = "python",
    wanted: Wanted = "auto",
    indentation: Indentation | None = FOUR_SPACES,
    min_confidence: float = 0.0,
) -> Suggestion | Reason:
    prefix, suffix = text.split(CURSOR)
    fill = filled(fill) if isinstance(fill, str) else fill
    extent = choose_extent(prefix, suffix, language, wanted)
    return suggestion_of(fill, prefix, suffix, language, extent, indentation, min_confidence=min_confidence)


def check(text: str, fill: str, expected: str | Reason, language: str = "python", wanted: Wanted = "block") -> None:
    """`expected` is the document after accepting, with the cursor before what the suggestion left of the suffix."""
    suggestion = judge(text, fill, language, wanted)
    if isinstance(suggestion, Suggestion):
        document = text.replace(CURSOR, "")
        got = document[: suggestion.start] + suggestion.insert_text + CURSOR + document[suggestion.end :]
        assert got == expected
    else:
        assert suggestion is expected
