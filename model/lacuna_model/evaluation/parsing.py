"""Whether a text is well-formed in its language."""

import ast
import warnings
from functools import cache

import tree_sitter_javascript
import tree_sitter_json
import tree_sitter_python
import tree_sitter_typescript
from tree_sitter import Language, Parser

_GRAMMARS = {
    "python": tree_sitter_python.language,
    "javascript": tree_sitter_javascript.language,
    "typescript": tree_sitter_typescript.language_typescript,
    "json": tree_sitter_json.language,
}


@cache
def parser_of(language: str) -> Parser | None:
    """Tree-sitter's parser of a language; None where there is none."""
    grammar = _GRAMMARS.get(language)
    return None if grammar is None else Parser(Language(grammar()))


def parses(text: str, language: str) -> bool | None:
    """Whether a whole document parses: Python by its own compiler, the others by tree-sitter; None if nobody knows.

    Tree-sitter does not judge indentation, so it would call most broken Python sound.
    """
    if language == "python":
        return _parses_as_python(text)
    parser = parser_of(language)
    return None if parser is None else not parser.parse(text.encode()).root_node.has_error


def _parses_as_python(text: str) -> bool:
    try:
        with warnings.catch_warnings(action="ignore"):  # invalid escapes are the text's business
            ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True
