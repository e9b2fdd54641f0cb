import os
import subprocess
import sys

import pytest

from lacuna_server.parent import end_with


def process_that_has_ended() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.mark.parametrize("process_id", [process_that_has_ended(), 2**31, 2**70])
async def test_a_process_that_is_not_seen_is_not_waited_for(process_id: int, monkeypatch: pytest.MonkeyPatch) -> None:
    ends: list[int] = []
    monkeypatch.setattr(os, "_exit", ends.append)
    await end_with(process_id)
    assert ends == []
