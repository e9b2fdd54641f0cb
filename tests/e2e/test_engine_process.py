"""The engine as `lacuna fill` finds, starts and loses it."""

import json
import os
import re
import signal
import subprocess
import sys
import sysconfig
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from scripted_engine import Answer, ScriptedEngine, result, step, wait_until

from lacuna_server.engine.address import Address, own_address
from lacuna_server.engine.protocol import VERSION, Refusal
from lacuna_server.engine.spawn import EngineOptions, command, log_file, spawn

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and sockets as POSIX has them")

SCRIPT = Path(sysconfig.get_path("scripts")) / "lacuna"
Lacuna = Callable[..., "subprocess.CompletedProcess[bytes]"]


@pytest.fixture(autouse=True)
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Directories of a user who has no engine yet; those that a test starts are ended with it."""
    with tempfile.TemporaryDirectory(prefix="lacuna-") as name:
        for variable in ("XDG_RUNTIME_DIR", "XDG_STATE_HOME"):
            directory = Path(name, variable)
            directory.mkdir(mode=0o700)
            monkeypatch.setenv(variable, str(directory))
        yield Path(name)
        subprocess.run([SCRIPT, "stop"], stdout=subprocess.DEVNULL, check=True)


@pytest.fixture
def scripted() -> Iterator[ScriptedEngine]:
    """An engine where the command looks for one."""
    socket = own_address(None, "auto").socket
    assert socket is not None
    with ScriptedEngine().listening(socket) as engine:
        yield engine


def fill_command(*arguments: str | Path) -> list[str | Path]:
    return [SCRIPT, "fill", "-:1:5", "--max-tokens", "4", *arguments]


def statuses(lacuna: Lacuna) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(lacuna("status", "--json").stdout)
    return found


def check_fill(done: "subprocess.CompletedProcess[bytes]") -> None:
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.endswith(b"\n")


def test_one_engine_serves_all_fills_of_a_model(lacuna: Lacuna, checkpoint: Path) -> None:
    assert statuses(lacuna) == []
    assert lacuna("status").stdout == b"No engine runs; the next fill starts one.\n"
    starting = fill_command("--checkpoint", checkpoint)
    starters = [subprocess.Popen(starting, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(2)]
    first, second = (starter.communicate(b"x = \n", timeout=120)[0] for starter in starters)
    assert first == second
    check_fill(lacuna("fill", "-:1:5", "--checkpoint", checkpoint, given=b"x = \n"))
    (status,) = statuses(lacuna)
    assert (status["state"], status["num_fills"], status["checkpoint"]) == ("ready", 3, str(checkpoint))
    row = rf"ready +cpu +{status['precision']} +{checkpoint} .* 3 +0 +{status['pid']}"
    assert re.search(row, lacuna("status").stdout.decode())
    assert lacuna("stop").stdout == b"Ended 1 engine.\n"
    assert lacuna("stop").stdout == b"No engine runs.\n"


def test_an_engine_that_was_killed_or_lost_its_socket_is_replaced(lacuna: Lacuna, checkpoint: Path) -> None:
    def fill() -> dict[str, Any]:
        check_fill(lacuna("fill", "-:1:5", "--checkpoint", checkpoint, given=b"x = \n"))
        (status,) = statuses(lacuna)
        return status

    killed = fill()
    os.kill(killed["pid"], signal.SIGKILL)
    wait_until(lambda: statuses(lacuna) == [])
    socket = Address.parse(killed["address"]).socket
    assert socket is not None
    assert socket.exists()
    lost = fill()
    socket.unlink()
    found = fill()
    assert len({killed["pid"], lost["pid"], found["pid"]}) == 3
    wait_until(lambda: not is_alive(lost["pid"]))


def test_an_engine_that_somebody_has_just_started_is_waited_for(lacuna: Lacuna, checkpoint: Path) -> None:
    address = own_address(checkpoint, "auto")
    process = spawn(address, EngineOptions(checkpoint))
    assert isinstance(process, subprocess.Popen)
    check_fill(lacuna("fill", "-:1:5", "--checkpoint", checkpoint, given=b"x = \n"))
    assert [status["pid"] for status in statuses(lacuna)] == [process.pid]
    assert list(log_file(address).parent.iterdir()) == [log_file(address)]  # each start would have had one
    lacuna("stop")
    process.wait(timeout=60)


def test_a_log_that_cannot_be_written_stops_nothing(lacuna: Lacuna, place: Path, checkpoint: Path) -> None:
    (place / "XDG_STATE_HOME").rmdir()
    (place / "XDG_STATE_HOME").touch()
    check_fill(lacuna("fill", "-:1:5", "--checkpoint", checkpoint, given=b"x = \n"))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full disk to write to")
def test_a_full_disk_stops_nothing(lacuna: Lacuna, checkpoint: Path) -> None:
    starting = command(EngineOptions(checkpoint))
    output = subprocess.DEVNULL
    with Path("/dev/full").open("wb") as full, subprocess.Popen(starting, stdout=output, stderr=full) as process:
        wait_until(lambda: statuses(lacuna) != [])
        check_fill(lacuna("fill", "-:1:5", "--checkpoint", checkpoint, given=b"x = \n"))
        assert [status["pid"] for status in statuses(lacuna)] == [process.pid]
        lacuna("stop")


def test_a_precision_has_an_engine_of_its_own(lacuna: Lacuna, checkpoint: Path) -> None:
    arguments = ("fill", "-:1:5", "--checkpoint", checkpoint)
    plain = lacuna(*arguments, given=b"x = \n")
    there = lacuna(*arguments, "--precision", "fp8", given=b"x = \n")
    here = lacuna(*arguments, "--precision", "fp8", "--no-engine", given=b"x = \n")
    assert plain.stdout and there.stdout == here.stdout
    assert {status["precision"] for status in statuses(lacuna)} > {"fp8"}
    assert b" fp8 " in lacuna("status").stdout
    lacuna("stop")


def test_without_an_engine_none_is_started(lacuna: Lacuna, checkpoint: Path) -> None:
    arguments = ("fill", "-:1:5", "--checkpoint", checkpoint, "--show-steps")
    here = lacuna(*arguments, "--no-engine", given=b"x = \n")
    assert statuses(lacuna) == []
    there = lacuna(*arguments, given=b"x = \n")
    assert (here.stdout, here.stderr) == (there.stdout, there.stderr)
    assert b"step  1  " in there.stderr


def test_a_model_that_cannot_be_loaded_leaves_no_engine(lacuna: Lacuna, place: Path) -> None:
    done = lacuna("fill", "-:1:5", "--checkpoint", place / "nowhere", given=b"x = \n")
    assert done.returncode == 2
    assert done.stderr.startswith(b"lacuna: ")
    assert b"nowhere" in done.stderr
    wait_until(lambda: statuses(lacuna) == [])


@pytest.mark.parametrize(
    ("status", "version", "shown"),
    [
        ({"uptime_seconds": 90061.4}, VERSION, r"state .*\nready +cpu +embedded .* 1 day, 1:01:01 +0 +0 +\d+\n"),
        ({"state": "loading", "loaded_bytes": 1, "total_bytes": 4}, VERSION, r"state .*\nloading, 25% +cpu .*\n"),
        (
            {"state": "failed", "message": "Fetch it\x07 again."},
            VERSION,
            r"state .*\nfailed +cpu .*\nFetch it␇ again\.\n",
        ),
        ({}, "0.0.1", r"The engine at unix:///.* is Lacuna 0\.0\.1, this is .*; install the same one\.\n"),
    ],
)
def test_status(lacuna: Lacuna, scripted: ScriptedEngine, status: dict[str, Any], version: str, shown: str) -> None:
    scripted.status = replace(scripted.status, **status)
    scripted.version = version
    assert re.fullmatch(shown, lacuna("status").stdout.decode())
    (document,) = statuses(lacuna)
    assert document["address"] == str(own_address(None, "auto"))
    assert ("error" in document) == (version != VERSION)


def test_the_command_needs_no_torch(scripted: ScriptedEngine) -> None:
    code = "import sys; from lacuna_server.cli import main; main(); print(*sys.modules)"
    asking = [sys.executable, "-c", code, *fill_command()[1:]]
    done = subprocess.run(asking, input=b"x = \n", capture_output=True, check=True)
    fill, modules = done.stdout.decode().splitlines()
    assert fill == "filled"
    assert "httpx" in modules.split()
    assert "torch" not in modules.split()


def test_what_the_engine_is_asked_and_what_it_took(lacuna: Lacuna, scripted: ScriptedEngine) -> None:
    scripted.answers.append(Answer(result("1", "2", queue_ms=4.0), (step(1, ["1"], [None]),)))
    done = lacuna("fill", "-", "--language", "python", "--json", "--show-steps", given=b"a = <FILL>\nb = <FILL>\n")
    assert done.stderr.decode() == "step  1  1 ⋮ ░\n"
    document = json.loads(done.stdout)
    assert document["fills"][0]["texts"] == ["1", "2"]
    assert document["timing_ms"] == {"queue": 4.0, "encode": 1.0, "denoise": 2.0, "rank": 0.0, "total": 3.5}
    (call,) = scripted.calls
    assert (call.segments, call.language, call.steps) == (("a = ", "\nb = ", "\n"), "python", True)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (Answer(None), r"The engine at unix:///.* ended before it had answered; try again\."),
        (Answer(Refusal("busy", "Too many calls wait; try again.")), r"Too many calls wait; try again\."),
        (Answer(result("x", stop_reason="deadline", fills=())), r"Nothing was filled in the time .*; allow more\."),
    ],
)
def test_without_a_fill_there_is_one_line(
    lacuna: Lacuna, scripted: ScriptedEngine, answer: Answer, message: str
) -> None:
    scripted.answers.append(answer)
    done = lacuna("fill", "-:1:5", given=b"x = \n")
    assert (done.returncode, done.stdout) == (2, b"")
    assert re.fullmatch(f"lacuna: {message}\n", done.stderr.decode())


def test_an_engine_that_ends_just_then_is_looked_for_once_more(lacuna: Lacuna, scripted: ScriptedEngine) -> None:
    closing = Answer(Refusal("closing", "The engine ends."))
    scripted.answers.append(closing)
    check_fill(lacuna("fill", "-:1:5", given=b"x = \n"))
    assert len(scripted.calls) == 2
    scripted.answers.extend([closing, closing])
    done = lacuna("fill", "-:1:5", given=b"x = \n")
    assert done.returncode == 2
    assert re.fullmatch(r"lacuna: The engine at unix:///.* ends; try again\.\n", done.stderr.decode())


def test_interruption_hangs_up(scripted: ScriptedEngine) -> None:
    scripted.answers.append(Answer(result("x"), gate=threading.Event()))
    pipe = subprocess.PIPE
    with subprocess.Popen(
        fill_command(),
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # it may be ignored here
    ) as process:
        assert process.stdin is not None
        process.stdin.write(b"x = \n")
        process.stdin.close()
        process.stdin = None
        wait_until(lambda: len(scripted.calls) == 1)
        process.send_signal(signal.SIGINT)
        output, error = process.communicate(timeout=60)
    assert (process.returncode, output, error) == (130, b"", b"")
    wait_until(lambda: scripted.num_hung_up == 1)


def test_loading_is_shown_on_a_terminal(scripted: ScriptedEngine) -> None:
    scripted.status = replace(scripted.status, state="loading", loaded_bytes=5_000_000, total_bytes=10_000_000)
    terminal, theirs = os.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100"}
    pipe = subprocess.PIPE
    with subprocess.Popen(fill_command(), stdin=pipe, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        assert process.stdin is not None
        process.stdin.write(b"x = \n")
        process.stdin.close()
        shown = b""
        while b"5.0/10.0 MB" not in shown:
            shown += os.read(terminal, 4096)
        scripted.status = replace(scripted.status, state="ready")
        while b"filled" not in shown:
            shown += os.read(terminal, 4096)
        assert process.wait(timeout=60) == 0
    os.close(terminal)
    assert b"Loading" in shown


def test_each_start_has_a_log_of_its_own(place: Path, checkpoint: Path) -> None:
    address = own_address(checkpoint, "abacus")
    log = log_file(address)
    for _ in range(2):
        process = spawn(address, EngineOptions(checkpoint, "abacus"))
        assert isinstance(process, subprocess.Popen)
        wait_until(lambda: log.exists() and b"'abacus'" in log.read_bytes())
        process.terminate()
        process.wait(timeout=60)
    assert log.is_relative_to(place)
    assert sorted(path.name for path in log.parent.iterdir()) == [log.name, f"{log.name}.1"]
    assert log.read_text().count("'abacus'") == 1


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
