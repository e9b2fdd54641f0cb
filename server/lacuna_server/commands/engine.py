"""`lacuna engine`: the process that holds the model for all editor windows."""

import logging
import math
import os
from dataclasses import replace
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from lacuna_server.commands.options import Checkpoint, Device, WeightPrecision
from lacuna_server.errors import UserError


def engine(
    checkpoint: Checkpoint = None,
    device: Device = "auto",
    precision: WeightPrecision = "auto",
    socket: Annotated[
        Path | None, typer.Option("--socket", metavar="PATH", help="Listen on this Unix socket [the user's own one].")
    ] = None,
    host: Annotated[
        str | None, typer.Option("--host", metavar="HOST", help="Listen on TCP, at this address of the machine.")
    ] = None,
    port: Annotated[
        int | None, typer.Option("--port", min=0, max=65535, metavar="PORT", help="Listen on TCP, at this port.")
    ] = None,
    token_file: Annotated[
        Path | None, typer.Option("--token-file", metavar="FILE", help="Answer only who knows the token in this file.")
    ] = None,
    tls_cert: Annotated[Path | None, typer.Option("--tls-cert", metavar="FILE", help="Speak TLS; in PEM.")] = None,
    tls_key: Annotated[
        Path | None, typer.Option("--tls-key", metavar="FILE", help="Key of the certificate; in PEM.")
    ] = None,
    idle_minutes: Annotated[
        float | None, typer.Option("--idle-minutes", metavar="N", help="End after so long without a call [never].")
    ] = None,
    max_body_mib: Annotated[
        int, typer.Option("--max-body-mib", min=1, metavar="N", help="Size of the largest request.")
    ] = 16,
) -> None:
    """Serve fills to editors and other programs.

    Editors start one by themselves. To serve a team, give --host and --token-file.
    """
    from lacuna_server.engine.address import own_address
    from lacuna_server.engine.listening import LOOPBACK, listen_on_port, listen_on_socket, read_token
    from lacuna_server.engine.service import ServiceOptions, Tls, serve
    from lacuna_server.engine.worker import Worker

    is_tcp = host is not None or port is not None
    if is_tcp and socket is not None:
        raise UserError("Give --socket or --host, not both.")
    if (tls_cert is None) != (tls_key is None):
        raise UserError("--tls-cert and --tls-key belong together.")
    if tls_cert is not None and not is_tcp:
        raise UserError("TLS is for TCP: give --host.")
    if idle_minutes is not None and not idle_minutes > 0:
        raise UserError("--idle-minutes must be more than 0; without it the engine does not end by itself.")
    own = None
    if not is_tcp and socket is None:
        own = own_address(checkpoint, device, precision)
        socket, token_file = own.socket, token_file or own.token_file
        host, port = urlsplit(own.url).hostname, urlsplit(own.url).port

    options = ServiceOptions(
        token=None if token_file is None else read_token(token_file),
        tls=None if tls_cert is None or tls_key is None else Tls(tls_cert, tls_key),
        idle_minutes=math.inf if idle_minutes is None else idle_minutes,
        max_body_bytes=max_body_mib << 20,
        is_shared=is_tcp,
    )
    if socket is not None:
        listener = listen_on_socket(socket)
    else:
        listener = listen_on_port(
            host or LOOPBACK, port or 0, with_tls=options.tls is not None, with_token=options.token is not None
        )
        if own is not None:
            listener = replace(listener, is_reachable=own.is_known, remove=own.forget)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    print(f"The engine listens at {listener.url}", flush=True)
    serve(Worker(checkpoint, device, precision), listener, options)
    os._exit(0)  # at once: a denoising step that nobody waits for may still run in the model's thread
