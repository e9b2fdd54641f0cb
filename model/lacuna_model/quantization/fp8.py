"""FP8: weights in e4m3 with a scale for every output channel; activations are rounded too, token by token.

No calibration: the largest value of a channel or a token becomes the largest that e4m3 has (Micikevicius et al., 2022).
The products are torch's older ones: the compiler sees through those that `torch.nn.functional` has only in part.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - the name every PyTorch reader knows
from torch import Tensor

from lacuna_model.quantization.graph_constant import graph_constant
from lacuna_model.quantization.storage import Quantized

FP8_DTYPE = torch.float8_e4m3fn
LARGEST = torch.finfo(FP8_DTYPE).max
SMALLEST_SCALE = torch.finfo(torch.float32).tiny  # so that a row of zeros is divided by something

HOPPER = (9, 0)
ADA = (8, 9)


def round_rows(rows: Tensor) -> Quantized:
    """Rounds rows, (..., in), to values of the same shape and scales, (..., 1) float32."""
    rows = rows.float()
    scale = (rows.abs().amax(-1, keepdim=True) / LARGEST).clamp(min=SMALLEST_SCALE)
    return (rows / scale).clamp(-LARGEST, LARGEST).to(FP8_DTYPE), scale


@dataclass(frozen=True, slots=True)
class Fp8:
    """A byte a weight: values e4m3, (..., out, in), and scales, (..., out, 1) float32: the shapes of published ones.

    Where the device has no product of FP8 values, both operands are widened to the rows' type first, which in bfloat16
    rounds them once more.
    """

    def empty(self, weight: Tensor) -> Quantized:
        """See `Storage.empty`."""
        values = torch.empty_like(weight, dtype=FP8_DTYPE)
        return values, weight.new_empty((*weight.shape[:-1], 1), dtype=torch.float32)

    def quantize(self, weight: Tensor) -> Quantized:
        """Rounds each output channel by its largest weight; a stack matrix by matrix, to need little more memory."""
        if weight.dim() == 2:
            return round_rows(weight)
        values, scales = self.empty(weight)
        for matrix, to_values, to_scales in zip(weight, values, scales, strict=True):
            for target, source in zip((to_values, to_scales), round_rows(matrix), strict=True):
                target.copy_(source)
        return values, scales

    def dequantize(self, quantized: Quantized, like: Tensor) -> Tensor:
        """Multiplies in float32, then rounds to the type of `like`."""
        values, scales = quantized
        return (values.float() * scales).to(like.dtype)

    def product(self, rows: Tensor, quantized: Quantized) -> Tensor:
        """Rounds the rows and multiplies the values with each other; see `Storage.product`."""
        rounded, row_scales = round_rows(rows)
        values, scales = quantized
        if not _has_scaled_product(rows, values):
            return F.linear(self.dequantize((rounded, row_scales), rows), self.dequantize(quantized, rows))
        return torch._scaled_mm(rounded, values.t(), row_scales, scales.t(), out_dtype=rows.dtype, use_fast_accum=True)

    def grouped_product(self, rows: Tensor, quantized: Quantized, ends: Tensor) -> Tensor:
        """Rounds the rows and multiplies each by its expert's values; see `Storage.grouped_product`."""
        rounded, row_scales = round_rows(rows)
        values, scales = quantized
        if not _has_scaled_grouped_product(rows, values):
            stack = self.dequantize(quantized, rows)
            return F.grouped_mm(self.dequantize((rounded, row_scales), rows), stack.transpose(1, 2), offs=ends)
        return torch._scaled_grouped_mm(
            rounded,
            values.transpose(1, 2),
            row_scales.squeeze(1),
            scales.squeeze(2),
            offs=ends,
            out_dtype=rows.dtype,
            use_fast_accum=True,
        )


def _has_scaled_product(rows: Tensor, values: Tensor) -> bool:
    """Whether the device multiplies FP8 by FP8 with a scale for each row: GPUs do since Ada, for bf16.

    Widening is no slower on a CPU.
    """
    return _suits_tensor_cores(rows, values) and _is_since_ada(rows.device)


def _has_scaled_grouped_product(rows: Tensor, values: Tensor) -> bool:
    """Whether the device does so for a stack at once: Hopper does."""
    return _suits_tensor_cores(rows, values) and _is_hopper(rows.device)


def _suits_tensor_cores(rows: Tensor, values: Tensor) -> bool:
    return rows.is_cuda and rows.dtype == torch.bfloat16 and not any(size % 16 for size in values.shape[-2:])


@graph_constant
def _is_since_ada(device: torch.device) -> bool:
    return torch.cuda.get_device_capability(device) >= ADA


@graph_constant
def _is_hopper(device: torch.device) -> bool:
    return torch.cuda.get_device_capability(device) == HOPPER
