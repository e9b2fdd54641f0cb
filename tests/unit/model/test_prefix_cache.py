import json
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lacuna_model.config import DenoiserConfig
from lacuna_model.prefix_cache import Prefix, PrefixCache
from lacuna_model.transformer.denoiser import Denoiser

CONFIG_FILE = Path(__file__).parents[2] / "fixtures" / "tiny-denoiser" / "config.json"
MASK = 4
BLOCK_SIZE = 4
PLENTY = 1 << 30


class CountingDenoiser(Denoiser):
    """Remembers how many tokens each call encoded."""

    def __init__(self, config: DenoiserConfig) -> None:
        super().__init__(config)
        self.num_encoded: list[int] = []

    def encode(self, token_ids: Tensor, prefix: object = None) -> tuple[Tensor, object]:  # type: ignore[override]
        self.num_encoded.append(token_ids.shape[1])
        return super().encode(token_ids, prefix)  # type: ignore[arg-type]


def make_denoiser() -> CountingDenoiser:
    torch.manual_seed(0)
    denoiser = CountingDenoiser(DenoiserConfig.from_json(json.loads(CONFIG_FILE.read_text(encoding="utf-8"))))
    for name, tensor in denoiser.requires_grad_(False).eval().state_dict().items():
        tensor.copy_(torch.randn_like(tensor) * 0.2 + (tensor.ndim == 1))
        if name.endswith("q_norm.weight"):
            tensor.mul_(0.25)
    return denoiser


DENOISER = make_denoiser()
ROUNDED = make_denoiser().to(torch.bfloat16)


@pytest.fixture
def denoiser() -> CountingDenoiser:
    return make_denoiser()


def fill(denoiser: Denoiser, prefix: Prefix) -> list[int]:
    """Fills a canvas of masks greedily, two tokens a step."""
    canvas = torch.full((1, 8), MASK)
    canvas[:, 6:] = torch.tensor([40, 41])
    beliefs = None
    while (masked := canvas[0] == MASK).any():
        logits = denoiser.logits(denoiser.denoise(canvas, prefix.key_values, beliefs))
        beliefs = denoiser.beliefs(logits)
        logits[..., MASK] = -torch.inf
        best = logits[0].max(dim=-1)
        surest = best.values.masked_fill(~masked, -torch.inf).topk(2).indices
        canvas[0, surest] = best.indices[surest]
    tokens: list[int] = canvas[0].tolist()
    return tokens


def copied(prefix: Prefix) -> list[Tensor]:
    return [prefix.hidden.clone(), *(tensor.clone() for layer in prefix.key_values for tensor in layer)]


def assert_same(actual: Prefix, expected: Prefix) -> None:
    assert actual.num_tokens == expected.num_tokens == actual.key_values[0][0].shape[2]
    torch.testing.assert_close(actual.hidden, expected.hidden, atol=0, rtol=0)
    torch.testing.assert_close(actual.key_values, expected.key_values, atol=0, rtol=0)


tokens = st.lists(st.integers(6, 12), max_size=24)  # few ids, so that common prefixes arise by chance
edits = st.tuples(st.sampled_from("abc"), st.integers(0, 40), st.integers(0, 12), tokens)
"""Which document, where, how many tokens are deleted there, and what is inserted instead."""


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.lists(edits, min_size=1, max_size=12),
    st.sampled_from([0, 12_000, 30_000, PLENTY]),
    st.sampled_from([DENOISER, ROUNDED]),
)
def test_edits_change_nothing_but_the_time(
    sequence: list[tuple[str, int, int, list[int]]], max_bytes: int, denoiser: Denoiser
) -> None:
    cache = PrefixCache(denoiser, max_bytes, BLOCK_SIZE)
    texts: dict[str, list[int]] = {}
    returned: list[tuple[Prefix, list[Tensor]]] = []
    for document, start, num_deleted, inserted in sequence:
        old = texts.get(document, [2])
        start = min(1 + start, len(old))
        texts[document] = old[:start] + inserted + old[start + num_deleted :]
        prefix = cache.encode(document, texts[document])
        fresh = PrefixCache(denoiser, 0, BLOCK_SIZE).encode("", texts[document])
        assert_same(prefix, fresh)
        assert fill(denoiser, prefix) == fill(denoiser, fresh)
        assert cache.num_bytes <= max_bytes
        returned.append((prefix, copied(prefix)))
    for prefix, before in returned:  # what was handed out is as it was
        assert all(torch.equal(now, then) for now, then in zip(copied(prefix), before, strict=True))


def test_only_new_tokens_are_encoded(denoiser: CountingDenoiser) -> None:
    cache = PrefixCache(denoiser, PLENTY, BLOCK_SIZE)
    requests = [
        (list(range(6, 36)), 0),
        (list(range(6, 37)), 28),  # one more token: the block it is in is read again
        ([*range(6, 36), 50, 51], 28),  # the last token replaced
        ([*range(6, 36), 50, 51], 32),  # the same again: nothing is encoded
        ([*range(6, 34)], 24),  # the last token left is read again: its hidden state is needed
        ([*range(6, 16), 60, *range(17, 36)], 8),  # an edit in the middle
        ([70, 71], 0),
    ]
    num_blocks = 0
    for token_ids, num_cached in requests:
        prefix = cache.encode("document", token_ids)
        assert (prefix.num_tokens, prefix.num_cached_tokens) == (len(token_ids), num_cached)
        num_blocks += -(-(len(token_ids) - num_cached) // BLOCK_SIZE)
        assert denoiser.num_encoded == [BLOCK_SIZE] * num_blocks


def test_a_prefix_shared_with_another_document_is_reused(denoiser: CountingDenoiser) -> None:
    cache = PrefixCache(denoiser, PLENTY, BLOCK_SIZE)
    imports = list(range(6, 26))
    cache.encode("a", [*imports, 30, 31])
    assert cache.encode("b", [*imports, 40]).num_cached_tokens == 20
    assert cache.encode("c", [*imports, 30, 31]).num_cached_tokens == 22
    assert cache.encode("b", [*imports, 40, 41]).num_cached_tokens == 20
    assert cache.encode("a", [*imports, 30, 31, 32]).num_cached_tokens == 20
    assert sum(denoiser.num_encoded) == 24 + 3 * BLOCK_SIZE


def test_the_document_not_used_for_longest_is_dropped(denoiser: CountingDenoiser) -> None:
    num_bytes = PrefixCache(denoiser, 0).encode("", list(range(10, 20))).num_bytes
    cache = PrefixCache(denoiser, 3 * num_bytes)
    texts = {name: list(range(10 * index, 10 * index + 10)) for index, name in enumerate("abcd", start=1)}
    for document in "abcad":  # b is not used for longest when d comes
        cache.encode(document, texts[document])
    assert cache.num_bytes == 3 * num_bytes
    assert {name: cache.encode(name, texts[name]).num_cached_tokens for name in "acd"} == {"a": 10, "c": 10, "d": 10}
    assert cache.encode("b", texts["b"]).num_cached_tokens == 0


def test_a_prefix_that_is_too_large_is_not_kept_and_drops_no_other(denoiser: CountingDenoiser) -> None:
    small, large = list(range(10, 20)), list(range(20, 60))
    max_bytes = PrefixCache(denoiser, 0).encode("", small).num_bytes
    cache = PrefixCache(denoiser, max_bytes)
    cache.encode("small", small)
    for _ in range(2):
        assert cache.encode("large", large).num_cached_tokens == 0
    assert cache.encode("small", small).num_cached_tokens == 10
    cache.encode("small", large)  # a document that outgrew the cache is forgotten
    assert cache.num_bytes == 0


def test_the_count_of_bytes_is_what_the_tensors_hold(denoiser: CountingDenoiser) -> None:
    cache = PrefixCache(denoiser, PLENTY, BLOCK_SIZE)
    for token_ids in (list(range(10, 60)), [*range(10, 20), 70, 71, 72]):
        prefix = cache.encode("a", token_ids)
        tensors = [prefix.hidden, *(tensor for layer in prefix.key_values for tensor in layer)]
        # No tensor is a view that keeps more alive than it shows.
        assert sum(tensor.untyped_storage().nbytes() for tensor in tensors) == prefix.num_bytes == cache.num_bytes


def test_a_prefix_is_frozen(denoiser: CountingDenoiser) -> None:
    prefix = PrefixCache(denoiser, PLENTY, BLOCK_SIZE).encode("a", [6, 7])
    with pytest.raises(FrozenInstanceError):
        prefix.num_tokens = 3  # type: ignore[misc]


def test_encoding_keeps_no_gradients(denoiser: CountingDenoiser) -> None:
    denoiser.requires_grad_(True)
    prefix = PrefixCache(denoiser, PLENTY, BLOCK_SIZE).encode("a", [6, 7])
    assert not any(tensor.requires_grad for layer in prefix.key_values for tensor in layer)
