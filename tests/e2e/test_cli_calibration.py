"""`lacuna eval --calibration`, with the embedded model."""

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

Lacuna = Callable[..., "CompletedProcess[bytes]"]

FILES = {
    "point.py": "class Point:\n    def __init__(self, x, y):\n        self.x = x\n        self.y = y\n",
    "names.py": "def first(names):\n    for name in names:\n        if name:\n            return name\n",
}


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("calibration")
    (directory / "files").mkdir()
    for name, text in FILES.items():
        (directory / "files" / name).write_text(text)
    return directory


def test_confidence_is_fitted_and_drawn(lacuna: Lacuna, directory: Path) -> None:
    arguments = ("eval", "--calibration", "out", "--held-out", "files", "--limit", "2", "--device", "cpu")
    done = lacuna(*arguments, cwd=directory)
    assert done.returncode == 0, done.stderr.decode()
    printed = done.stdout.decode()
    for word in ("calibrated probability", "mean token confidence", "correct silence", "nothing", "calibration error"):
        assert word in printed
    out = directory / "out"
    assert sorted(path.name for path in out.iterdir()) == ["calibration.json", "reliability.png", "risk-coverage.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in out.glob("*.png"))

    written = (out / "calibration.json").read_text()
    again = lacuna(*arguments, "--json", cwd=directory)
    assert again.returncode == 0, again.stderr.decode()
    report = json.loads(again.stdout)
    assert report["calibration"] == json.loads(written)
    assert (out / "calibration.json").read_text() == written
    assert report["calibration"]["threshold"] == report["scores"][0]["threshold"]
    assert sum(row["num_gaps"] for row in report["kinds"]) == len(report["gaps"])
