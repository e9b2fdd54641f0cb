"""`lacuna tune` as it is installed: what it reads, what it refuses, and that a kill costs little."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from lacuna_server import cli
from lacuna_server.commands.tune import wanted

SCRIPT = Path(sys.executable).parent / "lacuna"
Lacuna = Callable[..., "CompletedProcess[bytes]"]

PATIENCE = 300.0


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Twelve small modules that are no copies of each other."""
    directory = tmp_path / "repository"
    directory.mkdir()
    for file in range(12):
        lines = (
            f"def function_{file}_{line}(value_{file}):\n    return value_{file} + {line}\n\n" for line in range(9)
        )
        (directory / f"module_{file}.py").write_text("\n".join(lines))
    return directory


MISTAKES: list[tuple[list[str], str]] = [
    ([], "Missing argument 'PATH'"),
    (["nowhere"], "nowhere is no directory"),
    (["module_0.py"], "module_0.py is no directory"),
    (["empty"], "Of the source files 0 can be learned from"),
    (["few"], "Of the source files 1 can be learned from"),
    (["empty", "--canvases"], "train.jsonl"),
    ([".", "--output", "few"], "few is neither empty nor a tuned checkpoint"),
    ([".", "--output", "module_0.py"], "module_0.py is a file"),
    ([".", "--checkpoint", "nowhere"], "nowhere"),
    ([".", "--device", "abacus"], "'abacus'"),
    ([".", "--passes", "0"], "--passes"),
]


@pytest.mark.parametrize(("arguments", "message"), MISTAKES)
def test_mistake(
    arguments: list[str],
    message: str,
    repository: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(repository)
    for name in ("empty", "few"):
        (repository / name).mkdir()
    (repository / "few" / "module.py").write_bytes((repository / "module_0.py").read_bytes())
    given = arguments if "--output" in arguments else [*arguments, "--output", str(tmp_path / "tuned")]
    assert cli.main(["tune", *given]) == 2
    shown = capsys.readouterr()
    last = shown.err.splitlines()[-1]
    assert last.startswith("lacuna: ")
    assert message in last
    assert shown.out == ""
    assert not (tmp_path / "tuned").exists()
    assert not (tmp_path / "tuned.tuning").exists()


def test_ignored_secret_hidden_and_installed_files_are_not_read(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    (tmp_path / ".gitignore").write_text("build/\nlocal_*.py\n")
    kept = ["main.py", "package/module.py", "package/data.json"]
    others = [
        *(
            "build/made.py",
            "local_settings.py",
            "credentials.json",
            "package/secrets.json",
            ".hidden/x.py",
            ".hidden.py",
        ),
        *("node_modules/x/index.js", ".env.py", ".git/x.py"),
    ]
    for name in (*kept, *others):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
    found = {path.relative_to(tmp_path).as_posix() for path in wanted(tmp_path)}
    assert found == set(kept)
    (tmp_path / ".gitignore").write_text("*\n!*/\n!*.py\n")  # folders are looked into, files are not
    assert {path.relative_to(tmp_path).as_posix() for path in wanted(tmp_path)} >= {"main.py", "package/module.py"}


def test_a_killed_run_goes_on_and_ends(checkpoint: Path, repository: Path, lacuna: Lacuna, tmp_path: Path) -> None:
    output = tmp_path / "tuned"
    options = ("--output", output, "--checkpoint", checkpoint, "--passes", "20", "--limit", "1", "--device", "cpu")
    command = ("tune", repository, *options)
    running = subprocess.Popen([SCRIPT, *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    run = tmp_path / "tuned.tuning"
    for _ in patiently():
        assert running.poll() is None, "it ended before its first state"
        if (run / "state.safetensors").is_file():
            break
    running.kill()
    running.wait()
    (repository / "module_0.py").unlink()  # the run goes on with the files it began with

    done = lacuna(*command)
    assert done.returncode in (0, 1), done.stderr  # random weights may or may not get better
    assert b"Going on with 10 source files" in done.stderr
    assert b"held-out files" in done.stdout
    assert not run.exists()
    assert output.is_dir() == (done.returncode == 0)
    if done.returncode == 0:
        assert json.loads((output / "config.json").read_text())["lacuna"]["beam_width"] == 4


def patiently() -> Iterator[None]:
    """Lets a loop look again and again until its time is up."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        yield
        time.sleep(0.05)
    pytest.fail("nothing happened in time")
