"""Keeps libraries from holding memory that nobody uses.

A fill makes tensors of ever other sizes. oneDNN compiles products for each of them, and glibc keeps what is freed in
pieces, so an engine would grow for hours although it holds no more than at the start.
"""

import ctypes
import os
from collections.abc import Callable

NUM_COMPILED_PRODUCTS = 64
"""Matrix products that oneDNN keeps compiled, one for each shape; by default it keeps 1,024, which are never all used
again and take hundreds of megabytes."""

FILLS_BETWEEN_TRIMS = 8
"""A trim takes time, and so does fetching back what was still wanted."""


def keep_few_products() -> None:
    """Bounds what oneDNN keeps, unless the user has; to be called before the first product."""
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", str(NUM_COMPILED_PRODUCTS))


class Trimming:
    """Trims the heap after every so many fills; does nothing where the C library cannot."""

    def __init__(self, trim: Callable[[int], object] | None) -> None:
        """Begins to count; `trim` is told how many bytes to keep for what comes next."""
        self._trim = trim
        self._num_fills = 0

    @classmethod
    def of_platform(cls) -> "Trimming":
        """With glibc's `malloc_trim`, if that is the C library."""
        try:
            return cls(ctypes.CDLL(None).malloc_trim)
        except (OSError, AttributeError, TypeError):  # other C libraries; on Windows a library needs a name
            return cls(None)

    def count_fill(self) -> None:
        """To be called after every fill."""
        self._num_fills += 1
        if self._trim is not None and self._num_fills % FILLS_BETWEEN_TRIMS == 0:
            self._trim(0)
