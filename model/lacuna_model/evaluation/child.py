"""Runs one untrusted program; started by `execution.py` as `python -I -S -B child.py`, never imported.

The job comes as JSON on standard input; the verdict goes to what was standard output when the process began: the
job's token if the program ran to its end, else one line that says why not. The token lies in the frame of `main`, so
a program that leaves early, by whatever exit, does not print it by accident; one that goes through the frames finds it.

The operating system's limits are the fence. The audit hook inside it turns away, with a plain error, what a generated
program has no business doing: it is proof against accidents, not against somebody who attacks the interpreter.
"""

import json
import os
import posix
import resource
import sys
from types import ModuleType

ALLOWED_EVENTS = frozenset(
    """
    import compile exec open marshal.loads marshal.load code.__new__ function.__new__ array.__new__ pickle.find_class
    object.__getattr__ object.__setattr__ object.__delattr__ sys._getframe sys._getframemodulename builtins.id
    builtins.input builtins.input/result time.sleep os.listdir sys.excepthook sys.unraisablehook
    """.split()
)
"""Audit events of ordinary computing; all others (sockets, processes, files, ctypes, ...) are refused."""

UNAUDITED_FUNCTIONS = ("mkfifo", "mknod")
"""Functions of `os` that leave traces in the file system, and that no audit event tells of."""

REFUSED_MODULES = frozenset(
    "ctypes _ctypes socket _socket subprocess _posixsubprocess multiprocessing _multiprocessing".split()
)


def limit_resources(limits: dict[str, int]) -> None:
    """Sets hard limits; `limits` maps names such as RLIMIT_AS to values.

    Raises:
        OSError: the system does not take a limit.
    """
    for name, value in limits.items():
        if (kind := getattr(resource, name, None)) is not None:
            try:
                resource.setrlimit(kind, (value, value))
            except (ValueError, OverflowError, OSError) as error:
                raise OSError(f"{name} cannot be set to {value}: {error}") from error


def guard(library: list[str]) -> None:
    """Refuses, from now on and for good, every audited event that a pure computation does not need.

    Args:
        library: folders of the standard library, the only places files may be read from. Besides the working
            directory only they may be listed, which every import does.
    """
    for name in UNAUDITED_FUNCTIONS:
        vars(os).pop(name, None)
        vars(posix).pop(name, None)
    os.__all__ = [name for name in os.__all__ if name not in UNAUDITED_FUNCTIONS]
    here, inside = os.path.realpath(os.curdir), tuple(os.path.realpath(path) + os.sep for path in library)
    resolve, write_flags = os.path.realpath, os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

    def is_library(path: object) -> bool:
        return isinstance(path, str | bytes) and (resolve(os.fsdecode(path)) + os.sep).startswith(inside)

    def is_here(path: object) -> bool:
        return path is None or (isinstance(path, str | bytes) and resolve(os.fsdecode(path)) == here)

    def refuse(event: str, arguments: tuple[object, ...]) -> None:
        if event not in ALLOWED_EVENTS:
            raise PermissionError(f"{event} is not allowed here")
        if event == "import" and str(arguments[0]).partition(".")[0] in REFUSED_MODULES:
            raise PermissionError(f"importing {arguments[0]} is not allowed here")
        if event == "open":
            path, _, flags = arguments
            if not is_library(path) or (isinstance(flags, int) and flags & write_flags):
                raise PermissionError("opening files is not allowed here")
        if event == "os.listdir" and not (is_here(arguments[0]) or is_library(arguments[0])):
            raise PermissionError("listing other folders is not allowed here")

    sys.addaudithook(refuse)


def detach_streams() -> int:
    """Puts the null device in the place of the three standard streams; returns the descriptor of the verdict."""
    verdict = os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    os.close(null)
    return verdict


def main() -> None:
    """Runs the job on standard input."""
    job = json.loads(sys.stdin.buffer.read())
    verdict = detach_streams()
    module = ModuleType("program")
    sys.modules["program"] = module
    try:
        limit_resources(job["limits"])
        guard(sys.path)
        exec(compile(job["program"], "<program>", "exec"), module.__dict__)
        message = job["token"]
    except BaseException as error:  # SystemExit and KeyboardInterrupt are failures as well
        message = f"{type(error).__name__}: {error}"[:300]
    os.write(verdict, message.encode("utf-8", "replace"))
    os._exit(0)


main()
