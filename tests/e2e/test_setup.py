"""`scripts/setup` with a Python that only writes down what it is asked to do."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the choice between builds of torch is one of Linux")

# Knows no ensurepip when a file of this name is there, has no pip of its own when NO_PIP is, and has torch for CPUs.
PYTHON = """#!/bin/sh
echo "${0##*/} $*" >>"$LOG"
case "$*" in
    "-m pip --version") exit 1 ;;
    "-m venv --clear .venv") [ ! -e NO_ENSUREPIP ] || exit 1 ;;
    "-m pip --python"*) [ ! -e NO_PIP ] || exit 1 ;;
esac
case "$*" in "-m venv"*) mkdir -p .venv/bin && cp "$0" .venv/bin/python ;; esac
"""


class Setup:
    """A checkout with a PATH on which stand-ins come first."""

    def __init__(self, directory: Path) -> None:
        self.checkout, self.programs, self.log = directory / "checkout", directory / "programs", directory / "log"
        (self.checkout / "scripts").mkdir(parents=True)
        self.programs.mkdir()
        for name in ("scripts/setup", "pyproject.toml", "constraints.txt"):
            shutil.copy(ROOT / name, self.checkout / name)
        for name in ("python", "python3", "python3.11", "python3.12", "python3.13"):
            self.add_program(name, PYTHON)
        self.add_program("nvidia-smi", "#!/bin/sh\n")

    def add_program(self, name: str, text: str) -> None:
        (self.programs / name).write_text(text)
        (self.programs / name).chmod(0o755)

    def run(self) -> "subprocess.CompletedProcess[str]":
        path = f"{self.programs}{os.pathsep}{os.defpath}"
        environment = os.environ | {"PATH": path, "LOG": str(self.log)}
        script = self.checkout / "scripts" / "setup"
        return subprocess.run([script], env=environment, capture_output=True, text=True, check=False)

    def calls(self) -> list[str]:
        return self.log.read_text().splitlines()


@pytest.fixture
def setup(tmp_path: Path) -> Setup:
    return Setup(tmp_path)


def test_the_interpreter_in_use_makes_the_environment(setup: Setup) -> None:
    assert setup.run().returncode == 0
    assert "python3 -m venv --clear .venv" in setup.calls()
    assert not any(call.startswith("python3.") for call in setup.calls())


def test_an_unfit_interpreter_gives_way_to_the_next(setup: Setup) -> None:
    setup.add_program("python3", "#!/bin/sh\nexit 1\n")
    assert setup.run().returncode == 0
    assert "python -m venv --clear .venv" in setup.calls()


def test_without_ensurepip_pip_comes_from_the_interpreter(setup: Setup) -> None:
    (setup.checkout / "NO_ENSUREPIP").touch()
    done = setup.run()
    assert done.returncode == 0, done.stderr
    assert "python3 -m pip --python .venv/bin/python install --quiet pip" in setup.calls()


def test_without_ensurepip_and_pip_the_package_is_named(setup: Setup) -> None:
    for name in ("NO_ENSUREPIP", "NO_PIP"):
        (setup.checkout / name).touch()
    done = setup.run()
    assert done.returncode == 1
    assert "apt install python3-venv" in done.stderr


def test_a_cpu_build_goes_once_there_is_a_gpu(setup: Setup) -> None:
    assert setup.run().returncode == 0
    calls = setup.calls()
    assert calls.index("python -m pip uninstall --yes torch") < next(
        index for index, call in enumerate(calls) if "--editable" in call
    )


def test_without_a_gpu_the_cpu_build_is_installed(setup: Setup) -> None:
    if list(Path("/dev").glob("nvidia[0-9]*")):
        pytest.skip("there is a GPU")
    setup.add_program("nvidia-smi", "#!/bin/sh\nexit 9\n")
    assert setup.run().returncode == 0
    assert any(call.endswith("+cpu") for call in setup.calls())
