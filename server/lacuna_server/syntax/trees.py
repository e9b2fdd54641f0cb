"""Parsing what surrounds a cursor with tree-sitter."""

from dataclasses import dataclass
from functools import cache

import tree_sitter_javascript
import tree_sitter_json
import tree_sitter_python
import tree_sitter_typescript
from tree_sitter import Language, Node, Parser

WINDOW = 8_000
"""Most characters that are parsed on either side of a cursor."""

_GRAMMARS = {
    "python": tree_sitter_python.language,
    "javascript": tree_sitter_javascript.language,
    "javascriptreact": tree_sitter_javascript.language,
    "typescript": tree_sitter_typescript.language_typescript,
    "typescriptreact": tree_sitter_typescript.language_tsx,
    "json": tree_sitter_json.language,
    "jsonc": tree_sitter_json.language,
}


@dataclass(frozen=True, slots=True)
class Tree:
    """A parsed text; broken syntax yields a tree too."""

    text: str
    root: Node

    def leaf_at(self, offset: int) -> Node:
        """The smallest node that holds the character at an offset."""
        start = self.byte(offset)
        return self.root.descendant_for_byte_range(start, max(start, self.byte(offset + 1))) or self.root

    def byte(self, offset: int) -> int:
        """Where tree-sitter sees a character."""
        return len(_encoded(self.text[:offset]))


def parse(text: str, language: str) -> Tree | None:
    """Parses a text; None for a language without a grammar."""
    parser = _parser_of(language)
    return None if parser is None else Tree(text, parser.parse(_encoded(text)).root_node)


@cache
def _parser_of(language: str) -> Parser | None:
    grammar = _GRAMMARS.get(language)
    return None if grammar is None else Parser(Language(grammar()))


def _encoded(text: str) -> bytes:
    return text.encode(errors="replace")  # lone surrogates, which editors do send
