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
from lacuna_model.constraints.syntax_regions import indentations_at, part_around, regions_around
from lacuna_model.constraints.syntax_trees import TreeJudge

_NUM_PROBES_OF_WHOLE = 8
"""Simple fills that are tried in the whole text, whose parsing takes long; all are in its statements."""

_MAX_CHARACTERS = 50_000
"""Judged before the gaps, and as many behind them: the parser takes a second for a megabyte, and is asked often."""

_LINE_BREAK = re.compile(r"\r\n|\r|\n")


class PythonJudge:
    """Judges fills of the gaps in one text.

    The parser stops at the first error. So where the text is broken elsewhere, fills are judged within the widest
    statement around the gaps that some simple fill makes sound; where there is none, by tree-sitter. Of a long text
    the part around the gaps is looked at, and the whole one only where no simple fill makes that part sound.
    """

    def __init__(self, segments: Sequence[str]) -> None:
        """Judges nothing yet; `segments` are the texts around the gaps."""
        self._whole = tuple(segments)
        self._segments = part_around(segments, _MAX_CHARACTERS)
        self._parser = parsers_of("python")[0]
        self._trees = TreeJudge(self._segments, self._parser)

    def fault(self, fills: Sequence[str]) -> Fault | None:
        """Where the fills bring an error into the text; None if they bring none."""
        error = python_error(join(self._segments, fills))
        if error is None:
            return None
        segments = self._sound_part
        is_badly_cut = self._segments != self._whole and segments != self._segments  # within a long string, perhaps
        if is_badly_cut and python_error(join(self._whole, fills)) is None:
            return None
        if segments is None:
            return self._trees.fault(fills)
        if segments != self._segments:
            error = python_error(join(segments, fills))
        if error is None:
            return None
        gap, (start, end) = nearest_fill(fill_spans(segments, fills), error)
        return Fault(gap, start, end)

    @property
    def simplest_fill(self) -> str:
        """A simple fill that parses where the text is sound but for its gaps, else one that leaves few errors."""
        return self._trees.simplest_fill if self._sound is None else self._sound[1]

    @property
    def _sound_part(self) -> tuple[str, ...] | None:
        """The widest part of the text that is sound but for its gaps; None if there is none."""
        return None if self._sound is None else self._sound[0]

    @cached_property
    def _sound(self) -> tuple[tuple[str, ...], str] | None:
        """The widest sound part, and the simplest fill that shows it."""
        regions = regions_around(self._segments[0], self._segments[-1])
        fill = self._sound_fill(self._segments, _NUM_PROBES_OF_WHOLE if regions else None)
        if fill is not None:
            return self._segments, fill
        for number, region in enumerate(regions):
            segments = region.segments(self._segments)
            fill = self._sound_fill(segments)
            if fill is not None:
                is_only_fault = number == 0 and python_error(region.replaced(self._segments)) is None
                return (self._segments if is_only_fault else segments), fill
        return None

    def _sound_fill(self, segments: tuple[str, ...], num_probes: int | None = None) -> str | None:
        """The first simple fill that parses, of so many or of all."""
        before, after = segments[0], segments[-1]
        line = _LINE_BREAK.split(before)[-1]
        fills = python_probes(
            line,
            indentations_at(before, after),
            lambda quote: brackets_between(before + quote, after, self._parser),
        )
        num_gaps = len(segments) - 1
        parsing = (
            fill for fill in islice(fills, num_probes) if python_error(join(segments, [fill] * num_gaps)) is None
        )
        return next(parsing, None)


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
