"""Whatever a user gets wrong ends with one line on standard error and exit code 2."""

import re
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
import torch
from safetensors.torch import save_file

from lacuna_server import cli, command_line

Lacuna = Callable[..., "CompletedProcess[bytes]"]

MISTAKES: list[tuple[list[str], str]] = [
    (["fill"], "Missing argument"),
    (["fill", ""], "The file name is missing"),
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
    (["fill", "x.py:1:1", "--candidates", "65"], "--candidates"),
    (["fill", "x.py:1:1", "--candidates", "64", "--max-tokens", "513"], "Candidates x tokens x gaps may be 32768"),
    (["fill", "x.py:1:1", "--seed", str(2**63)], "--seed"),
    (["fill", "x.py:1:1", "--nonsense"], "No such option: --nonsense"),
    (["fill", "-:1:1", "--in-place"], "Standard input cannot be changed in place"),
    (["fill", "-:9:1"], "standard input: There is no line 9"),
    (["snippet"], "Name one format: --regex, --choice, --schema or --preset"),
    (["snippet", "--regex", "(ab"], "(ab is not a regular expression: missing ), unterminated subpattern"),
    (["snippet", "--schema", "nope.json"], "nope.json: No such file or directory"),
    (["snippet", "--preset", "uuid", "--max-tokens", "2"], "fits into 2 tokens; allow more"),
    (["nonsense"], "No such command 'nonsense'"),
    (["eval", "--data", "x", "--held-out", "y"], "--data excludes --held-out"),
    (["eval", "--compare-ranking", "--max-tokens", "48"], "--compare-ranking excludes --max-tokens and --lines"),
    (["eval", "--compare-ranking", "--lines", "1"], "--compare-ranking excludes --max-tokens and --lines"),
    (
        ["eval", "--compare-syntax", "--gaps", "2"],
        "--compare-syntax, --gaps and --calibration exclude each other, --compare-ranking",
    ),
    (
        ["eval", "--compare-syntax", "--compare-ranking"],
        "--compare-syntax, --gaps and --calibration exclude each other",
    ),
    (["eval", "--compare-syntax", "--filler", "gold"], "--compare-syntax, --gaps and --calibration exclude each other"),
    (["eval", "--gaps", "2", "--data", "x"], "--compare-syntax, --gaps and --calibration exclude each other"),
    (["eval", "--calibration", "out", "--filler", "empty"], "--calibration exclude each other, --compare-ranking"),
    (["eval", "--calibration", "binary"], "binary cannot be made a directory"),
    (["eval", "--gaps", "2,1"], "--gaps '2,1' is no list of numbers from 2 to 99; write --gaps 2,3,5."),
    (["eval", "--data", "binary", "--checkpoint", "nowhere"], "binary"),
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


def test_unknown_precision(lacuna: Lacuna, directory: Path) -> None:
    done = lacuna("fill", "x.py:1:1", "--precision", "int8", cwd=directory)
    check_mistake(done, "'int8' is not one of 'auto', 'fp8', '4bit'")


def test_missing_checkpoint(lacuna: Lacuna, directory: Path) -> None:
    check_mistake(lacuna("fill", "x.py:1:1", "--checkpoint", "nowhere", cwd=directory), "nowhere")


def test_truncated_checkpoint(lacuna: Lacuna, directory: Path, checkpoint: Path, tmp_path: Path) -> None:
    for file in checkpoint.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes()[: 5000 if file.suffix == ".safetensors" else None])
    done = lacuna("fill", "x.py:1:1", "--checkpoint", tmp_path, cwd=directory)
    check_mistake(done, "fetch it again")


def test_unfit_checkpoint(lacuna: Lacuna, directory: Path, checkpoint: Path, tmp_path: Path) -> None:
    for file in checkpoint.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "model.safetensors").unlink()
    save_file({"a": torch.zeros(1)}, tmp_path / "model.safetensors")
    done = lacuna("fill", "x.py:1:1", "--checkpoint", tmp_path, cwd=directory)
    check_mistake(done, "do not fit its config.json: missing model.")
    assert re.search(rb"; missing [^;]+; missing [^;]+ and \d+ more\n$", done.stderr)


@pytest.mark.parametrize("error", [MemoryError(), torch.OutOfMemoryError("CUDA out of memory."), "as the processor's"])
def test_lack_of_memory(
    error: Exception | str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run_out_of_memory(*_: object, **__: object) -> None:
        if isinstance(error, Exception):
            raise error
        torch.empty(2**62, dtype=torch.uint8)

    monkeypatch.setattr(command_line, "run", run_out_of_memory)
    assert cli.main(["fill", "x.py:1:1"]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("lacuna: There is not enough memory; try fewer --candidates")
    assert shown.err.count("\n") == 1


def check_mistake(done: "CompletedProcess[bytes]", message: str) -> None:
    error = done.stderr.decode()
    assert message in error
    assert error.startswith("lacuna: ")
    assert error.endswith("\n")
    assert error.count("\n") == 1
    assert (done.returncode, done.stdout) == (2, b"")
