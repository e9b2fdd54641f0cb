"""`lacuna fill` and `lacuna doctor` with a small checkpoint of random weights."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Lacuna = Callable[..., "subprocess.CompletedProcess[bytes]"]

FIGURES = re.compile(r"\d+ steps?, \d+ forwards?, \d+ tokens? \(\d+\.\d a forward\), \d+ ms, (stable|max_steps)\n")


def test_a_pipe_gets_the_fill_alone(lacuna: Lacuna, checkpoint: Path) -> None:
    arguments = ("--checkpoint", checkpoint, "--max-tokens", "6", "--language", "python")
    text = b"def f(x):\n    return \n"
    plain = lacuna("fill", "-:2:12", *arguments, given=text)
    document = json.loads(lacuna("fill", "-:2:12", *arguments, "--json", given=text).stdout)
    assert plain.stderr == b""
    assert plain.stdout.decode() == document["fills"][0]["texts"][0] + "\n"  # same seed, same fill
    assert document["file"] is None
    assert document["language"] == "python"
    assert document["gaps"] == [{"start": {"line": 2, "column": 12}, "end": {"line": 2, "column": 12}}]
    assert document["num_tokens"] <= 6


def test_in_place_changes_the_selection_alone(lacuna: Lacuna, checkpoint: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.js"
    path.write_bytes(b"\xef\xbb\xbfa = 1;\r\nb = 2;\r\nc = 3;\r\n")
    done = lacuna(
        "fill", f"{path}:1:5", "--to", "3:1", "--in-place", "--json", "--max-tokens", "8", "--checkpoint", checkpoint
    )
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    (fill,) = document["fills"][0]["texts"]
    assert path.read_bytes() == b"\xef\xbb\xbfa = " + fill.encode() + b"c = 3;\r\n"
    assert document["language"] == "javascript"
    assert list(tmp_path.iterdir()) == [path]


def test_marked_gaps_are_filled_together(lacuna: Lacuna, checkpoint: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.py"
    path.write_text("a = <FILL>\nb = <FILL>\n")
    done = lacuna(
        *("fill", path, "--context", "1", "--show-steps", "--verbose", "--candidates", "2", "--max-tokens", "4"),
        *("--checkpoint", checkpoint),
    )
    assert done.returncode == 0, done.stderr
    shown, log = done.stdout.decode(), done.stderr.decode()
    assert shown.startswith(f"{path}:1:5, 2:5\na = ⟦")
    assert re.search(r"⟧\nb = ⟦.*⟧\n", shown, re.DOTALL)
    assert "\x1b" not in shown + log
    steps, figures = log.splitlines()[:-1], log.splitlines(keepends=True)[-1]
    assert steps[0].startswith("step  1  ")
    assert all(" ⋮ " in step for step in steps)
    assert FIGURES.fullmatch(figures)
    assert path.read_text() == "a = <FILL>\nb = <FILL>\n"


def test_names_are_shown_as_they_are(lacuna: Lacuna, checkpoint: Path, tmp_path: Path) -> None:
    name = "a:100:[b].py"
    (tmp_path / name).write_text("x = \n")
    done = lacuna("fill", f"{name}:1:5", "-C", "0", "--max-tokens", "2", "--checkpoint", checkpoint, cwd=tmp_path)
    assert done.stdout.decode().startswith(f"{name}:1:5\n")


def test_a_fill_that_nobody_wants_to_read_is_made_all_the_same(checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text("x = \n")
    command = '"$0" fill x.py:1:5 --max-tokens 2 --checkpoint "$1" >&-'
    script = Path(sys.executable).parent / "lacuna"
    done = subprocess.run(["sh", "-c", command, script, checkpoint], cwd=tmp_path, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
def test_a_terminal_gets_colour_context_and_figures(checkpoint: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.py"
    path.write_text("before\na = \nafter\n")
    shown = run_on_terminal("fill", f"{path}:2:5", "--show-steps", "--max-tokens", "4", "--checkpoint", str(checkpoint))
    assert "\x1b[2mbefore" in shown
    assert "step 1" in shown
    assert "░" in shown
    assert "⟦" not in shown
    assert FIGURES.search(re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "", shown))


def test_doctor_finds_a_working_installation(lacuna: Lacuna, checkpoint: Path) -> None:
    done = lacuna("doctor", "--checkpoint", checkpoint, "--json")
    findings = {finding["name"]: finding for finding in json.loads(done.stdout)}
    assert done.returncode == 0
    assert all(finding["ok"] for finding in findings.values())
    assert "absorbing noise, 262 tokens" in findings["checkpoint"]["detail"]
    assert "return" in findings["self-test"]["detail"]


def test_doctor_tells_what_is_wrong(lacuna: Lacuna, tmp_path: Path) -> None:
    done = lacuna("doctor", "--checkpoint", tmp_path / "nowhere")
    assert done.returncode == 1
    assert re.search(rb"^wrong +checkpoint", done.stdout, re.MULTILINE)
    assert b"self-test" not in done.stdout


def run_on_terminal(*arguments: str) -> str:
    """Everything the command writes when a person sits before it."""
    terminal, theirs = os.openpty()
    environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    environment |= {"TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30"}
    script = Path(sys.executable).parent / "lacuna"
    with subprocess.Popen([script, *arguments], stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        written = bytearray()
        while chunk := read_terminal(terminal):
            written += chunk
    os.close(terminal)
    assert process.returncode == 0, written
    return written.decode()


def read_terminal(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # how Linux reports that the other side has ended
        return b""
