"""`lacuna serve`: the language server."""

from typing import Annotated

import typer


def serve(
    tcp: Annotated[
        int | None,
        typer.Option("--tcp", min=1, max=65535, metavar="PORT", help="Listen on this port of this machine, to debug."),
    ] = None,
) -> None:
    """Serve an editor: LSP over standard input and output. Editors start this command themselves."""
    from lacuna_server.serving import serve as serve_editor

    serve_editor(tcp)
