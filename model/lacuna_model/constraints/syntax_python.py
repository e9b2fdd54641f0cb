"""Judging fills by Python's own parser, which sees what a grammar of tokens does not: indentation, for one."""

import ast
import re
import warnings
from collections.abc import Sequence
from functools import cached_property
from itertools import islice

from lacuna_model.constraints.syntax_gaps import Fault, Span, fill_spans, join, nearest_fill
from lacuna_model.constraints.syntax_grammars import parsers_of
from lacuna_model.constraints.syntax_probes import brackets_between, python_probes
from lacuna_model.constraints.syntax_regions import indentations_at, regions_around
from lacuna_model.constraints.syntax_trees import TreeJudge

_NUM_PROBES_OF_WHOLE = 8
"""Simple fills that are tried in the whole text, whose parsing takes long; all are in its statements."""

_LINE_BREAK = re.compile(r"\r\n|\r|\n")


class PythonJudge:
    """Judges fills of the gaps in one text.

    The parser stops at the first error. So where the text is broken elsewhere, fills are judged within the widest
    statement around the gaps that some simple fill makes sound; where there is none, by tree-sitter.
    """

    def __init__(self, segments: Sequence[str]) -> None:
        """Judges nothing yet; `segments` are the texts around the gaps."""
        self._segments = tuple(segments)
        self._parser = parsers_of("python")[0]
        self._trees = TreeJudge(segments, self._parser)

    def fault(self, fills: Sequence[str]) -> Fault | None:
        """Where the fills bring an error into the text; None if they bring none."""
        error = python_error(join(self._segments, fills))
        if error is None:
            return None
        segments = self._sound_part
        if segments is None:
            return self._trees.fault(fills)
        if segments != self._segments:
            error = python_error(join(segments, fills))
        if error is None:
            return None
        gap, (start, end) = nearest_fill(fill_spans(segments, fills), error)
        return Fault(gap, start, end)

    @cached_property
    def _sound_part(self) -> tuple[str, ...] | None:
        """The widest part of the text that is sound but for its gaps; None if there is none."""
        if self._is_sound(self._segments, _NUM_PROBES_OF_WHOLE):
            return self._segments
        for number, region in enumerate(regions_around(self._segments[0], self._segments[-1])):
            segments = region.segments(self._segments)
            if self._is_sound(segments):
                is_only_fault = number == 0 and python_error(region.replaced(self._segments)) is None
                return self._segments if is_only_fault else segments
        return None

    def _is_sound(self, segments: tuple[str, ...], num_probes: int | None = None) -> bool:
        """Whether some simple fill parses, of so many or of all."""
        before, after = segments[0], segments[-1]
        line = _LINE_BREAK.split(before)[-1]
        brackets = brackets_between(before, after, self._parser)
        fills = python_probes(line, indentations_at(before, after), brackets)
        num_gaps = len(segments) - 1
        return any(python_error(join(segments, [fill] * num_gaps)) is None for fill in islice(fills, num_probes))


def python_error(text: str) -> Span | None:
    """The characters at which Python's parser stops; None if it reads the whole text."""
    try:
        with warnings.catch_warnings(action="ignore"):  # invalid escapes are the text's business
            ast.parse(text.replace("\ufeff", "\n", 1) if text.startswith("\ufeff") else text)
    except SyntaxError as error:
        start = _place(text, error.lineno, error.offset)
        if error.msg.endswith("was never closed"):  # found at the text's end, told of the bracket
            return start, len(text)
        end = _place(text, error.end_lineno, error.end_offset)
        return start, max(start, end)
    except (ValueError, RecursionError, MemoryError):  # null bytes, lone surrogates, too deep a nesting
        return 0, len(text)
    return None


def _place(text: str, line: int | None, column: int | None) -> int:
    """The character at a line and column counted from 1; the text's end if the parser does not know."""
    if not line:
        return len(text)
    starts = [0, *(match.end() for match in _LINE_BREAK.finditer(text))]
    if line > len(starts):
        return len(text)
    return min(len(text), starts[line - 1] + max(0, (column or 1) - 1))
