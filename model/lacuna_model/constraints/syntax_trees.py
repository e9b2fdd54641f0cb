"""Judging fills by tree-sitter: no error that was not there before."""

from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property

from tree_sitter import Parser

from lacuna_model.constraints.syntax_gaps import Fault, Span, fill_spans, join, nearest_fill
from lacuna_model.constraints.syntax_grammars import errors_in, keywords_of
from lacuna_model.constraints.syntax_probes import brackets_between, probes

Place = tuple[tuple[int, int], tuple[int, int]]
"""Where an error begins and ends: the segment of given text, and the bytes from its beginning."""


class TreeJudge:
    """Judges fills of the gaps in one text by one grammar.

    What was there before are the errors that simple fills leave outside of the gaps; none, if one of the fills leaves
    none. An error next to a gap or around it may be the fill's own: it counts only where the fewest errors are left.
    """

    def __init__(self, segments: Sequence[str], parser: Parser) -> None:
        """Judges nothing yet; `segments` are the texts around the gaps."""
        self._segments = segments
        self._bytes = [_encoded(segment) for segment in segments]
        self._parser = parser

    def fault(self, fills: Sequence[str]) -> Fault | None:
        """Where the fills bring an error into the text; None if they bring none."""
        errors, spans = self._errors(fills)
        if not errors:
            return None
        new = [error for error in errors if self._place(error, spans) not in self._errors_before]
        if not new:
            return None
        inside = [error for error in new if any(start <= error[0] <= end for start, end in spans)]
        gap, (start, end) = nearest_fill(spans, (inside or new)[0])
        content = _encoded(fills[gap])
        return Fault(gap, _num_characters(content[:start]), _num_characters(content[:end]))

    @property
    def simplest_fill(self) -> str:
        """The simple fill that leaves the fewest errors."""
        return self._before[0]

    @property
    def _errors_before(self) -> frozenset[Place]:
        return self._before[1]

    @cached_property
    def _before(self) -> tuple[str, frozenset[Place]]:
        brackets = brackets_between(self._segments[0], self._segments[-1], self._parser)
        apart: set[Place] = set()
        near: dict[int, set[Place]] = defaultdict(set)
        simplest: dict[int, str] = {}
        line = self._segments[0].rpartition("\n")[2]
        for probe in probes(line, brackets, keywords_of(self._parser)):
            errors, spans = self._errors([probe] * (len(self._segments) - 1))
            if not errors:
                return probe, frozenset()
            places = {place for error in errors if (place := self._place(error, spans)) is not None}
            apart |= {place for place in places if self._is_apart(place)}
            near[len(errors)] |= places
            simplest.setdefault(len(errors), probe)
        fewest = min(near)
        return simplest[fewest], frozenset(apart | near[fewest])

    def _is_apart(self, place: Place) -> bool:
        """Whether code stands between an error and the gaps."""
        (segment, start), (last, end) = place
        content = self._bytes[segment]
        is_behind_code = segment == 0 or bool(content[:start].strip())
        is_before_code = segment == len(self._bytes) - 1 or bool(content[end:].strip())
        return segment == last and is_behind_code and is_before_code

    def _errors(self, fills: Sequence[str]) -> tuple[list[Span], list[Span]]:
        """Errors of the text with its gaps filled, and where the fills lie, in bytes."""
        errors = list(errors_in(_encoded(join(self._segments, fills)), self._parser))
        return errors, fill_spans(self._bytes, [_encoded(fill) for fill in fills])

    def _place(self, error: Span, spans: Sequence[Span]) -> Place | None:
        """Where an error lies, whatever is in the gaps; None if it begins or ends within a fill."""
        if any(start <= error[0] < end or start < error[1] <= end for start, end in spans):
            return None
        starts = [0, *(end for _, end in spans)]
        first, last = (max(number for number, start in enumerate(starts) if start <= place) for place in error)
        return (first, error[0] - starts[first]), (last, error[1] - starts[last])


def _encoded(text: str) -> bytes:
    return text.encode(errors="replace")  # lone surrogates, which editors do send


def _num_characters(content: bytes) -> int:
    return len(content.decode(errors="ignore"))
