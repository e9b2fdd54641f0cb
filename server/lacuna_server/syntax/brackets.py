"""Brackets, quotes and comments of any language, found without a grammar.

A scanner knows less than a parser, but it answers for every language and needs no sound syntax. A quote that is not
closed in its line is an apostrophe, unless the text ends in that line.
"""

import re
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

from lacuna_server.syntax.prose import is_prose

CLOSER_OF = {"(": ")", "[": "]", "{": "}"}

_HASH = frozenset(
    "bash coffeescript conf dockerfile elixir fish julia make makefile perl powershell properties python r ruby sh "
    "shellscript terraform toml yaml zsh".split()
)
_DASHES = frozenset("ada elm haskell lua sql vhdl".split())
_APOSTROPHES = frozenset("clojure haskell html lisp ocaml rust scheme vb xml".split())
"""Languages where a single quote seldom begins a string."""

_QUOTE = r'"""|\'\'\'|["\'`]'
_QUOTE_BUT_APOSTROPHE = '"""|["`]'
_IN_TEXT = re.compile(rf"\\.|{{{{|\$?{{|\n|{_QUOTE}", re.DOTALL)
_CLOSED_IN_LINE = {quote: re.compile(rf"(?:\\.|[^\\\n{quote}])*{quote}") for quote in "\"'"}
_FORMATTED = re.compile(r"\b(?:[fFtT][rR]?|[rR][fFtT])\Z")


class Open(NamedTuple):
    """A bracket or a quote that is not closed, and whether code can be embedded in the string it begins."""

    mark: str
    offset: int
    embeds: bool = False

    @property
    def is_quote(self) -> bool:
        """Whether a string begins here."""
        return self.mark not in CLOSER_OF


@dataclass(slots=True)
class Scan:
    """What a text leaves open.

    Attributes:
        open: brackets and quotes without an end, outermost first.
        num_unmatched: brackets and quotes without a partner, those of `open` not counted.
        in_comment: whether the text ends in a comment.
    """

    open: list[Open] = field(default_factory=list)
    num_unmatched: int = 0
    in_comment: bool = False

    @property
    def in_string(self) -> bool:
        """Whether the text ends in a string, and not in code embedded in one."""
        return bool(self.open) and self.open[-1].is_quote

    @property
    def closers(self) -> str:
        """What closes all that is open, innermost first."""
        return "".join(CLOSER_OF.get(opened.mark, opened.mark) for opened in reversed(self.open))


def scan(text: str, language: str) -> Scan:
    """Finds what a text leaves open, in time linear in its length."""
    found = Scan()
    pattern, line_comment = _code_pattern(language)
    position = 0
    while match := (_IN_TEXT if found.in_string else pattern).search(text, position):
        token, position = match[0], match.end()
        if found.in_string:
            _read_in_string(found, token, match.start())
        elif token in (line_comment, "/*"):
            is_line = token == line_comment
            end = text.find("\n" if is_line else "*/", position)
            if end < 0:
                found.in_comment = True
                break
            position = end if is_line else end + 2
        elif token in CLOSER_OF:
            found.open.append(Open(token, match.start()))
        elif token in ")]}":
            _close(found, token)
        elif token[0] in "\"'`":
            position = _begin_string(found, text, match)
    return found


@cache
def _code_pattern(language: str) -> tuple[re.Pattern[str], str]:
    """What matters in code, and what begins a comment that ends with its line."""
    brackets = r"[()\[\]{}]"
    if is_prose(language):
        return re.compile(brackets), ""
    quotes = _QUOTE_BUT_APOSTROPHE if language in _APOSTROPHES else _QUOTE
    code = rf"\\.|{quotes}|{brackets}"
    if language in _HASH:
        return re.compile(rf"(?<![${{])#|{code}"), "#"
    if language in _DASHES:
        return re.compile(rf"--|{code}"), "--"
    return re.compile(rf"//|/\*|{code}"), "//"


def _read_in_string(found: Scan, token: str, offset: int) -> None:
    string = found.open[-1]
    if token == string.mark:
        found.open.pop()
    elif token == "\n" and string.mark in _CLOSED_IN_LINE:
        found.open.pop()
        found.num_unmatched += 1
    elif string.embeds and token == ("${" if string.mark == "`" else "{"):
        found.open.append(Open("{", offset))


def _begin_string(found: Scan, text: str, match: re.Match[str]) -> int:
    """Enters a string or passes it; returns where to go on."""
    quote, start, end = match[0], match.start(), match.end()
    embeds = quote == "`" or _FORMATTED.search(text, max(0, start - 3), start) is not None
    if quote in _CLOSED_IN_LINE:
        closed = _CLOSED_IN_LINE[quote].match(text, end)
        if closed is None and text.find("\n", end) >= 0:
            found.num_unmatched += 1
            return end
        if closed is not None and not embeds:
            return closed.end()
    found.open.append(Open(quote, start, embeds))
    return end


def _close(found: Scan, closer: str) -> None:
    for depth in range(len(found.open) - 1, -1, -1):
        if found.open[depth].is_quote:
            break
        if CLOSER_OF[found.open[depth].mark] == closer:
            found.num_unmatched += len(found.open) - 1 - depth
            del found.open[depth:]
            return
    found.num_unmatched += 1
