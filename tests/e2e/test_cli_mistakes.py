"""Whatever a user gets wrong ends with one line on standard error and exit code 2."""

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

Lacuna = Callable[..., "CompletedProcess[bytes]"]

MISTAKES: list[tuple[list[str], str]] = [
    (["fill"], "Missing argument"),
    (["fill", "missing.py:1:1"], "missing.py: No such file or directory"),
    (["fill", "."], ". is a directory"),
    (["fill", "binary:1:1"], "binary is a binary file"),
    (["fill", "latin.py:1:1"], "latin.py is not UTF-8 (byte 4)"),
    (["fill", "x.py:0:1"], "There is no line 0; lines go from 1 to 3"),
    (["fill", "x.py:4:1"], "There is no line 4; lines go from 1 to 3"),
    (["fill", "x.py:1:9"], "There is no column 9 in line 1; its columns go from 1 to 6"),
    (["fill", "x.py:1"], "write FILE:LINE:COLUMN"),
    (["fill", "x.py:1:1", "--to", "1"], "write LINE:COLUMN"),
    (["fill", "x.py:1:2", "--to", "1:1"], "lies before the start of the selection"),
    (["fill", "x.py", "--to", "1:1"], "--to needs the start of the selection"),
    (["fill", "x.py"], "x.py has no <FILL> in it"),
    (["fill", "x.py", "--marker", "@@"], "x.py has no @@ in it"),
    (["fill", "x.py:1:1", "--marker", "y"], "exclude each other"),
    (["fill", "x.py:1:1", "--language", "cobol"], "Unknown language 'cobol'"),
    (["fill", "x.py:1:1", "--max-tokens", "0"], "--max-tokens"),
    (["fill", "x.py:1:1", "--candidates", "many"], "--candidates"),
    (["fill", "x.py:1:1", "--nonsense"], "No such option: --nonsense"),
    (["fill", "-:1:1", "--in-place"], "Standard input cannot be changed in place"),
    (["fill", "-:9:1"], "standard input: There is no line 9"),
    (["nonsense"], "No such command 'nonsense'"),
    (["eval", "--data", "x", "--held-out", "y"], "--data excludes --held-out"),
]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("mistakes")
    (path / "x.py").write_bytes(b"y = 1\ny\n")
    (path / "binary").write_bytes(b"\x7fELF\0")
    (path / "latin.py").write_bytes(b"caf\xe9\n")
    return path


@pytest.mark.parametrize(("arguments", "message"), MISTAKES)
def test_mistake(lacuna: Lacuna, directory: Path, arguments: list[str], message: str) -> None:
    check_mistake(lacuna(*arguments, cwd=directory), message)


def test_unknown_device(lacuna: Lacuna, directory: Path, checkpoint: Path) -> None:
    done = lacuna("fill", "x.py:1:1", "--checkpoint", checkpoint, "--device", "abacus", cwd=directory)
    check_mistake(done, "'abacus'")


def test_missing_checkpoint(lacuna: Lacuna, directory: Path) -> None:
    check_mistake(lacuna("fill", "x.py:1:1", "--checkpoint", "nowhere", cwd=directory), "nowhere")


def test_truncated_checkpoint(lacuna: Lacuna, directory: Path, checkpoint: Path, tmp_path: Path) -> None:
    for file in checkpoint.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes()[: 5000 if file.suffix == ".safetensors" else None])
    done = lacuna("fill", "x.py:1:1", "--checkpoint", tmp_path, cwd=directory)
    check_mistake(done, "fetch it again")


def check_mistake(done: "CompletedProcess[bytes]", message: str) -> None:
    error = done.stderr.decode()
    assert message in error
    assert error.startswith("lacuna: ")
    assert error.endswith("\n")
    assert error.count("\n") == 1
    assert (done.returncode, done.stdout) == (2, b"")
