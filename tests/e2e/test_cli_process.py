"""How the command behaves as a process among others."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lacuna_server.cli import main
from lacuna_server.command_line import COMMANDS

SCRIPT = Path(sys.executable).parent / "lacuna"
Lacuna = Callable[..., "subprocess.CompletedProcess[bytes]"]

HEAVY = "import sys; from lacuna_server.cli import main; code = main({arguments}); print(*sys.modules); sys.exit(code)"

SERVING = """
import atexit, os, sys
from lacuna_server.cli import main
atexit.register(lambda: print(*sys.modules, file=sys.stderr))
os._exit = sys.exit
main(["serve"])
"""


@pytest.mark.parametrize(
    "arguments", [["--help"], ["fill", "--help"], ["--version"], ["status"], ["stop"], ["fill", "nowhere.py:1:1"]]
)
def test_answers_without_the_model_do_not_import_it(arguments: list[str]) -> None:
    code = HEAVY.format(arguments=arguments)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    modules = done.stdout.splitlines()[-1].split()
    assert "lacuna_server.cli" in modules
    assert "torch" not in modules


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    shown = capsys.readouterr().out
    assert all(f"\n  {name} " in shown for name in COMMANDS)


def test_a_command_loads_no_other() -> None:
    code = HEAVY.format(arguments=["serve", "--help"])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {module for module in done.stdout.splitlines()[-1].split() if module.startswith("lacuna_server.commands.")}
    assert loaded == {"lacuna_server.commands.serve"}


def test_an_editor_does_not_wait_for_the_command_line_to_be_read() -> None:
    done = subprocess.run([sys.executable, "-c", SERVING], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    modules = done.stderr.decode().splitlines()[-1].split()
    assert "pygls.lsp.server" in modules
    assert not {"typer", "pydantic", "httpx"} & set(modules)


def test_version(lacuna: Lacuna) -> None:
    done = lacuna("--version")
    assert done.stdout.startswith(b"lacuna 0.")
    assert done.returncode == 0


def test_a_reader_that_went_away_is_no_drama() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([SCRIPT, "--help"], stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.skipif(os.name != "posix", reason="a shell as POSIX has it")
@pytest.mark.parametrize(
    ("command", "code", "error"),
    [
        ('"$0" --version >&-', 0, b""),
        ('"$0" fill - <&-', 2, b"lacuna: There is no standard input.\n"),
        ('"$0" fill nowhere.py:1:1 2>&-', 2, b""),
    ],
)
def test_closed_streams_are_no_drama(command: str, code: int, error: bytes) -> None:
    done = subprocess.run(["sh", "-c", command, SCRIPT], capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (code, b"", error)


@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
def test_interruption_is_quiet() -> None:
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [SCRIPT, "fill", "-"],
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # background jobs inherit it ignored
    ) as process:
        assert process.stdin is not None
        process.stdin.write(b"x" * 1_000_000)  # more than a pipe holds: on return the command is reading
        process.send_signal(signal.SIGINT)
        output, error = process.communicate(timeout=60)
    assert (process.returncode, output, error) == (130, b"", b"")
