"""The command `lacuna`, and the one place where errors become a line and an exit code."""

import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path

from lacuna_server.errors import UserError, is_lack_of_memory
from lacuna_server.positions import protect_standard_input

INTERRUPTED = 130
BROKEN_PIPE = 1
MISTAKE = 2

NUM_DETAILS = 3
"""Details of an error that are shown, of a checkpoint's wrong tensors for example."""


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
        result = _run(given)
        sys.stdout.flush()
    except KeyboardInterrupt:
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


def _run(arguments: Sequence[str]) -> object:
    """Runs a command. An editor waits for `serve`, and to read other command lines takes an eighth of that time."""
    if arguments == ["serve"]:
        from lacuna_server.serving import serve

        serve(None)
        return None
    from lacuna_server.command_line import run

    return run(arguments)


def _replace_closed_outputs() -> None:
    """Makes up for outputs that were closed before we started (`>&-`), so that nobody else has to think of them."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))


def _explain(error: Exception) -> str | None:
    """The line for an error that a user can do something about; None for a defect of ours."""
    from lacuna_model.errors import LacunaError

    match error:
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
