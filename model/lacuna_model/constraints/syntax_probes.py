"""Simple fills that show whether a text is sound but for its gap: one of them parses, if anything short would.

They tell a text that is broken elsewhere, which no fill can repair, from one that is only broken by its gap.
"""

from collections.abc import Iterator, Sequence

from tree_sitter import Node, Parser

_CLOSING = {"(": ")", "[": "]", "{": "}", "${": "}", "$(": ")", "#{": "}"}
_OPENING = {")": "(", "]": "[", "}": "{"}

_WORDS = (
    *("", "x", "x;", ";", "x: x;", "0", ": 0", ":", '"', '"x": 0', "'", ",", "x,", '",', "',", '": 0', '": 0,'),
    *(" */", "/*", "end", "x() end", "fi", "done"),
)
"""Fills that end what is before the gap."""

_HEADS = ("", "x", "x() ", "x = ", "x: ", '"x": ', '": ', "if (x) ", "class x ", "x x() ")
"""What may stand before a bracket that the gap has to open."""

_PYTHON_WORDS = ("", "x", "x:", ":", "():", " x = 0", "import x", " import x", "x in x:", "def x", '"', "'", '"""')
_PYTHON_STATEMENTS = ("pass", "if x:", "try:", "except x:", "else:", "def x():", "def x", "@x", "x, ")


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


def probes(brackets: str) -> Iterator[str]:
    """Fills for any language with brackets, simplest first; `brackets`: see `brackets_between`."""
    closing, opening = _split(brackets)
    for word in _WORDS:
        yield word + closing + opening
        if closing:
            yield closing + word + opening
    if opening:
        for head in _HEADS:
            yield closing + head + opening


def python_probes(line: str, indentations: Sequence[str], brackets: str) -> Iterator[str]:
    """Fills for Python, simplest first.

    Args:
        line: what stands before the gap on its line.
        indentations: those that a statement in the gap may have.
        brackets: see `brackets_between`.
    """
    closing, opening = _split(brackets)
    if not line.strip():
        for indentation in indentations:
            yield f"{indentation.removeprefix(line)}pass"
    for word in _PYTHON_WORDS:
        yield word + closing + opening
        if closing:
            yield closing + word + opening
    if not line.strip():
        for indentation in indentations:
            blanks = indentation.removeprefix(line)
            for statement in _PYTHON_STATEMENTS:
                yield blanks + closing + statement + opening
            yield f"{blanks}except x:\n{indentation} pass"


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
