"""Code, comments and strings."""

from enum import StrEnum

from tree_sitter import Node

from lacuna_server.syntax.brackets import scan
from lacuna_server.syntax.lines import window_before
from lacuna_server.syntax.trees import WINDOW, parse

_STRINGS = frozenset(("regex", "string", "template_string"))
_EMBEDDED = frozenset(("interpolation", "template_substitution"))


class Scope(StrEnum):
    """What a cursor stands in."""

    CODE = "code"
    COMMENT = "comment"
    STRING = "string"


def scope_at(text: str, offset: int, language: str) -> Scope | None:
    """What a cursor at an offset stands in; None for a language without a grammar."""
    before = window_before(text[max(0, offset - WINDOW) : offset], WINDOW - 1)
    tree = parse(before + text[offset : offset + WINDOW], language)
    if tree is None:
        return None
    if not before:
        return Scope.CODE
    cursor = tree.byte(len(before))
    node: Node | None = tree.leaf_at(len(before) - 1)
    while node is not None and node.type not in _EMBEDDED:
        if "comment" in node.type and (cursor < node.end_byte or not before.endswith("*/")):
            return Scope.COMMENT
        if node.type in _STRINGS and cursor < node.end_byte:
            return Scope.STRING
        node = node.parent
    if tree.root.has_error:  # the string or comment at the cursor may have no end yet
        found = scan(before, language)
        if found.in_string or found.in_comment:
            return Scope.STRING if found.in_string else Scope.COMMENT
    return Scope.CODE
