"""NF4: four bits a weight, on levels that are equally likely for normally distributed weights (Dettmers et al., 2023).

Of the formats with two weights a byte and one scale for 32 of them, this has the least error on normal, on heavy-tailed
and on trained weights: `tests/benchmarks/quantization.py` prints the comparison.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module

import torch
import torch.nn.functional as F  # noqa: N812 - the name every PyTorch reader knows
from torch import Tensor

from lacuna_model.errors import ConfigError
from lacuna_model.quantization.graph_constant import graph_constant
from lacuna_model.quantization.storage import Quantized

log = logging.getLogger(__name__)

GROUP_SIZE = 32
NUM_WIDENED_MATRICES = 16

NF4_LEVELS = (
    *(-1.0, -0.6961928, -0.52507305, -0.3949175, -0.28444138, -0.18477343, -0.091050036, 0.0),
    *(0.0795803, 0.1609302, 0.2461123, 0.33791524, 0.44070983, 0.562617, 0.72295684, 1.0),
)


@dataclass(frozen=True, slots=True)
class FourBit:
    """Half a byte a weight: codes two a byte, (..., out, in / 2) uint8, and scales, (..., out, in / 32) bfloat16.

    The even column's code is the upper half of its byte. Products widen the weights and leave activations as they are.

    Attributes:
        levels: what the codes mean, rising; at most 16, the largest magnitude 1.
    """

    levels: tuple[float, ...] = NF4_LEVELS

    def empty(self, weight: Tensor) -> Quantized:
        """See `Storage.empty`."""
        *shape, num_columns = weight.shape
        _check(num_columns)
        values = weight.new_empty((*shape, num_columns // 2), dtype=torch.uint8)
        return values, weight.new_empty((*shape, num_columns // GROUP_SIZE), dtype=torch.bfloat16)

    def quantize(self, weight: Tensor) -> Quantized:
        """Rounds to the nearest level, scaled by the largest weight of each group of 32; a stack matrix by matrix."""
        if weight.dim() == 2:
            _check(weight.shape[-1])
            return self._round(weight)
        values, scales = self.empty(weight)
        for matrix, to_values, to_scales in zip(weight, values, scales, strict=True):
            for target, source in zip((to_values, to_scales), self._round(matrix), strict=True):
                target.copy_(source)
        return values, scales

    def dequantize(self, quantized: Quantized, like: Tensor) -> Tensor:
        """Looks up two weights a byte and scales them in the type of `like`."""
        values, scales = quantized
        pairs: Tensor = _pairs(self.levels, like.dtype, values.device)
        weights = pairs.index_select(0, values.flatten().int())  # (num_bytes, 2)
        groups = weights.view(*scales.shape, GROUP_SIZE)
        return (groups * scales[..., None].to(like.dtype)).flatten(-2)

    def product(self, rows: Tensor, quantized: Quantized) -> Tensor:
        """Widens the matrix; see `Storage.product`."""
        return F.linear(rows, self.dequantize(quantized, rows))

    def grouped_product(self, rows: Tensor, quantized: Quantized, ends: Tensor) -> Tensor:
        """On a GPU a kernel widens tile by tile; without it the stack is widened. See `Storage.grouped_product`."""
        values, scales = quantized
        if rows.is_cuda and _has_kernel(rows.device):
            multiply: Callable[..., Tensor] = torch.ops.lacuna.multiply_four_bits
            arguments = (rows, values, scales, _table(self.levels, rows.dtype, rows.device), ends)
            if torch.compiler.is_compiling():
                return multiply(*arguments)
            with torch.cuda.device(rows.device):  # Triton asks which one is meant, not where tensors lie
                return multiply(*arguments)
        return self.widened_product(rows, quantized, ends)

    def widened_product(self, rows: Tensor, quantized: Quantized, ends: Tensor) -> Tensor:
        """Makes the whole stack wide; see `Storage.grouped_product`."""
        values, scales = quantized
        stack = rows.new_empty(*values.shape[:2], rows.shape[1])
        for first in range(0, len(stack), NUM_WIDENED_MATRICES):  # looking up takes several times their size
            part = slice(first, first + NUM_WIDENED_MATRICES)
            stack[part] = self.dequantize((values[part], scales[part]), rows)
        return F.grouped_mm(rows, stack.transpose(1, 2), offs=ends)

    def _round(self, matrix: Tensor) -> Quantized:
        groups = matrix.float().view(len(matrix), -1, GROUP_SIZE)
        scales = groups.abs().amax(-1).clamp(min=torch.finfo(torch.bfloat16).tiny).bfloat16()
        levels = torch.tensor(self.levels, device=matrix.device)
        codes = torch.bucketize(groups / scales[..., None].float(), (levels[1:] + levels[:-1]) / 2)
        even, odd = codes.to(torch.uint8).view(len(matrix), -1, 2).unbind(-1)  # (out, in / 2)
        return even << 4 | odd, scales


@graph_constant
def _pairs(levels: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """The two weights that each byte stands for, (256, 2): a constant of a compiled graph, not copied to it again."""
    return _made_pairs(levels, dtype, device)


@cache
def _made_pairs(levels: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    table, codes = _padded(levels, dtype), torch.arange(256)
    return table[torch.stack((codes >> 4, codes & 15), dim=1)].to(device)


@graph_constant
def _table(levels: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """What each code stands for, rounded to a type, (16,) float32: a constant as well."""
    return _made_table(levels, dtype, device)


@cache
def _made_table(levels: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    return _padded(levels, dtype).float().to(device)


@graph_constant
def _has_kernel(device: torch.device) -> bool:
    """Whether Triton can be had and works, which on some machines it does not: it needs a C compiler, for one."""
    return _tried_kernel(device)


@cache
def _tried_kernel(device: torch.device) -> bool:
    try:
        kernel = import_module("lacuna_model.quantization.nf4_kernel")
        generator = torch.Generator().manual_seed(0)
        stack = torch.randn(2, 16, GROUP_SIZE, generator=generator).to(device)
        rows = torch.randn(4 * kernel.LARGEST_TILE, GROUP_SIZE, generator=generator).bfloat16().to(device)
        ends = torch.tensor([kernel.LARGEST_TILE, len(rows)], dtype=torch.int32, device=device)
        values, scales = FourBit().quantize(stack)
        with torch.cuda.device(device):
            found = kernel.multiply(rows, values, scales, _made_table(NF4_LEVELS, rows.dtype, device), ends)
        expected = FourBit().widened_product(rows, (values, scales), ends)
        torch.testing.assert_close(found.cpu(), expected.cpu(), atol=0.05, rtol=0.02)
    except Exception as error:  # a compiler may fail in any way
        log.warning(
            "Four-bit weights are widened before they are multiplied, which is slower: %s: %s",
            type(error).__name__,
            error,
        )
        return False
    return True


def _padded(levels: tuple[float, ...], dtype: torch.dtype) -> Tensor:
    return torch.tensor((*levels, *[0.0] * (16 - len(levels))), dtype=dtype)


def _check(num_columns: int) -> None:
    if num_columns % GROUP_SIZE:
        raise ConfigError(
            f"Four-bit weights need inputs in groups of {GROUP_SIZE}, and {num_columns} are none; try fp8."
        )
