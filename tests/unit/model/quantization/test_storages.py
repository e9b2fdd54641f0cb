from collections.abc import Callable
from contextlib import nullcontext
from itertools import pairwise
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lacuna_model.errors import ConfigError
from lacuna_model.quantization import nf4
from lacuna_model.quantization.fp8 import LARGEST, Fp8, round_rows
from lacuna_model.quantization.nf4 import GROUP_SIZE, NF4_LEVELS, FourBit
from lacuna_model.quantization.storage import Storage

STORAGES: list[Storage] = [Fp8(), FourBit()]
BITS = {Fp8: 8, FourBit: 4}


@st.composite
def matrices(draw: st.DrawFn) -> Tensor:
    """Matrices and stacks of them, their rows of very different magnitudes, some zero."""
    shape = (*draw(st.sampled_from([(), (3,)])), draw(st.integers(1, 5)), GROUP_SIZE * draw(st.integers(1, 3)))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 1000)))
    magnitudes = 10.0 ** torch.randint(-4, 4, (*shape[:-1], 1), generator=generator)
    is_zero = torch.rand(magnitudes.shape, generator=generator) < 0.1
    weight = torch.randn(shape, generator=generator) * magnitudes.masked_fill(is_zero, 0.0)
    return weight.to(draw(st.sampled_from([torch.float32, torch.bfloat16])))


@settings(max_examples=60, deadline=None)
@given(weight=matrices())
def test_fp8_errs_by_half_a_step_at_most(weight: Tensor) -> None:
    """Of e4m3's three digits half the last one, 2^-4 of the value; below its normal range, 2^-10 in its own units."""
    values, scales = Fp8().quantize(weight)
    assert values.dtype == torch.float8_e4m3fn and values.shape == weight.shape
    assert scales.dtype == torch.float32 and scales.shape == (*weight.shape[:-1], 1)
    wide = weight.float()
    error = (Fp8().dequantize((values, scales), wide) - wide).abs()
    assert bool((error <= torch.maximum(wide.abs() * 2**-4, scales * 2**-10) * 1.001).all())
    largest = values.float().abs().amax(-1)
    assert bool(((largest == LARGEST) | (wide.abs().amax(-1) == 0)).all())


@settings(max_examples=60, deadline=None)
@given(weight=matrices())
def test_four_bits_err_by_half_the_widest_gap_at_most(weight: Tensor) -> None:
    values, scales = FourBit().quantize(weight)
    assert values.dtype == torch.uint8 and values.shape == (*weight.shape[:-1], weight.shape[-1] // 2)
    assert scales.dtype == torch.bfloat16 and scales.shape == (*weight.shape[:-1], weight.shape[-1] // GROUP_SIZE)
    wide = weight.float()
    error = (FourBit().dequantize((values, scales), wide) - wide).abs().view(*scales.shape, GROUP_SIZE)
    widest = max(high - low for low, high in pairwise(NF4_LEVELS))
    bound = scales[..., None].float() * (widest / 2 + 2**-8)  # the scale itself has eight digits
    assert bool((error <= bound).all())


def test_four_bits_keep_what_lies_on_a_level() -> None:
    """Every byte, with its halves in their places; the scale is a power of two."""
    codes = torch.arange(256, dtype=torch.uint8)[:, None].expand(-1, GROUP_SIZE // 2).contiguous()
    codes[:, -1] = 15  # so that each group has its largest magnitude
    scales = torch.full((256, 1), 0.25, dtype=torch.bfloat16)
    weight = FourBit().dequantize((codes, scales), torch.empty(0))
    assert weight[0x1F, :2].tolist() == pytest.approx([NF4_LEVELS[1] / 4, NF4_LEVELS[15] / 4])
    values, found = FourBit().quantize(weight)
    assert torch.equal(values[:, :-1], codes[:, :-1]) and torch.equal(found, scales)


@pytest.mark.parametrize("storage", STORAGES)
@settings(max_examples=30, deadline=None)
@given(weight=matrices())
def test_room_is_made_as_quantising_needs_it(storage: Storage, weight: Tensor) -> None:
    for room, made in zip(storage.empty(weight.to("meta")), storage.quantize(weight), strict=True):
        assert room.is_meta
        assert (room.shape, room.dtype) == (made.shape, made.dtype)


def test_four_bits_need_whole_groups() -> None:
    with pytest.raises(ConfigError, match="groups of 32, and 48 are none"):
        FourBit().quantize(torch.randn(4, 48))


@pytest.mark.parametrize("storage", STORAGES)
def test_a_stack_is_its_matrices(storage: Storage) -> None:
    stack = torch.randn(5, 6, 64)
    together = storage.quantize(stack)
    alone = [storage.quantize(matrix) for matrix in stack]
    for index, tensors in enumerate(zip(*alone, strict=True)):
        torch.testing.assert_close(together[index], torch.stack(tensors), atol=0, rtol=0)


def check_product(storage: Storage, dtype: torch.dtype, tolerance: float) -> None:
    """Both products against the same values in float64, and against weights that nobody quantised."""
    generator = torch.Generator().manual_seed(0)
    stack = torch.randn(4, 48, 64, generator=generator).to(dtype)
    rows = torch.randn(21, 64, generator=generator).to(dtype)
    rows[3] *= 100.0  # tokens do not share a scale
    ends = torch.tensor([5, 5, 20, 21], dtype=torch.int32)
    experts = [0] * 5 + [2] * 15 + [3]
    values, scales = storage.quantize(stack)
    weights = storage.dequantize((values, scales), torch.empty(0, dtype=torch.float32)).double()
    seen = rows.double()
    if isinstance(storage, Fp8):
        rounded, row_scales = round_rows(rows)
        seen = rounded.double() * row_scales.double()
    expected = torch.stack([weights[expert] @ row for expert, row in zip(experts, seen, strict=True)])

    grouped = storage.grouped_product(rows, (values, scales), ends)
    single = torch.cat(
        [storage.product(row[None], (values[e], scales[e])) for e, row in zip(experts, rows, strict=True)]
    )
    few = torch.tensor([4, 12, 20])  # fewer rows than matrices
    few_ends = torch.tensor([1, 1, 2, 3], dtype=torch.int32)
    found = storage.grouped_product(rows[few], (values, scales), few_ends)
    torch.testing.assert_close(found, grouped[few], rtol=10 * tolerance, atol=10 * tolerance)
    for product in (grouped, single):
        assert product.dtype == dtype
        error = (product.double() - expected).norm(dim=1) / expected.norm(dim=1)
        assert float(error.max()) < tolerance

    plain = torch.stack([stack[expert].double() @ row.double() for expert, row in zip(experts, rows, strict=True)])
    error = (expected - plain).norm() / plain.norm()
    assert 0.01 < float(error) < (0.06 if isinstance(storage, Fp8) else 0.13)  # it is quantised, and no worse than that


@pytest.mark.parametrize("storage", STORAGES)
def test_products_equal_wide_ones_of_the_same_values(storage: Storage) -> None:
    check_product(storage, torch.float32, 1e-6)
    check_product(storage, torch.bfloat16, 1e-2)


@pytest.mark.parametrize("storage", STORAGES)
def test_products_compile_to_one_graph(storage: Storage) -> None:
    values, scales = storage.quantize(torch.randn(4, 32, 64).bfloat16())
    rows, ends = torch.randn(7, 64).bfloat16(), torch.tensor([0, 3, 3, 7], dtype=torch.int32)

    def both(rows: Tensor) -> tuple[Tensor, Tensor]:
        grouped = storage.grouped_product(rows, (values, scales), ends)
        return grouped, storage.product(rows, (values[0], scales[0]))

    compiled = torch.compile(both, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(rows), both(rows))


def right(rows: Tensor, values: Tensor, scales: Tensor, table: Tensor, ends: Tensor) -> Tensor:
    return FourBit().widened_product(rows, (values, scales), ends)


def wrong(rows: Tensor, values: Tensor, scales: Tensor, table: Tensor, ends: Tensor) -> Tensor:
    return right(rows, values, scales, table, ends).flip(1)


def broken(*_: Tensor) -> Tensor:
    raise RuntimeError("Failed to find C compiler.")


@pytest.mark.parametrize(
    ("multiply", "works", "said"), [(right, True, ""), (wrong, False, "AssertionError"), (broken, False, "C compiler")]
)
def test_the_kernel_is_tried_once_before_it_is_trusted(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    multiply: Callable[..., Tensor],
    works: bool,
    said: str,
) -> None:
    kernel = SimpleNamespace(LARGEST_TILE=64, multiply=multiply)
    monkeypatch.setattr(nf4, "import_module", lambda name: kernel)
    monkeypatch.setattr(torch.cuda, "device", lambda device: nullcontext())
    nf4._tried_kernel.cache_clear()
    for _ in range(2):
        assert nf4._has_kernel(torch.device("cpu")) == works
    nf4._tried_kernel.cache_clear()
    assert len(caplog.records) == (not works)
    assert said in caplog.text
