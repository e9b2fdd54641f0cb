"""Whether an empty block begins at the cursor."""

import re

from tree_sitter import Node

from lacuna_server.syntax.brackets import scan
from lacuna_server.syntax.lines import indent_width, line_after, line_before, next_lines, previous_lines, window_before
from lacuna_server.syntax.prose import is_prose
from lacuna_server.syntax.trees import WINDOW, parse

_BRACED_BLOCKS = frozenset(
    "class_body class_static_block enum_body interface_body object_type statement_block switch_body".split()
)
_OBJECTS = frozenset(("object",))
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/|#[^\n]*", re.DOTALL)
_OPENS = re.compile(r"(?:.*:|.*\b(?:begin|do|else|then))\s*")
_CLOSING = ")]};,"


def empty_block_at(prefix: str, suffix: str, language: str) -> int | None:
    """The indentation, in columns, of the line that opens an empty block at the cursor; None where none does."""
    if is_prose(language):
        return None
    opener = _python_opener if language == "python" else _opener
    window = window_before(prefix, WINDOW)
    if line_after(suffix).strip().strip(_CLOSING) or (line := opener(window, language)) is None:
        return None
    width = indent_width(line)
    is_filled = not line_after(suffix).strip() and any(indent_width(below) > width for below in next_lines(suffix, 1))
    return None if is_filled else width


def _opener(window: str, language: str) -> str | None:
    """The line that opens a block at the end of a text, in languages with braces or with words for them."""
    found = scan(window, language)
    if found.in_comment or found.in_string:
        return None
    if found.open and found.open[-1].mark == "{":
        start = found.open[-1].offset
        is_embedded = len(found.open) > 1 and found.open[-2].is_quote
        if is_embedded or _COMMENT.sub("", window[start + 1 :]).strip() or not _is_block(window, start, language):
            return None
        return line_before(window[:start]) + "{"
    line = line_before(window)
    if not line.strip():
        line = "".join(previous_lines(window, 1))
    return line if _OPENS.fullmatch(line) else None


def _is_block(window: str, brace: int, language: str) -> bool:
    """Whether a brace opens a block, and not an object or a pattern; where no grammar knows, every brace does."""
    tree = parse(window + scan(window, language).closers, language)
    if tree is None:
        return True
    parent = tree.leaf_at(brace).parent
    blocks = _OBJECTS if language in ("json", "jsonc") else _BRACED_BLOCKS
    return parent is not None and parent.type in blocks


def _python_opener(window: str, language: str) -> str | None:
    """The line that opens a block at the end of a text, with at most a docstring and comments in it so far."""
    above = window.rstrip()
    beginnings = [above + " "] if above.endswith(":") else []
    if not line_before(window).strip():
        beginnings.append(window)
    for beginning in beginnings:
        tree = parse(beginning + "pass", language)
        assert tree is not None
        statement = tree.leaf_at(len(beginning)).parent
        block = None if statement is None or statement.type != "pass_statement" else statement.parent
        if block is not None and block.parent is not None and block.type == "block" and _is_empty(block):
            return beginning.split("\n")[block.parent.start_point.row]
    return None


def _is_empty(block: Node) -> bool:
    """Whether a block holds only comments and a docstring besides the statement at the cursor."""
    return all(
        node.type in ("comment", "pass_statement")
        or (node.type == "expression_statement" and all(child.type == "string" for child in node.named_children))
        for node in block.named_children
    )
