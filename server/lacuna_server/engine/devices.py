"""Which names are the same device, found out without torch: it takes seconds to import."""

import ctypes
import runpy
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path

CUDA = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
"""The library of NVIDIA's driver, which torch loads too."""


def same_name(device: str) -> str:
    """One name for those that certainly are the same device, so that they get the same engine.

    Where torch may find a GPU, only torch knows what `auto` is, and it stays a name of its own.
    """
    if device == "auto" and not may_find_gpu():
        return "cpu"
    return "cuda:0" if device == "cuda" else device


@cache
def may_find_gpu() -> bool:
    """Whether torch may find a GPU: it was built for AMD's, or for NVIDIA's and there is a driver of theirs."""
    torch = find_spec("torch")
    assert torch is not None and torch.origin is not None, "it is a dependency"
    try:
        build = runpy.run_path(str(Path(torch.origin).with_name("version.py")))  # holds nothing but constants
    except OSError:
        return True
    return bool(build.get("hip") or (build.get("cuda") and _has_driver()))


def _has_driver() -> bool:
    try:
        ctypes.CDLL(CUDA)
    except OSError:
        return False
    return True
