"""Editors without a client of ours, set up as clients/README.md says: the suggestion is an entry of their menu."""

import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from editors.terminal import Terminal
from scripted_engine import wait_until

pytestmark = pytest.mark.editors

README = Path(__file__).parents[3] / "clients" / "README.md"
PATIENCE = 180.0
"""Seconds after which a test has failed; the model is loaded meanwhile."""

BEFORE = """face = '🦊é'
class Person:
    def __init__(self, name):
        face = '🦊é'; self.name = """

CONTROL_N, CONTROL_X, ESCAPE = b"\x0e", b"\x18", b"\x1b"


def settings_for(editor: str) -> str:
    """What the README says to put into an editor's settings; the model need not be sure of itself."""
    found = re.search(rf"^## {editor}\b.*?^```\w+\n(.*?)^```", README.read_text(), re.DOTALL | re.MULTILINE)
    assert found is not None
    settings = found[1].replace("completion = true", "completion = true, min_confidence = 0")
    return settings.replace(":completion t", ":completion t :min_confidence 0")


@pytest.fixture
def file(home: Path, engines: None) -> Path:
    """A file whose last line asks for a suggestion behind an emoji, which encodings count differently."""
    file = home / "project" / "person.py"
    file.parent.mkdir()
    file.write_text(BEFORE + "\n", encoding="utf-8")
    return file


def inserted_in(file: Path) -> str:
    """What was put behind the cursor, and nothing else was changed."""
    text = file.read_bytes().decode()
    assert text.startswith(BEFORE) and text.endswith("\n")
    return text[len(BEFORE) : -1]


def test_emacs(home: Path, file: Path) -> None:
    emacs = shutil.which("emacs")
    if emacs is None:
        pytest.skip("there is no Emacs; tests/editors/others/run brings it")
    init = home / "init.el"
    init.write_text(settings_for("Emacs"))
    subprocess.run(
        [emacs, "--batch", "--load", init, "--load", Path(__file__).with_name("complete.el"), file],
        env=os.environ | {"HOME": str(home), "LANG": "C.UTF-8"},
        timeout=PATIENCE,
        check=True,
    )
    assert inserted_in(file).strip()


def test_helix(home: Path, file: Path, terminal: Terminal) -> None:
    helix = os.environ.get("LACUNA_HELIX") or shutil.which("hx")
    if helix is None:
        pytest.skip("there is no Helix; tests/editors/others/run brings it")
    config = home / ".config" / "helix" / "languages.toml"
    config.parent.mkdir(parents=True)
    config.write_text(settings_for("Helix"))
    env = {"HOME": str(home), "XDG_CONFIG_HOME": str(home / ".config"), "TERM": "xterm-256color"}
    tty = terminal.descriptor
    process = subprocess.Popen([helix, f"{file}:4"], stdin=tty, stdout=tty, stderr=tty, env=os.environ | env)
    try:
        wait_until(lambda: "NOR" in terminal.lines()[-2])
        terminal.type(b"A")
        wait_until(lambda: "INS" in terminal.lines()[-2])
        end = time.monotonic() + PATIENCE
        while (entry := re.search(r"^ *~ +(\S.*) text$", "\n".join(terminal.lines()), re.MULTILINE)) is None:
            assert process.poll() is None and time.monotonic() < end, "\n".join(terminal.lines())
            terminal.type(CONTROL_X)  # nothing comes until the model is loaded
            time.sleep(0.5)
        terminal.type(CONTROL_N + b"\r")
        wait_until(lambda: "[+]" in terminal.lines()[-2] and terminal.lines()[3].endswith(entry[1]))
        terminal.type(ESCAPE)
        wait_until(lambda: "NOR" in terminal.lines()[-2])
        terminal.type(b":write-quit\r")
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        process.wait()
    assert inserted_in(file) == entry[1]
