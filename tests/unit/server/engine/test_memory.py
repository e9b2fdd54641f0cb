import ctypes
import sys

import pytest

from lacuna_server.engine.memory import FILLS_BETWEEN_TRIMS, Trimming


def test_the_heap_is_trimmed_now_and_then() -> None:
    kept: list[int] = []
    trimming = Trimming(kept.append)
    for _ in range(3 * FILLS_BETWEEN_TRIMS - 1):
        trimming.count_fill()
    assert kept == [0, 0]


def test_other_c_libraries_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    trimming = Trimming.of_platform()
    for _ in range(FILLS_BETWEEN_TRIMS):
        trimming.count_fill()


@pytest.mark.skipif(sys.platform != "linux", reason="needs a C library on Linux")
def test_this_platform_trims_without_harm() -> None:
    trimming = Trimming.of_platform()
    for _ in range(FILLS_BETWEEN_TRIMS):
        trimming.count_fill()
