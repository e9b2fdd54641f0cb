"""Why there were no suggestions, as the command `lacuna status` tells it."""

import json
import subprocess
import sysconfig
import time
from pathlib import Path

from scripted_editor import Connect

from lacuna_server.reasons import Reason

SCRIPT = Path(sysconfig.get_path("scripts")) / "lacuna"
SECONDS = 120.0
ENV = "file:///project/.env"


async def test_the_command_tells_why_there_were_no_suggestions(connect: Connect, checkpoint: Path) -> None:
    editor = await connect({"engine": {"checkpoint": str(checkpoint), "device": "cpu"}})
    await editor.until(lambda: "ready" in editor.states, SECONDS)
    secret = editor.open("password = <|>\n", ENV, "dotenv")
    inside = editor.open("value = some<|>thing + other\n")
    assert await editor.suggest(secret, ENV) == []
    assert await editor.suggest(inside) == []
    assert await editor.suggest(inside) == []
    patient_until = time.monotonic() + SECONDS
    while "inside" not in (
        shown := subprocess.run([SCRIPT, "status"], capture_output=True, check=True).stdout.decode()
    ):
        assert time.monotonic() < patient_until, shown
    assert f"No suggestion (2): {Reason.INSIDE_WORD.description}.\n" in shown
    assert f"No suggestion (1): {Reason.SECRET_FILE.description}.\n" in shown
    engines = json.loads(subprocess.run([SCRIPT, "status", "--json"], capture_output=True, check=True).stdout)
    (status,) = (each for each in engines if each["checkpoint"] == str(checkpoint) and each["reasons"])
    assert {"reason": "inside-word", "count": 2} in status["reasons"]
