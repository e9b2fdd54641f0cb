import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, decoders, models, normalizers
from tokenizers import Tokenizer as BaseTokenizer

import lacuna_model
from lacuna_model.errors import CheckpointError, CheckpointNotFoundError
from lacuna_model.tokenizer import Tokenizer

NANO = Path(lacuna_model.__file__).parent / "weights" / "nano"

SPECIAL_TOKENS = ["<pad>", "<eos>", "<bos>", "<delete>", "<mask>"]
SPECIAL_TOKENS += ["<|python|>", "<|javascript|>", "<|typescript|>", "<|json|>", "<|text|>"]
SPECIAL_TOKENS += [f"<|reserved_{number}|>" for number in range(6)]


@pytest.fixture(scope="module")
def nano() -> Tokenizer:
    return Tokenizer.load(NANO)


@pytest.fixture(scope="module")
def fallback() -> Tokenizer:
    """A vocabulary in the style of Gemma's: "▁" for spaces, byte tokens for what has no token of its own."""
    words = ["<pad>", "<mask>", *(f"<0x{byte:02X}>" for byte in range(256)), *"defxy():▁\n", "de", "def", "▁▁", "é"]
    base = BaseTokenizer(
        models.BPE(
            {word: rank for rank, word in enumerate(words)},
            [("d", "e"), ("de", "f"), ("▁", "▁")],
            byte_fallback=True,
        )
    )
    base.normalizer = normalizers.Replace(" ", "▁")
    base.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    base.add_special_tokens([AddedToken(word, special=True, normalized=False) for word in words[:2]])
    base.add_tokens([AddedToken("\t\t", special=False, normalized=False)])
    return Tokenizer(base)


texts = st.text() | st.text(alphabet=" \t\r\n\x0b\x85\u2028\xa0(){}x_1é🎉") | st.sampled_from(SPECIAL_TOKENS)


@settings(deadline=None)
@given(text=st.lists(texts).map("".join))
def test_any_text_comes_back(nano: Tokenizer, text: str) -> None:
    ids = nano.encode(text)
    assert nano.decode(ids) == text
    assert nano.decode_bytes(ids) == text.encode()
    assert not nano.special_ids.intersection(ids)


@settings(deadline=None)
@given(text=st.text() | st.text(alphabet="def xy()\n\té🎉"))
def test_any_text_comes_back_through_byte_fallback(fallback: Tokenizer, text: str) -> None:
    text = text.replace("▁", "")  # such vocabularies cannot tell it from a space
    ids = fallback.encode(text)
    assert fallback.decode(ids) == text
    assert not fallback.special_ids.intersection(ids)


def test_vocabulary_starts_with_the_special_tokens_and_all_bytes(nano: Tokenizer) -> None:
    assert nano.vocab_size == 8192
    assert [nano.token_id(token) for token in SPECIAL_TOKENS] == list(range(16))
    assert nano.special_ids == set(range(16))
    assert {nano.token_bytes(token_id) for token_id in range(16, 272)} == {bytes([byte]) for byte in range(256)}
    assert all(len(nano.token_bytes(token_id)) > 1 for token_id in range(272, 8192))


def test_special_tokens_in_a_text_are_text(nano: Tokenizer) -> None:
    text = "if x == '<mask>': return '<eos><|python|>'"
    assert nano.decode(nano.encode(text)) == text
    assert nano.encode("<mask>") != [nano.token_id("<mask>")]


def test_special_ids_have_no_text(nano: Tokenizer) -> None:
    mask = nano.token_id("<mask>")
    assert mask is not None
    assert nano.decode([mask, *nano.encode("x"), mask]) == "x"
    assert nano.token_bytes(mask) == b""


def test_a_broken_character_is_replaced_on_decoding(nano: Tokenizer) -> None:
    first_byte = next(token_id for token_id in range(16, 272) if nano.token_bytes(token_id) == b"\xf0")
    assert nano.decode([first_byte]) == "\ufffd"


def test_a_line_end_and_its_indentation_are_one_token(nano: Tokenizer) -> None:
    for spaces in (0, 4, 8, 12, 16):
        assert len(nano.encode("\n" + " " * spaces)) == 1
    assert nano.decode(nano.encode("for x in y:\n        pass")[5:6]) == "\n        "


def test_digits_stand_alone(nano: Tokenizer) -> None:
    assert [nano.token_bytes(token_id) for token_id in nano.encode("2048")] == [b"2", b"0", b"4", b"8"]


def test_languages(nano: Tokenizer, fallback: Tokenizer) -> None:
    assert nano.language_id("python") == 5
    assert nano.language_id("text") == 9
    assert nano.language_id("cobol") is None
    assert fallback.language_id("python") is None


def test_batches_equal_single_texts(nano: Tokenizer) -> None:
    batch = ["", "x = 1", "é"]
    assert nano.encode_batch(batch) == [nano.encode(text) for text in batch]
    assert nano.encode_batch([]) == []


def test_bytes_of_byte_fallback_tokens(fallback: Tokenizer) -> None:
    def check(token: str, expected: bytes) -> None:
        token_id = fallback.token_id(token)
        assert token_id is not None
        assert fallback.token_bytes(token_id) == expected

    check("<0x0A>", b"\n")
    check("<0xF0>", b"\xf0")
    check("▁▁", b"  ")
    check("def", b"def")
    check("é", "é".encode())
    check("\t\t", b"\t\t")
    check("<mask>", b"")


@pytest.mark.parametrize("token_id", [-1, 8192])
def test_ids_outside_the_vocabulary_are_refused(nano: Tokenizer, token_id: int) -> None:
    with pytest.raises(IndexError, match="outside the vocabulary"):
        nano.token_bytes(token_id)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointNotFoundError, match=r"no tokenizer\.json"):
        Tokenizer.load(tmp_path)


@pytest.mark.parametrize("content", [b"", b"{", b"{}", b"\xff\xfe", json.dumps({"model": {"type": "?"}}).encode()])
def test_a_broken_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "tokenizer.json").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"tokenizer\.json"):
        Tokenizer.load(tmp_path)


def test_transformers_reads_the_same_vocabulary(nano: Tokenizer) -> None:
    transformers = pytest.importorskip("transformers")
    theirs = transformers.PreTrainedTokenizerFast.from_pretrained(NANO)
    text = "def f(x):\n    return x  # é\n"
    assert theirs.encode(text, add_special_tokens=False) == nano.encode(text)
    assert theirs.mask_token_id == nano.token_id("<mask>")
    assert theirs.pad_token_id == 0
