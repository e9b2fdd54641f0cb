import asyncio
import logging
import socket
import subprocess
import sys

import pytest
from anyio.abc import UNIXSocketStream

from lacuna_server.logs import drop_late_wake_up

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Unix sockets")

SET_UP = """
import asyncio
from lacuna_server.app import create_server

async def main():
    create_server().session.read_settings()
    print(asyncio.get_running_loop().get_exception_handler().__name__)

asyncio.run(main())
"""

FAIL = """
import asyncio, logging, sys
from lacuna_server.app import create_server

def fail():
    raise ValueError("password = 'hunter2'") from KeyError("hunter2")

async def main():
    server = create_server()
    server.session.read_settings({"log": {"level": "debug", "content": sys.argv[1] == "True"}})
    try:
        fail()
    except ValueError as error:
        logging.getLogger("lacuna_server.anything").error("It failed.", exc_info=error)
        logging.getLogger("another_package").exception("It failed.")
        server.report_server_error(error, ValueError)
    asyncio.get_running_loop().call_soon(fail)
    await asyncio.sleep(0)
    await asyncio.sleep(0)

asyncio.run(main())
"""


async def cancel_what_is_woken_up() -> None:
    """Cancels who waits for a socket in the round of the event loop in which bytes arrive there."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        stream = await UNIXSocketStream.from_socket(ours)
        waiting = asyncio.create_task(stream.receive())
        await asyncio.sleep(0.01)
        theirs.send(b"x")
        asyncio.get_running_loop().call_soon(waiting.cancel)
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await stream.aclose()


@pytest.mark.parametrize("is_dropped", [False, True])
async def test_a_late_wake_up_is_not_logged(is_dropped: bool, caplog: pytest.LogCaptureFixture) -> None:
    if is_dropped:
        asyncio.get_running_loop().set_exception_handler(drop_late_wake_up)
    await cancel_what_is_woken_up()
    assert ("InvalidStateError" in caplog.text) is not is_dropped


async def test_other_errors_of_the_event_loop_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(drop_late_wake_up)

    def fail() -> None:
        raise asyncio.InvalidStateError("of ours")

    with caplog.at_level(logging.ERROR):
        loop.call_soon(fail)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert "of ours" in caplog.text


def test_the_server_logs_so() -> None:
    done = subprocess.run([sys.executable, "-c", SET_UP], capture_output=True, text=True, check=True)
    assert done.stdout == "drop_late_wake_up\n"


@pytest.mark.parametrize("content", [False, True])
def test_what_an_error_says_is_logged_only_if_code_may_be(content: bool) -> None:
    """An exception may quote a document, whoever logs it."""
    command = [sys.executable, "-c", FAIL, str(content)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr.count("ValueError: password = 'hunter2'") == (4 if content else 0)
    assert ("hunter2" in done.stderr) is content
    assert done.stderr.count("ValueError\n") >= (0 if content else 4)
    assert "It failed." in done.stderr and "in fail" in done.stderr
