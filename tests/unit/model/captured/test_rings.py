from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lacuna_model.captured.buffers import Buffers, Shape
from lacuna_model.captured.decoding import DecodingBuffers
from lacuna_model.captured.rings import allocate_rings, fill_rings
from lacuna_model.config import DenoiserConfig
from lacuna_model.transformer.denoiser import Denoiser, _canvas_mask


@pytest.fixture(scope="module")
def denoiser(tiny_config: Callable[..., DenoiserConfig], tiny_denoiser: Callable[..., Denoiser]) -> Denoiser:
    return tiny_denoiser(tiny_config())


def test_sliding_layers_hold_no_more_than_they_see(denoiser: Denoiser) -> None:
    config = denoiser.config
    window = config.sliding.window
    assert window is not None and window < 40
    expected = [40 if kind == "full_attention" else window for kind in config.layer_kinds]
    step, decoding = Buffers.allocate(denoiser, Shape(2, 32, 32, 40)), DecodingBuffers.allocate(denoiser, 40)
    for held in (step.prefix, decoding.held):
        assert [(len(keys), keys.shape[2]) for keys, _ in held] == [(1, size) for size in expected]


@pytest.mark.parametrize("num_tokens", [0, 1, 15, 16, 17, 40])
def test_the_last_tokens_lie_at_their_positions(denoiser: Denoiser, num_tokens: int) -> None:
    rings = allocate_rings(denoiser, 40)
    prefix = tuple(
        (keys.new_zeros(*keys.shape[:2], num_tokens, keys.shape[3]) + torch.arange(num_tokens)[:, None] + 1,) * 2
        for keys, _ in rings
    )
    fill_rings(rings, prefix)
    for ring in (each for layer in rings for each in layer):
        num_places = ring.shape[2]
        held = {place: int(ring[0, 0, place, 0]) - 1 for place in range(num_places)}
        assert all(position % num_places == place for place, position in held.items() if position >= 0)
        expected = range(max(0, num_tokens - num_places), num_tokens)
        assert sorted(position for position in held.values() if position >= 0) == list(expected)


@settings(max_examples=200, deadline=None)
@given(
    ends=st.lists(st.integers(0, 30), min_size=1, max_size=3), num_places=st.integers(1, 30), window=st.integers(1, 30)
)
@pytest.mark.parametrize("slides", [False, True])
def test_a_canvas_sees_the_window_before_it_wherever_that_lies(
    slides: bool, ends: list[int], num_places: int, window: int
) -> None:
    """Of a ring the mask knows no more than how many tokens went into it."""
    num_places = max(num_places, min(window, max(ends)) if slides else max(ends), 1)
    canvas = torch.zeros(len(ends), 2, dtype=torch.int64)
    mask = _canvas_mask(canvas, torch.tensor(ends), num_places, None, window if slides else None)
    for row, end in enumerate(ends):
        first = max(0, end - (window - 1)) if slides else 0
        expected = {position % num_places for position in range(first, end)}
        assert set(mask[row, 0, 0, :num_places].nonzero().flatten().tolist()) == expected
    assert bool(mask[..., num_places:].all())
