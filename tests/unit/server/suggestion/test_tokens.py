import pytest
from hypothesis import given
from hypothesis import strategies as st

from lacuna_server.engine.protocol import TokenOut
from lacuna_server.suggestion.tokens import Span, aligned, clipped, rewritten, text_of, uncertain_spans


@pytest.mark.parametrize(
    ("text", "texts", "expected"),
    [
        ("abcd", ("ab", "cd"), ("ab", "cd")),
        ("abc", ("ab", "cd"), ("ab", "c")),
        ("é!", ("\ufffd", "\ufffd", "!"), ("é!",)),
        ("", ("ab",), ()),
        ("ab", (), ("ab",)),
    ],
)
def test_tokens_add_up_to_the_text(text: str, texts: tuple[str, ...], expected: tuple[str, ...]) -> None:
    tokens = aligned(text, [TokenOut(piece, 0.5) for piece in texts])
    assert tuple(token.text for token in tokens) == expected


@given(st.lists(st.text(max_size=4)), st.integers(0, 20), st.integers(0, 20))
def test_tokens_follow_what_is_done_to_the_text(texts: list[str], start: int, end: int) -> None:
    tokens = [TokenOut(text, 0.5) for text in texts]
    whole = "".join(texts)
    assert text_of(clipped(tokens, start, end)) == whole[start:end]
    characters = [character * 2 if character < "m" else "" for character in whole]
    assert text_of(rewritten(tokens, characters)) == "".join(characters)


def tokens_of(*pairs: tuple[str | None, float]) -> list[TokenOut]:
    return [TokenOut(text, confidence) for text, confidence in pairs]


@pytest.mark.parametrize(
    ("tokens", "spans"),
    [
        (tokens_of(), []),
        (tokens_of(("ab", 0.5), ("c", 0.9)), []),
        (tokens_of(("ab", 0.49)), [Span(0, 2, 0.49)]),
        (tokens_of(("ab", 0.9), ("c", 0.25), ("d", 0.0), ("e", 0.9)), [Span(2, 4, 0.125)]),
        (tokens_of(("a", 0.0), ("b", 0.9), ("c", 0.1)), [Span(0, 1, 0.0), Span(2, 3, 0.1)]),
        (tokens_of(("a", 0.9), (" ", 0.1), ("b", 0.9)), []),
        (tokens_of((None, 0.0), ("b", 0.0)), [Span(0, 1, 0.0)]),
    ],
)
def test_runs_of_uncertain_tokens(tokens: list[TokenOut], spans: list[Span]) -> None:
    assert uncertain_spans(tokens) == spans
