"""`lacuna serve`: the language server."""

import gc
import logging
import os
import sys
from typing import Annotated

import typer

from lacuna_server.errors import UserError


def serve(
    tcp: Annotated[
        int | None,
        typer.Option("--tcp", min=1, max=65535, metavar="PORT", help="Listen on this port of this machine, to debug."),
    ] = None,
) -> None:
    """Serve an editor: LSP over standard input and output. Editors start this command themselves."""
    if sys.stdin is None:
        raise UserError("There is no standard input to talk to an editor; let the editor start this command.")
    output = sys.stdout.buffer
    sys.stdout = sys.stderr  # whatever prints must not get between messages

    gc.disable()  # an editor waits, and nothing that is made until the server stands is garbage
    from lacuna_server.app import create_server  # takes a quarter of a second: pygls

    server = create_server()
    gc.freeze()
    gc.enable()
    if tcp is None:
        server.start_io(sys.stdin.buffer, output)
    else:
        from lacuna_server.engine.listening import LOOPBACK

        server.start_tcp(LOOPBACK, tcp)
    logging.shutdown()
    os._exit(0 if server.protocol.was_shut_down else 1)  # to clear up a process of this size takes half a second
