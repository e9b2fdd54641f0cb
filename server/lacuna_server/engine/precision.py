"""What most weights of a model can be held as, in the words of settings and commands."""

from typing import Literal

Precision = Literal["auto", "fp8", "4bit"]
"""As they were saved; in FP8; or in FP8, and the experts in four bits."""

Quantized = Literal["fp8", "4bit"]


def quantized(precision: Precision) -> Quantized | None:
    """What the model's code calls a precision."""
    return None if precision == "auto" else precision
