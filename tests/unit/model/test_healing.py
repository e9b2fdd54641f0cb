import pytest

from lacuna_model.healing import cut_word, fill_without, with_word, without
from lacuna_model.request import InfillOptions, InfillRequest
from lacuna_model.result import Fill, Slot, Token
from lacuna_model.tokenizer import Tokenizer


@pytest.mark.parametrize(
    ("prefix", "word"),
    [
        ("x\n    retu", " retu"),
        ("retu", "retu"),
        ("a.retu", "retu"),
        ("x = foo_1", " foo_1"),
        ("return ", ""),
        ("f(", ""),
        ("", ""),
        ("éa", ""),  # a word whose bytes may be split among tokens stays as it is
        ("x" * 25, ""),
    ],
)
def test_cut_words(byte_tokenizer: Tokenizer, prefix: str, word: str) -> None:
    request = InfillRequest((prefix, "\n"))
    assert cut_word(request, 0, byte_tokenizer) == word
    assert with_word(request, word).segments == (prefix[: len(prefix) - len(word)], "\n")


@pytest.mark.parametrize(
    ("request_", "num_needed", "word"),
    [
        (InfillRequest(("retu", ""), options=InfillOptions(max_tokens=12)), 0, "retu"),
        (InfillRequest(("retu", ""), options=InfillOptions(max_tokens=11)), 0, ""),
        (InfillRequest(("retu", ""), options=InfillOptions(max_tokens=14)), 2, "retu"),
        (InfillRequest(("retu", ""), options=InfillOptions(max_tokens=14)), 3, ""),
        (InfillRequest(("retu", ""), draft=(("rn", None),)), 0, ""),
        (InfillRequest(("retu", "x", "")), 0, ""),
    ],
)
def test_a_word_is_left_alone_without_room(
    byte_tokenizer: Tokenizer, request_: InfillRequest, num_needed: int, word: str
) -> None:
    assert cut_word(request_, num_needed, byte_tokenizer) == word


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ([" return", " x"], ["rn", " x"]),
        ([" re", "tu", "rn"], ["rn"]),
        ([" retu"], []),
        ([" ", "return"], ["rn"]),
    ],
)
def test_fills_lose_the_word(texts: list[str], expected: list[str]) -> None:
    tokens = tuple(Token(text, 0.5) for text in texts)
    fill = fill_without(Fill(("".join(texts), "b"), (tokens, (Token("b", 1.0),)), 0.0), " retu")
    assert fill.texts == ("".join(expected), "b")
    assert [token.text for token in fill.tokens[0]] == expected
    assert fill.tokens[1] == (Token("b", 1.0),)


def test_open_slots_stay() -> None:
    slots = (Slot(" re", 0.9), Slot(None, 0.1), Slot("x", 0.2))
    assert without(slots, " retu") == slots[1:]
