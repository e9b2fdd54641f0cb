import ctypes.util
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from lacuna_server.engine import devices
from lacuna_server.engine.devices import may_find_gpu, same_name

DRIVER = ctypes.util.find_library("c")
"""Stands for a driver: a library that is there."""


@pytest.mark.parametrize(
    ("version", "driver", "may_find"),
    [
        ("cuda = hip = None", DRIVER, False),
        ("cuda = '12.8'\nhip = None", DRIVER, True),
        ("cuda = '12.8'\nhip = None", "libnowhere.so.1", False),
        ("cuda = None\nhip = '7.1'", "libnowhere.so.1", True),
        (None, "libnowhere.so.1", True),
    ],
)
def test_whether_torch_may_find_a_gpu(
    version: str | None, driver: str, may_find: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if version is not None:
        (tmp_path / "version.py").write_text(version)
    torch = ModuleSpec("torch", None, origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(devices, "find_spec", {"torch": torch}.get)
    monkeypatch.setattr(devices, "CUDA", driver)
    assert may_find_gpu.__wrapped__() is may_find


@pytest.mark.parametrize(
    ("device", "with_gpu", "without"),
    [("auto", "auto", "cpu"), ("cpu", "cpu", "cpu"), ("cuda", "cuda:0", "cuda:0"), ("cuda:1", "cuda:1", "cuda:1")],
)
def test_names_of_the_same_device(device: str, with_gpu: str, without: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for may_find, name in ((True, with_gpu), (False, without)):
        monkeypatch.setattr(devices, "may_find_gpu", lambda may_find=may_find: may_find)
        assert same_name(device) == name
