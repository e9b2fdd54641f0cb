"""Tree-sitter's grammars by language, each loaded when it is first asked for."""

from collections.abc import Iterator
from functools import cache
from importlib import import_module

from tree_sitter import Language, Parser

_GRAMMARS: dict[str, tuple[tuple[str, str], ...]] = {
    "bash": (("tree_sitter_bash", "language"),),
    "c": (("tree_sitter_c", "language"),),
    "cpp": (("tree_sitter_cpp", "language"),),
    "css": (("tree_sitter_css", "language"),),
    "go": (("tree_sitter_go", "language"),),
    "html": (("tree_sitter_html", "language"),),
    "java": (("tree_sitter_java", "language"),),
    "javascript": (("tree_sitter_javascript", "language"),),
    "json": (("tree_sitter_json", "language"),),
    "lua": (("tree_sitter_lua", "language"),),
    "python": (("tree_sitter_python", "language"),),
    "rust": (("tree_sitter_rust", "language"),),
    "tsx": (("tree_sitter_typescript", "language_tsx"),),
    "typescript": (
        ("tree_sitter_typescript", "language_typescript"),
        ("tree_sitter_typescript", "language_tsx"),
    ),
}
"""Package and function of each grammar. TypeScript has two, since the model has one name for .ts and .tsx files."""

_ALIASES = {
    "javascriptreact": "javascript",
    "jsonc": "json",
    "shellscript": "bash",
    "typescriptreact": "tsx",
}
"""Languages as editors call them."""

LANGUAGES = frozenset((*_GRAMMARS, *_ALIASES))
"""Every name that has a grammar."""

_ERRONEOUS_END_TAG = "erroneous_end_tag"
"""HTML's grammar calls an end tag that ends nothing no error, but has a node for it."""

ByteSpan = tuple[int, int]
"""First byte and the one behind the last."""


@cache
def parsers_of(language: str) -> tuple[Parser, ...]:
    """A parser for each grammar that a text in this language may follow; none for an unknown language."""
    grammars = _GRAMMARS.get(_ALIASES.get(language, language), ())
    return tuple(Parser(Language(getattr(import_module(package), name)())) for package, name in grammars)


def keywords_of(parser: Parser) -> list[str]:
    """Words that a grammar knows, a few names of its own for parts of programs among them."""
    language = parser.language
    kinds = (
        [language.node_kind_for_id(number) for number in range(language.node_kind_count)]
        if language is not None
        else []
    )
    return sorted({kind for kind in kinds if kind is not None and kind.isalpha()})


def errors_in(data: bytes, parser: Parser) -> Iterator[ByteSpan]:
    """Where a text has errors and missing tokens, in its order, outer ones first; a missing token has no width."""
    has_marked_tags = parser.language is not None and bool(parser.language.id_for_node_kind(_ERRONEOUS_END_TAG, True))
    nodes = [parser.parse(data).root_node]
    while nodes:
        node = nodes.pop()
        if node.is_error or node.is_missing or node.type == _ERRONEOUS_END_TAG:
            yield node.start_byte, node.end_byte
        nodes += [child for child in reversed(node.children) if child.has_error or has_marked_tags]
