"""Whether a text is well-formed in its language."""

import ast
import warnings
from functools import cache

import tree_sitter_javascript
import tree_sitter_json
import tree_sitter_typescript
from tree_sitter import Language, Parser

_GRAMMARS = {
    "javascript": tree_sitter_javascript.language,
    "typescript": tree_sitter_typescript.language_typescript,
    "json": tree_sitter_json.language,
}


def parses(text: str, language: str) -> bool | None:
    """Whether a whole document parses: Python by its own compiler, the others by tree-sitter; None if nobody knows.

    Tree-sitter does not judge indentation, so it would call most broken Python sound.
    """
    if language == "python":
        return _parses_as_python(text)
    if language not in _GRAMMARS:
        return None
    return not _parser(language).parse(text.encode()).root_node.has_error


def _parses_as_python(text: str) -> bool:
    try:
        with warnings.catch_warnings(action="ignore"):  # invalid escapes are the text's business
            ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


@cache
def _parser(language: str) -> Parser:
    return Parser(Language(_GRAMMARS[language]()))
