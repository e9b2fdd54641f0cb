"""Whether a text is well-formed in its language."""

from lacuna_model.constraints.syntax_grammars import errors_in, parsers_of
from lacuna_model.constraints.syntax_python import python_error


def parses(text: str, language: str) -> bool | None:
    """Whether a whole document parses: Python by its own parser, the others by tree-sitter; None if nobody knows.

    Tree-sitter does not judge indentation, so it would call most broken Python sound.
    """
    if language == "python":
        return python_error(text) is None
    data = text.encode(errors="replace")
    parsers = parsers_of(language)
    return any(next(errors_in(data, parser), None) is None for parser in parsers) if parsers else None
