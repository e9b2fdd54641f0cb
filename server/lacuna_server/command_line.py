"""The command line: which commands there are, and what is wrong with one that nobody understands."""

from collections.abc import Sequence
from importlib import import_module
from typing import Annotated

import typer

from lacuna_server import __version__
from lacuna_server.errors import UserError

COMMANDS = {
    "fill": "fill",
    "snippet": "snippet",
    "serve": "serve",
    "status": "status",
    "stop": "stop",
    "engine": "engine",
    "doctor": "doctor",
    "eval": "evaluate",
    "bench": "bench",
    "train": "train",
    "tune": "tune",
}
"""What a command is called, and its function in the module of `commands` that has the same name."""

PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
"""For `train`, which has commands of its own."""


def run(arguments: Sequence[str]) -> object:
    """Runs the command that the arguments begin with; returns what it returns.

    Raises:
        UserError: they are wrong.
        KeyboardInterrupt: the user gave up.
    """
    app = _app(arguments[0] if arguments else "")
    try:
        return app(arguments, prog_name="lacuna", standalone_mode=False)
    except typer.Abort:
        raise KeyboardInterrupt from None
    except typer.TyperException as error:
        raise UserError(error.format_message()) from None


def _app(named: str) -> typer.Typer:
    """The command that was named, without loading the others, for editors wait for it; all of them otherwise."""
    app = typer.Typer(pretty_exceptions_enable=False, rich_markup_mode=None)
    for name in [named] if named in COMMANDS else COMMANDS:
        function = COMMANDS[name]
        run = getattr(import_module(f"lacuna_server.commands.{function}"), function)
        app.command(name, context_settings=PASSED_ON if name == "train" else None)(run)
    app.callback(invoke_without_command=True)(_lacuna)
    return app


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"lacuna {__version__}")
        raise typer.Exit


def _lacuna(
    context: typer.Context,
    show_version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Fill gaps in source files with a diffusion language model, on this machine."""
    if context.invoked_subcommand is None:
        print(context.get_help())
