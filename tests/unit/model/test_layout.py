from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer as BaseTokenizer
from tokenizers import decoders, models, pre_tokenizers

from lacuna_model.canvas import CLAMPED
from lacuna_model.config import DenoiserConfig, GenerationConfig
from lacuna_model.errors import InputError
from lacuna_model.layout import Layout, lay_out
from lacuna_model.request import InfillOptions, InfillRequest
from lacuna_model.tokenizer import Tokenizer

CPU = torch.device("cpu")
PAD, EOS, BOS = 0, 1, 2
ConfigFactory = Callable[..., DenoiserConfig]


def layout_of(
    tokenizer: Tokenizer,
    config: DenoiserConfig,
    *segments: str,
    language: str = "text",
    max_tokens: int = 8,
    max_prefix_tokens: int = 200,
    eos_token_ids: tuple[int, ...] = (EOS,),
) -> Layout:
    request = InfillRequest(segments, language, InfillOptions(max_tokens=max_tokens))
    return lay_out(request, tokenizer, config, GenerationConfig(eos_token_ids=eos_token_ids), max_prefix_tokens)


def row_of(layout: Layout, num_slots: int) -> list[int | None]:
    """Tokens of a row, None for slots."""
    canvas, _ = layout.canvas([num_slots], CPU)
    return [
        token if gap < 0 else None for token, gap in zip(canvas.ids[0].tolist(), canvas.gaps[0].tolist(), strict=True)
    ]


def test_pieces_around_a_cursor_in_a_word_are_tokenised_apart(tiny_config: ConfigFactory) -> None:
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: id for id, token in enumerate(["<pad>", "<eos>", "<bos>", *letters, "re", "tu", "retu"])}
    base = BaseTokenizer(models.BPE(vocabulary, [("r", "e"), ("t", "u"), ("re", "tu")]))
    base.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    base.decoder = decoders.ByteLevel()
    tokenizer = Tokenizer(base)
    assert [tokenizer.decode([token]) for token in tokenizer.encode("return")] == ["retu", "r", "n"]

    layout = layout_of(tokenizer, tiny_config(), "re", "turn")
    assert layout.prefix == (BOS, vocabulary["re"])
    assert layout.suffix == (vocabulary["tu"], vocabulary["r"], vocabulary["n"], EOS)


def test_an_unknown_language_is_announced_as_text(tiny_config: ConfigFactory, byte_tokenizer_json: str) -> None:
    tokenizer = Tokenizer(BaseTokenizer.from_str(byte_tokenizer_json.replace("<|python|>", "<|text|>")))
    for language in ("text", "cobol"):
        prefix = layout_of(tokenizer, tiny_config(), "a", "b", language=language).prefix
        assert prefix[:2] == (BOS, tokenizer.token_id("<|text|>"))


def test_a_language_is_announced_where_the_tokenizer_knows_it(
    tiny_config: ConfigFactory, byte_tokenizer: Tokenizer
) -> None:
    known = layout_of(byte_tokenizer, tiny_config(), "a", "b", language="python").prefix
    unknown = layout_of(byte_tokenizer, tiny_config(), "a", "b", language="cobol").prefix
    assert known == (BOS, byte_tokenizer.token_id("<|python|>"), *byte_tokenizer.encode("a"))
    assert unknown == (BOS, *byte_tokenizer.encode("a"))


def test_gaps_anchors_suffix_and_end_follow_each_other(tiny_config: ConfigFactory, byte_tokenizer: Tokenizer) -> None:
    layout = layout_of(byte_tokenizer, tiny_config(), "a", "xy", "", "z", max_tokens=2)
    x, y, z = byte_tokenizer.encode("xyz")
    assert row_of(layout, 2) == [None, None, x, y, None, None, None, None, z, EOS]
    canvas, num_suffix_tokens = layout.canvas([2, 1], CPU)
    assert canvas.gaps[0].tolist() == [0, 0, CLAMPED, CLAMPED, 1, 1, 2, 2, CLAMPED, CLAMPED]
    assert num_suffix_tokens.tolist() == [2, 2]


def test_a_suffix_that_is_cut_has_no_end(tiny_config: ConfigFactory, byte_tokenizer: Tokenizer) -> None:
    config = tiny_config(canvas_length=32)
    suffix = "s" * 100
    (token,) = byte_tokenizer.encode("s")
    assert row_of(layout_of(byte_tokenizer, config, "a", suffix), 8) == [None] * 8 + [token] * 24
    assert row_of(layout_of(byte_tokenizer, config, "a", "s" * 24), 8) == [None] * 8 + [token] * 24
    assert row_of(layout_of(byte_tokenizer, config, "a", "s" * 23), 8) == [None] * 8 + [token] * 23 + [EOS]
    assert row_of(layout_of(byte_tokenizer, config, "a", "s" * 10_000), 8) == [None] * 8 + [token] * 24


@pytest.mark.parametrize(("eos_token_ids", "end"), [((EOS,), []), ((EOS, 106), [106])])
def test_without_delete_the_rest_of_the_canvas_is_an_ended_turn(
    tiny_config: ConfigFactory, byte_tokenizer: Tokenizer, eos_token_ids: tuple[int, ...], end: list[int]
) -> None:
    layout = layout_of(byte_tokenizer, tiny_config(delete_token_id=None), "a", "z", eos_token_ids=eos_token_ids)
    (z,) = byte_tokenizer.encode("z")
    for num_slots in (1, 8):
        given_tokens = [z, *end]
        filling = [EOS] * (32 - num_slots - len(given_tokens))
        assert row_of(layout, num_slots) == [None] * num_slots + given_tokens + filling


def test_slots_leave_room_for_the_suffix(tiny_config: ConfigFactory, byte_tokenizer: Tokenizer) -> None:
    config = tiny_config(canvas_length=64)
    assert layout_of(byte_tokenizer, config, "a", "z", max_tokens=300).max_slots == 48
    assert layout_of(byte_tokenizer, config, "a", "-", "z", max_tokens=300).max_slots == 23
    assert layout_of(byte_tokenizer, config, "a", "-" * 60, "z", max_tokens=300).max_slots == 8
    assert layout_of(byte_tokenizer, config, "a", "z", max_tokens=3).max_slots == 3


def test_too_much_text_between_gaps_is_refused(tiny_config: ConfigFactory, byte_tokenizer: Tokenizer) -> None:
    with pytest.raises(InputError, match="between the gaps"):
        layout_of(byte_tokenizer, tiny_config(max_positions=128), "a", "-" * 100, "z")


@given(st.integers(20, 60), st.lists(st.sampled_from(["ab", "\n", "cdefgh", " "]), max_size=300))
def test_the_prefix_is_the_end_of_the_text_within_the_budget(
    tiny_config: ConfigFactory, byte_tokenizer: Tokenizer, budget: int, words: list[str]
) -> None:
    text = "".join(words)
    prefix = layout_of(byte_tokenizer, tiny_config(), text, "", max_prefix_tokens=budget).prefix
    kept = byte_tokenizer.decode(prefix)
    assert prefix[0] == BOS and len(prefix) <= budget
    assert text.endswith(kept)
    assert kept == text or len(prefix) > budget / 2


def test_typing_moves_the_cut_rarely(tiny_config: ConfigFactory, byte_tokenizer: Tokenizer) -> None:
    text = "".join(f"line number {number}\n" for number in range(200))
    config = tiny_config()
    prefixes = [
        layout_of(byte_tokenizer, config, text[:end], "", max_prefix_tokens=100).prefix for end in range(1000, 1400)
    ]
    num_moves = sum(later[: len(earlier)] != earlier for earlier, later in pairwise(prefixes))
    assert num_moves <= 20
