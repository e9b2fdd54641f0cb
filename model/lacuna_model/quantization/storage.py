"""What every format of quantised matrices can do."""

from typing import Protocol

from torch import Tensor

Quantized = tuple[Tensor, Tensor]
"""Values and scales of a matrix, (..., out, in); how they are laid out is the format's affair."""


class Storage(Protocol):
    """A format for matrices, (out, in), and stacks of them, (E, out, in)."""

    def empty(self, weight: Tensor) -> Quantized:
        """Room for what matrices are rounded to, on their device, of shapes and types alone; raises as `quantize`."""
        ...

    def quantize(self, weight: Tensor) -> Quantized:
        """Rounds matrices, (..., out, in), of any float type. Raises ConfigError if their shape does not fit."""
        ...

    def dequantize(self, quantized: Quantized, like: Tensor) -> Tensor:
        """The matrices that the values and scales stand for, in the type of `like`."""
        ...

    def product(self, rows: Tensor, quantized: Quantized) -> Tensor:
        """Multiplies rows, (T, in), by one matrix, to (T, out) of the same type."""
        ...

    def grouped_product(self, rows: Tensor, quantized: Quantized, ends: Tensor) -> Tensor:
        """Multiplies rows, (T, in), by a stack's matrices, to (T, out); see `Experts.grouped_product`."""
        ...
