"""Whether fills keep a program's syntax: no error that was not there before.

Python is judged by its own parser and, where a file is broken beyond it, by tree-sitter; the others by tree-sitter.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from lacuna_model.constraints.syntax_gaps import Fault, join
from lacuna_model.constraints.syntax_grammars import parsers_of
from lacuna_model.constraints.syntax_probes import closing_brackets, pieces_of
from lacuna_model.constraints.syntax_python import PythonJudge
from lacuna_model.constraints.syntax_trees import TreeJudge

__all__ = ["Fault", "SyntaxCheck", "pieces_of"]

_QUOTES = ('"""', "'''", '"', "'", "`")


class _Judge(Protocol):
    @property
    def simplest_fill(self) -> str: ...

    def fault(self, fills: Sequence[str]) -> Fault | None: ...


@dataclass(frozen=True, slots=True)
class SyntaxCheck:
    """Judges fills of the gaps in one text.

    What was there before is found out once, and only when a fill leaves an error: the first fill that parses costs
    one parse.
    """

    _segments: tuple[str, ...]
    _language: str
    _judges: tuple[_Judge, ...]

    @classmethod
    def of(cls, segments: Sequence[str], language: str) -> "SyntaxCheck | None":
        """The check of a text.

        Args:
            segments: the texts around the gaps: one more than there are gaps.
            language: of the text, as the tokenizer or an editor calls it.

        Returns:
            The check; None for a language without one.
        """
        if language == "python":
            return cls(tuple(segments), language, (PythonJudge(segments),))
        parsers = parsers_of(language)
        judges = tuple(TreeJudge(segments, parser) for parser in parsers)
        return cls(tuple(segments), language, judges) if judges else None

    def fault(self, fills: Sequence[str]) -> Fault | None:
        """Where the fills, one for each gap, bring an error into the text; None if they bring none."""
        faults = []
        for judge in self._judges:
            fault = judge.fault(fills)
            if fault is None:
                return None
            faults.append(fault)
        return faults[0]

    def completion(self, fills: Sequence[str], gap: int) -> str | None:
        """The simplest text behind one gap's fill with which the fills bring no error; None if none is known."""
        before = join(self._segments[: gap + 1], fills[: gap + 1])
        after = join(self._segments[gap + 1 :], fills[gap + 1 :])
        check = self.of((before, after), self._language)
        assert check is not None, "a text with a check has one in all its parts"
        for judge in check._judges:
            completed = (*fills[:gap], fills[gap] + judge.simplest_fill, *fills[gap + 1 :])
            if self.fault(completed) is None:
                return judge.simplest_fill
        return None

    def closings(self, fills: Sequence[str], gap: int) -> tuple[str, ...]:
        """What may have to follow a gap's fill: quotes and brackets that it leaves open, in Python also a colon."""
        before = join(self._segments[: gap + 1], fills[: gap + 1])
        after = join(self._segments[gap + 1 :], fills[gap + 1 :])
        parser = parsers_of(self._language)[0]
        closings = []
        for quote in ("", *(quote for quote in _QUOTES if fills[gap].count(quote) % 2)):
            closing = quote + closing_brackets(before + quote, after, parser)
            closings += [closing, closing + ":"] if self._language == "python" else [closing]
        return tuple(filter(None, closings))
