"""The command `lacuna`: its sub-commands, and the one place where errors become a line and an exit code."""

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated

import typer

from lacuna_server import __version__
from lacuna_server.errors import UserError, is_lack_of_memory
from lacuna_server.positions import protect_standard_input

INTERRUPTED = 130
BROKEN_PIPE = 1
MISTAKE = 2

NUM_DETAILS = 3
"""Details of an error that are shown, of a checkpoint's wrong tensors for example."""

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


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit code.

    0: done. 1: something was found to be wrong, or nobody reads the output any more. 2: a mistake in what was asked,
    explained by one line on standard error. 130: interrupted.
    """
    _replace_closed_outputs()
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] in (["fill"], ["snippet"]):
        given = protect_standard_input(given)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that lacks a character must not stop us
    try:
        result = _app(given[0] if given else "")(given, prog_name="lacuna", standalone_mode=False)
        sys.stdout.flush()
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the last flush, at exit, is quiet too
        return BROKEN_PIPE
    except Exception as error:
        message = _explain(error)
        if message is None:
            raise
        print(f"lacuna: {message}", file=sys.stderr)
        return MISTAKE
    return result if isinstance(result, int) else 0


def _replace_closed_outputs() -> None:
    """Makes up for outputs that were closed before we started (`>&-`), so that nobody else has to think of them."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))


def _explain(error: Exception) -> str | None:
    """The line for an error that a user can do something about; None for a defect of ours."""
    from lacuna_model.errors import LacunaError

    match error:
        case typer.TyperException():
            return error.format_message()
        case UserError() | LacunaError():
            return _in_one_line(str(error))
        case _ if is_lack_of_memory(error):
            return "There is not enough memory; try fewer --candidates, fewer --max-tokens or another --device."
        case OSError(strerror=str(reason), filename=str() | os.PathLike() as name):
            return f"{name}: {reason}"
        case OSError():
            return str(error)
    return None


def _in_one_line(message: str) -> str:
    """A message with the first of the details that follow its first line."""
    first, *details = (line.strip() for line in message.splitlines())
    shown = "; ".join(details[:NUM_DETAILS])
    rest = f" and {len(details) - NUM_DETAILS} more" if len(details) > NUM_DETAILS else ""
    return f"{first} {shown}{rest}".rstrip()
