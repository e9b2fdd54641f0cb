from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from hypothesis import given, settings
from hypothesis import strategies as st
from torch._subclasses.fake_tensor import FakeTensorMode

from lacuna_model.config import DenoiserConfig
from lacuna_model.transformer import attention
from lacuna_model.transformer.denoiser import Denoiser
from lacuna_model.transformer.shared_prefix import attend


@settings(max_examples=60, deadline=None)
@given(
    batch=st.integers(1, 3),
    kv_heads=st.integers(1, 2),
    group=st.integers(1, 3),
    length=st.integers(1, 5),
    num_shared=st.integers(1, 7),
    kind=st.sampled_from(["none", "row", "query"]),
    seed=st.integers(0, 1000),
)
def test_it_equals_attention_over_copies_of_the_prefix(
    batch: int, kv_heads: int, group: int, length: int, num_shared: int, kind: str, seed: int
) -> None:
    draws = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, 4, generator=draws)

    queries = draw(batch, length, kv_heads * group).transpose(1, 2)  # as projections leave them
    prefix = (draw(1, kv_heads, num_shared), draw(1, kv_heads, num_shared))
    own = (draw(batch, kv_heads, length), draw(batch, kv_heads, length))
    mask = None
    if kind != "none":
        shape = (batch, 1, 1) if kind == "row" else (length,)
        mask = torch.rand(*shape, num_shared + length, generator=draws) < 0.6
        mask[..., -length:] = mask[..., -length:] | torch.eye(length, dtype=torch.bool).any(0)  # each sees something
    keys, values = (
        torch.cat((old.expand(batch, -1, -1, -1), new), dim=2) for old, new in zip(prefix, own, strict=True)
    )
    expected = F.scaled_dot_product_attention(queries, keys, values, attn_mask=mask, scale=1.0, enable_gqa=True)
    torch.testing.assert_close(attend(queries, prefix, own, mask), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("device", "dtype", "num_rows", "length", "is_read_once"),
    [
        ("cpu", torch.bfloat16, 1, 6, True),
        ("cpu", torch.float32, 1, 1, False),
        ("cpu", torch.bfloat16, 3, 6, False),
        ("cuda", torch.bfloat16, 1, 1, True),
        ("cuda", torch.bfloat16, 1, 6, True),
        ("cuda", torch.bfloat16, 3, 6, False),
    ],
)
def test_when_the_prefix_is_read_once(
    device: str, dtype: torch.dtype, num_rows: int, length: int, is_read_once: bool
) -> None:
    with FakeTensorMode():
        queries = torch.empty(3, 4, length, 8, dtype=dtype, device=device)
        keys = torch.empty(num_rows, 2, 9, 8, dtype=dtype, device=device)
    assert attention._reads_prefix_once(queries, (keys, keys)) == is_read_once


@pytest.mark.parametrize("has_padding", [False, True])
def test_rows_in_bfloat16_are_denoised_as_in_float32(
    tiny_config: Callable[..., DenoiserConfig],
    tiny_denoiser: Callable[..., Denoiser],
    monkeypatch: pytest.MonkeyPatch,
    has_padding: bool,
) -> None:
    denoiser = tiny_denoiser(tiny_config())
    canvas = torch.randint(5, 200, (3, 6))
    padding = torch.zeros_like(canvas, dtype=torch.bool)
    padding[1, 4:] = has_padding
    with torch.inference_mode():
        _, prefix = denoiser.encode(torch.randint(5, 200, (1, 9)))
        plain = denoiser.denoise(canvas, prefix, padding=padding)
        monkeypatch.setattr(attention, "_reads_prefix_once", lambda queries, prefix: True)
        torch.testing.assert_close(denoiser.denoise(canvas, prefix, padding=padding), plain, atol=1e-5, rtol=1e-5)
        rounded = denoiser.to(torch.bfloat16)
        _, prefix = rounded.encode(torch.randint(5, 200, (1, 9)))
        assert rounded.denoise(canvas, prefix, padding=padding).dtype == torch.bfloat16


def test_keys_repeated_for_every_head_are_those_that_heads_share() -> None:
    draws = torch.Generator().manual_seed(0)
    queries = torch.randn(2, 6, 5, 8, generator=draws)
    keys, values = torch.randn(2, 2, 2, 7, 8, generator=draws)
    shared = F.scaled_dot_product_attention(queries, keys, values, enable_gqa=True)
    torch.testing.assert_close(
        F.scaled_dot_product_attention(queries, *attention._repeat((keys, values), 3)), shared, atol=1e-6, rtol=1e-5
    )
