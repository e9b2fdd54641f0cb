"""Ends this process when the editor that started it is gone, however it went."""

import asyncio
import os
import sys

LOOK_SECONDS = 1.0

ORPHANED = 1
"""Our exit code then."""


def is_seen(process_id: int) -> bool:
    """Whether a process can be waited for. On Windows the pipe between it and us, which breaks, has to do.

    So it has for one that we do not see: an editor outside of our container tells a number that means nothing.
    """
    return sys.platform != "win32" and _is_alive(process_id)


async def end_with(process_id: int) -> None:
    """Waits for a process that was seen to end, and ends ours."""
    while _is_alive(process_id):
        await asyncio.sleep(LOOK_SECONDS)
    os._exit(ORPHANED)  # in the proper way, we would wait for a thread that reads what nobody will write


def _is_alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except (ProcessLookupError, OverflowError):  # the latter is a number that no process has
        return False
    except PermissionError:
        return True
    return True
