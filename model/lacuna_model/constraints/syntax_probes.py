"""Simple fills that show whether a text is sound but for its gap: one of them parses, if anything short would.

They tell a text that is broken elsewhere, which no fill can repair, from one that is only broken by its gap; and the
one that parses shows what the gap demands: an indentation, a header, brackets.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from keyword import kwlist

from tree_sitter import Node, Parser

_CLOSING = {"(": ")", "[": "]", "{": "}", "${": "}", "$(": ")", "#{": "}"}
_OPENING = {")": "(", "]": "[", "}": "{"}

_WORDS = (
    *("", "x", "x;", ";", "x: x;", "0", ": 0", ":", '"', '"x": 0', "'", ",", "x,", '",', "',", '": 0', '": 0,'),
    *("0,", ": 0,", " */", "/*", "end", "x() end", "fi", "done", "x of x", "; x; x"),
)
"""Fills that end what is before the gap."""

_HEADS = ("", "x", "x() ", "x = ", "x: ", '"x": ', '": ', "if (x) ", "class x ", "x x() ", "function () ")
"""What may stand before a bracket that the gap has to open."""

_PYTHON_WORDS = (
    *("", "x", '"', ":", "x:", "x,", ": x,", "():", " x = 0", "import x", " import x", "x in x:", "def x", "=x,"),
    *("'", '""', '"""', ",", " in x", "> x:", "x import x", '"x": 0'),
)
_PYTHON_STATEMENTS = ("x", "if x:", "try:", "except x:", "else:", "def x():", "def x", "@x", "x, ", '"""')

_QUOTES = ('"', "'", '"""', "'''")
_AFTER_STRING = (":", ",", ": 0,", "")
_AFTER_BRACKET = (":", ",")
_AFTER_KEYWORD = ("", ";", " x", " x;", " '';", " x ")
_AFTER_PYTHON_KEYWORD = (" x:", " x", ":", " x in x:", " x():", "")

_BEGUN_WORD = re.compile(r"[^\W\d]\w*$")

_ANYTHING = re.compile(r"\b(?:if x\b|if \(x\)|x in x\b|x\(\)|pass\b|x\b|0\b)")


def brackets_between(before: str, after: str, parser: Parser) -> str:
    """The brackets that a gap must close and open, so that those on both sides belong together; "" if none would do.

    Args:
        before: the text before the gap.
        after: the text behind it.
        parser: tells brackets from what is in strings and comments.
    """
    opened, _ = _unmatched(before, parser)
    _, closed = _unmatched(after, parser)
    for num_open in range(len(closed) + 1):
        for num_close in range(len(opened) + 1):
            kept = opened[: len(opened) - num_close]
            if [_CLOSING[bracket] for bracket in reversed(kept)] == closed[num_open:]:
                closing = "".join(_CLOSING[bracket] for bracket in reversed(opened[len(kept) :]))
                return closing + "".join(_OPENING[bracket] for bracket in reversed(closed[:num_open]))
    return ""


def probes(line: str, brackets: str, keywords: Sequence[str]) -> Iterator[str]:
    """Fills for any language with brackets, simplest first.

    Args:
        line: what stands before the gap on its line.
        brackets: see `brackets_between`.
        keywords: of the language.
    """
    closing, opening = _split(brackets)
    for word in _WORDS:
        yield word + closing + opening
        if closing:
            yield closing + word + opening
    if opening:
        for head in _HEADS:
            yield closing + head + opening
    for end in _ends_of_keyword(line, keywords, _AFTER_KEYWORD):
        yield end + closing + opening


def python_probes(line: str, indentations: Sequence[str], brackets: Callable[[str], str]) -> Iterator[str]:
    """Fills for Python, simplest first.

    Args:
        line: what stands before the gap on its line.
        indentations: those that a statement in the gap may have.
        brackets: see `brackets_between`; those behind a quote that ends the text before the gap, or behind no quote.
    """
    closing, opening = _split(brackets(""))
    if not line.strip():
        for indentation in indentations:
            yield f"{indentation.removeprefix(line)}pass"
        for indentation in indentations:
            blanks = indentation.removeprefix(line)
            for statement in _PYTHON_STATEMENTS:
                yield blanks + closing + statement + opening
            yield f"{blanks}except x:\n{indentation} pass"
    for word in (*_PYTHON_WORDS, *_ends_of_keyword(line, kwlist, _AFTER_PYTHON_KEYWORD)):
        yield word + closing + opening
        if closing:
            yield closing + word + opening
    if closing:
        for word in ("x", '"x": 0'):
            for end in _AFTER_BRACKET:
                yield word + closing + end + opening
    for quote in _QUOTES:
        closing, opening = _split(brackets(quote))
        for word in _AFTER_STRING:
            yield quote + closing + word + opening


def _ends_of_keyword(line: str, keywords: Sequence[str], ends: Sequence[str]) -> Iterator[str]:
    """What completes the word before a gap to a keyword, and the keyword to a statement or expression."""
    begun = _BEGUN_WORD.search(line)
    if begun:
        for keyword in keywords:
            if keyword.startswith(begun[0]):
                yield from (keyword.removeprefix(begun[0]) + end for end in ends)


def pieces_of(probe: str) -> tuple[str | None, ...]:
    """A simple fill with None for each name, value, condition or statement in it, which anything may stand for.

    Where there is none, anything may stand before it.
    """
    pieces: list[str | None] = [None]
    for text in _ANYTHING.split(probe):
        pieces += [text, None]
    pieces = pieces[1:-1] if _ANYTHING.search(probe) else pieces[:-1]
    return tuple(piece for piece in pieces if piece != "")


def closing_brackets(before: str, after: str, parser: Parser) -> str:
    """The brackets that are open before a place and neither closed there nor behind it; see `brackets_between`."""
    return _split(brackets_between(before, after, parser))[0]


def _split(brackets: str) -> tuple[str, str]:
    closing = brackets.rstrip("([{")
    return closing, brackets[len(closing) :]


def _unmatched(text: str, parser: Parser) -> tuple[list[str], list[str]]:
    """The brackets of a text that lack a partner in it: opening ones, closing ones."""
    opened: list[str] = []
    closed: list[str] = []
    for token in _tokens(parser.parse(text.encode(errors="replace")).root_node):
        if token in _CLOSING:
            opened.append(token)
        elif token in _OPENING:
            if opened and _CLOSING[opened[-1]] == token:
                opened.pop()
            else:
                closed.append(token)
    return opened, closed


def _tokens(root: Node) -> Iterator[str]:
    """Types of the leaves that stand in the text, in its order."""
    cursor = root.walk()
    while True:
        if cursor.goto_first_child():
            continue
        node = cursor.node
        if node is not None and not node.is_missing:
            yield node.type
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent():
                return
