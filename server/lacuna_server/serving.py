"""The language server as a process."""

import gc
import logging
import os
import sys

from lacuna_server.errors import UserError


def serve(port: int | None) -> None:
    """Serves one editor, then ends the process.

    Args:
        port: to listen on, on this machine; None: standard input and output.

    Raises:
        UserError: there is no standard input.
    """
    if sys.stdin is None:
        raise UserError("There is no standard input to talk to an editor; let the editor start this command.")
    output = sys.stdout.buffer
    sys.stdout = sys.stderr  # whatever prints must not get between messages

    gc.disable()  # an editor waits, and nothing that is made until the server stands is garbage
    from lacuna_server.app import create_server  # takes a quarter of a second: pygls

    server = create_server()
    gc.freeze()
    gc.enable()
    if port is None:
        server.start_io(sys.stdin.buffer, output)
    else:
        from lacuna_server.engine.listening import LOOPBACK

        server.start_tcp(LOOPBACK, port)
    logging.shutdown()
    os._exit(0 if server.protocol.was_shut_down else 1)  # to clear up a process of this size takes half a second
