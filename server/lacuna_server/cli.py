"""The command `lacuna`: its sub-commands, and the one place where errors become a line and an exit code."""

import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated

import typer

from lacuna_server.commands.bench import bench
from lacuna_server.commands.doctor import doctor
from lacuna_server.commands.evaluate import evaluate
from lacuna_server.commands.fill import fill, protect_standard_input
from lacuna_server.commands.train import train
from lacuna_server.errors import UserError

INTERRUPTED = 130
BROKEN_PIPE = 1
MISTAKE = 2

NUM_DETAILS = 3
"""Details of an error that are shown, of a checkpoint's wrong tensors for example."""

app = typer.Typer(pretty_exceptions_enable=False, rich_markup_mode=None)
app.command("fill")(fill)
app.command("doctor")(doctor)
app.command("eval")(evaluate)
app.command("bench")(bench)
app.command(
    "train",
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
)(train)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"lacuna {version('lacuna')}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def lacuna(
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
    if given[:1] == ["fill"]:
        given = protect_standard_input(given)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that lacks a character must not stop us
    try:
        result = app(given, prog_name="lacuna", standalone_mode=False)
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
        case UserError():
            return str(error)
        case LacunaError():
            return _in_one_line(str(error))
        case _ if _is_lack_of_memory(error):
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


def _is_lack_of_memory(error: Exception) -> bool:
    """Whether Python, a device or the processor ran out of memory; torch, which may be absent, goes by its names."""
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or (isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error))
    )
