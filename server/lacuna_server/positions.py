r"""Places in a text: line and column as a person counts them, and the offset they stand for.

Lines end at "\n", "\r\n" or "\r" and nowhere else, as in editors (`str.splitlines` knows eight more). Both numbers
start at 1; columns count characters (code points), and the column after the last character is the end of the line.
"""

import os
import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from lacuna_server.errors import UserError

_NEWLINE = re.compile(r"\r\n|\n|\r")
_NUMBER = "([0-9]{1,9})"
_POSITION = re.compile(f"{_NUMBER}:{_NUMBER}")
_TARGET = re.compile(f"(.+):{_NUMBER}:{_NUMBER}", re.DOTALL)
_STANDARD_INPUT_TARGET = re.compile("-:[0-9:]*")
_LOOKS_LIKE_POSITION = re.compile(r".{2,}(:[^:/\\]*)+|-:.*", re.DOTALL)


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a text: line and column, both from 1."""

    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Target:
    """What `FILE:LINE:COLUMN` names.

    Attributes:
        file: a path, or "-" for standard input.
        position: None when only a file was named.
    """

    file: str
    position: Position | None


def parse_position(argument: str) -> Position:
    """Reads `LINE:COLUMN`. Raises UserError when it is something else."""
    match = _POSITION.fullmatch(argument)
    if match is None:
        raise UserError(f"{argument!r} is not a position; write LINE:COLUMN, two numbers that start at 1.")
    return Position(int(match[1]), int(match[2]))


def parse_target(argument: str) -> Target:
    r"""Reads `FILE` or `FILE:LINE:COLUMN`, from the right, so that `C:\x.py:3:4` is understood.

    Raises:
        UserError: there is no file name, or the end of the argument looks like a position, is none, and belongs to no
            file's name.
    """
    if not argument:
        raise UserError("The file name is missing; write FILE or FILE:LINE:COLUMN.")
    if match := _TARGET.fullmatch(argument):
        return Target(match[1], Position(int(match[2]), int(match[3])))
    if _LOOKS_LIKE_POSITION.fullmatch(argument) and not os.access(argument, os.F_OK):
        raise UserError(f"{argument!r} has no valid position; write FILE:LINE:COLUMN, two numbers that start at 1.")
    return Target(argument, None)


def protect_standard_input(arguments: Sequence[str]) -> list[str]:
    """Moves `-:LINE:COLUMN` behind `--`, as it would be taken for an option elsewhere."""
    targets = [argument for argument in arguments if _STANDARD_INPUT_TARGET.fullmatch(argument)]
    if not targets or "--" in arguments:
        return list(arguments)
    return [argument for argument in arguments if argument not in targets] + ["--", *targets]


class LineIndex:
    """Where the lines of a text start and end."""

    def __init__(self, text: str) -> None:
        breaks = [match.span() for match in _NEWLINE.finditer(text)]
        self._starts = [0] + [end for _, end in breaks]
        self._ends = [start for start, _ in breaks] + [len(text)]

    @property
    def num_lines(self) -> int:
        """Lines of the text; what follows the last line break is a line, even if it is empty."""
        return len(self._starts)

    def offset(self, position: Position) -> int:
        """Characters before a position. Raises UserError, with the valid range, when there is no such place."""
        if not 1 <= position.line <= self.num_lines:
            raise UserError(f"There is no line {position.line}; lines go from 1 to {self.num_lines}.")
        start, end = self._starts[position.line - 1], self._ends[position.line - 1]
        if not 1 <= position.column <= end - start + 1:
            raise UserError(
                f"There is no column {position.column} in line {position.line}; "
                f"its columns go from 1 to {end - start + 1}."
            )
        return start + position.column - 1

    def position(self, offset: int) -> Position:
        """The place before which `offset` characters lie; inside a line break, the end of its line."""
        line = bisect_right(self._starts, offset)
        column = min(offset, self._ends[line - 1]) - self._starts[line - 1] + 1
        return Position(line, column)
