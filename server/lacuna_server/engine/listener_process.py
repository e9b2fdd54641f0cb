"""Which process listens at an address, though it may not answer."""

import socket
import struct
from contextlib import suppress

from lacuna_server.engine.address import Address

_CREDENTIALS = struct.Struct("3i")
"""Linux' `struct ucred`: process, user, group."""

_PATIENCE_SECONDS = 1.0


def listener_process(address: Address) -> int | None:
    """The process that listens on a Unix socket; None where the system does not tell."""
    if address.socket is not None and hasattr(socket, "SO_PEERCRED"):
        with socket.socket(socket.AF_UNIX) as asking, suppress(OSError):
            asking.settimeout(_PATIENCE_SECONDS)
            asking.connect(str(address.socket))
            credentials = asking.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
            process, _, _ = _CREDENTIALS.unpack(credentials)
            return int(process) or None  # 0: it lives in another container
    return None


def named(process: int | None) -> str:
    """A process as messages put it behind an address; nothing if it is not known."""
    return "" if process is None else f" (process {process})"
