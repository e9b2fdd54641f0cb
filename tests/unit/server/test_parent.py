import os
import subprocess
import sys

import pytest

from lacuna_server.parent import ORPHANED, end_with, is_seen


def process_that_has_ended() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.mark.parametrize("process_id", [process_that_has_ended(), 2**31, 2**70])
def test_a_process_that_is_not_there_is_not_seen(process_id: int) -> None:
    assert not is_seen(process_id)


async def test_one_that_ends_before_it_is_waited_for_ends_us_too(monkeypatch: pytest.MonkeyPatch) -> None:
    ends: list[int] = []
    monkeypatch.setattr(os, "_exit", ends.append)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        assert is_seen(process.pid) == (sys.platform != "win32")
        waiting = end_with(process.pid)
        process.kill()
        process.wait()
        await waiting
    assert ends == [ORPHANED]
