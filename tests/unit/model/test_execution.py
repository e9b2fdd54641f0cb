import socket
import sys
import time
from pathlib import Path

import pytest

from lacuna_model.evaluation.execution import Limits, Outcome, run_program, run_programs

PASSES = (
    "import math, random, collections, re, typing, hashlib, copy, heapq, functools, itertools\nassert math.pi > 3\n"
)


def test_ordinary_program_passes() -> None:
    assert run_program(PASSES) == Outcome(True)


def test_failed_assertion_is_named() -> None:
    assert run_program("assert 1 == 2, 'no'") == Outcome(False, "AssertionError: no")


def test_code_that_does_not_parse_fails() -> None:
    assert run_program("def f(:").reason.startswith("SyntaxError")


@pytest.mark.parametrize(
    "leave",
    [
        "import sys; sys.exit(0)",
        "raise SystemExit",
        "import os; os._exit(0)",
        "raise KeyboardInterrupt",
        "import os; os.close(3); os._exit(0)",
        "import os; [os.write(fd, b'passed') for fd in (1, 3)]; os._exit(0)",
        "class E(Exception):\n    def __str__(self):\n        raise SystemExit\nraise E",
    ],
)
def test_leaving_before_the_check_is_no_pass(leave: str) -> None:
    assert not run_program(f"{leave}\n").passed


def test_infinite_loop_is_stopped_in_time() -> None:
    started = time.monotonic()
    assert run_program("while True: pass", Limits(seconds=0.5)) == Outcome(False, "timeout")
    assert time.monotonic() - started < 2


def test_deaf_loop_is_stopped_too() -> None:
    program = "while True:\n    try:\n        while True: pass\n    except BaseException: pass"
    assert run_program(program, Limits(seconds=0.5)).reason == "timeout"


def test_memory_bomb_meets_its_limit() -> None:
    assert run_program("x = bytearray(8 << 30)").reason.startswith("MemoryError")
    assert not run_program("x = []\nwhile True: x.append('x' * 10**6)", Limits(memory_bytes=1 << 28)).passed


@pytest.mark.parametrize(
    "attempt",
    [
        "import os; os.fork()",
        "import os; os.posix_spawn('/bin/true', ['true'], {})",
        "import os; os.execv('/bin/true', ['true'])",
        "import os; os.system('true')",
        "import os; os.kill(os.getppid(), 9)",
        "import subprocess",
        "import _posixsubprocess",
        "import ctypes",
        "import multiprocessing",
        "import socket",
        "import os; os.remove('/nowhere')",
        "import os; os.listdir('/')",
        "import os; os.listdir('..')",
        "open('/etc/hostname').read()",
        "open(0)",
    ],
)
def test_what_a_computation_does_not_need_is_refused(attempt: str) -> None:
    assert run_program(attempt).reason.startswith("PermissionError")


@pytest.mark.parametrize("module", ["os", "posix"])
@pytest.mark.parametrize("call", ["mkfifo('here')", "mknod('here')"])
def test_what_no_audit_event_tells_of_is_gone(module: str, call: str) -> None:
    assert run_program(f"import {module}\n{module}.{call}").reason.startswith("AttributeError")


def test_os_can_still_be_imported_whole_and_its_folder_listed() -> None:
    assert run_program("from os import *\nassert listdir() == listdir('.') == listdir(b'.') == []").passed


def test_a_limit_that_cannot_be_set_is_reported() -> None:
    assert run_program("", Limits(memory_bytes=1 << 70)).reason.startswith("OSError: RLIMIT_AS cannot be set")


def test_macos_runs_programs_without_a_limit_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    program, limits = "x = bytearray(1 << 28)", Limits(memory_bytes=1 << 28)
    assert not run_program(program, limits).passed
    monkeypatch.setattr(sys, "platform", "darwin")
    assert run_program(program, limits).passed


def test_fork_bomb_fails_at_its_first_fork() -> None:
    assert run_program("import os\nwhile True: os.fork()").reason.startswith("PermissionError: os.fork")


def test_no_file_is_written(tmp_path: Path) -> None:
    target = tmp_path / "written"
    for program in (
        f"open({str(target)!r}, 'w').write('x')",
        f"import os; os.open({str(target)!r}, os.O_CREAT | os.O_WRONLY)",
        "open('here', 'w')",
    ):
        assert run_program(program).reason.startswith("PermissionError")
    assert not target.exists()


def test_refusals_cannot_be_swallowed_into_a_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.3)
        port = server.getsockname()[1]
        connect = f"import socket; socket.create_connection(('127.0.0.1', {port}))"
        assert run_program(f"try:\n    {connect}\nexcept BaseException: pass") == Outcome(True)
        with pytest.raises(TimeoutError):
            server.accept()


def test_neither_environment_nor_directory_is_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LACUNA_SECRET", "x")
    assert run_program("import os\nassert 'LACUNA_SECRET' not in os.environ and os.listdir('.') == []").passed


def test_flood_of_output_is_discarded() -> None:
    assert run_program("for _ in range(10**5): print('x' * 100)").passed


def test_outcomes_keep_the_order_of_the_programs() -> None:
    programs = ["", "1/0", "import time; time.sleep(.2)", "x"]
    outcomes = list(run_programs(programs, num_workers=4))
    assert [outcome.passed for outcome in outcomes] == [True, False, True, False]
    assert outcomes[1].reason.startswith("ZeroDivisionError")
