"""What a source file defines and imports at its top level: names, and a stub of each definition."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from tree_sitter import Node

from lacuna_server.neighbours.document import Document, with_line_feeds
from lacuna_server.neighbours.newest import newest
from lacuna_server.neighbours.stubs import python_stubs, script_stubs, text_of
from lacuna_server.syntax.trees import parse

EVERYTHING = "*"
DEFAULT = "default"
"""The name that a script's default export has for those who import it."""

SCRIPTS = ("javascript", "typescript")

_MAX_CHARACTERS = 300_000
_HEAD = 20_000
"""Characters at the start of a document that is being typed in which its imports are looked for."""

_WRAPPERS = frozenset(
    "if_statement elif_clause else_clause try_statement except_clause finally_clause with_statement block".split()
)


@dataclass(frozen=True, slots=True)
class Import:
    """A name that comes from another module.

    Attributes:
        module: as it is written: "a.b", "..a", "./a".
        name: in that module; `EVERYTHING`, or None for the module itself.
        local: what it is called here.
    """

    module: str
    name: str | None
    local: str


@dataclass(frozen=True, slots=True)
class Module:
    """The top level of a source file: stubs of its definitions by name, and its imports and re-exports in order."""

    definitions: Mapping[str, str]
    imports: tuple[Import, ...]


@newest
def read_module(document: Document) -> Module:
    """Reads Python, JavaScript or TypeScript, however broken; a text in another language, or a huge one, is empty."""
    stubs = python_stubs if document.language == "python" else script_stubs
    definitions: dict[str, str] = {}
    imports: list[Import] = []
    for statement in _top_level(document):
        imports += _imports(statement, document.language)
        for name, stub in stubs(statement):
            definitions.setdefault(name, stub)
    return Module(definitions, tuple(imports))


def read_imports(document: Document) -> tuple[Import, ...]:
    """What the head of a document imports: it stays as it is while the user types further down."""
    end = len(document.text) if len(document.text) <= _HEAD else document.text.rfind("\n", 0, _HEAD) + 1
    return _all_imports(replace(document, text=document.text[:end]))


@newest
def _all_imports(document: Document) -> tuple[Import, ...]:
    return tuple(each for statement in _top_level(document) for each in _imports(statement, document.language))


def _imports(statement: Node, language: str) -> Iterator[Import]:
    return _python_imports(statement) if language == "python" else _script_imports(statement)


def _top_level(document: Document) -> Iterator[Node]:
    if len(document.text) <= _MAX_CHARACTERS and document.language in ("python", *SCRIPTS):
        tree = parse(with_line_feeds(document.text), document.language)
        assert tree is not None
        yield from _statements(tree.root)


def _statements(node: Node) -> Iterator[Node]:
    """Statements of the top level, also those under a condition."""
    for child in node.named_children:
        if child.type in _WRAPPERS:
            yield from _statements(child)
        else:
            yield child


def _python_imports(statement: Node) -> Iterator[Import]:
    if statement.type == "import_statement":
        for child in statement.children_by_field_name("name"):
            module, local = _python_name(child)
            yield Import(module, None, local)
    elif statement.type == "import_from_statement":
        module = text_of(statement.child_by_field_name("module_name"))
        for child in statement.children_by_field_name("name"):
            name, local = _python_name(child)
            yield Import(module, name, local)
        if any(child.type == "wildcard_import" for child in statement.children):
            yield Import(module, EVERYTHING, EVERYTHING)


def _python_name(node: Node) -> tuple[str, str]:
    """What is imported, and what it is called here."""
    if node.type == "aliased_import":
        return text_of(node.child_by_field_name("name")), text_of(node.child_by_field_name("alias"))
    return text_of(node), text_of(node)


def _script_imports(statement: Node) -> Iterator[Import]:
    if statement.type in ("import_statement", "export_statement"):
        source = statement.child_by_field_name("source")
        if source is not None:
            module = text_of(source)[1:-1]
            yield from (Import(module, name, local) for name, local in _script_names(statement))
    elif statement.type in ("lexical_declaration", "variable_declaration"):
        for declarator in statement.named_children:
            module = _required(declarator.child_by_field_name("value"))
            target = declarator.child_by_field_name("name")
            if module and target is not None:
                if target.type == "identifier":
                    yield Import(module, None, text_of(target))
                for part in target.named_children:
                    if part.type == "shorthand_property_identifier_pattern":
                        yield Import(module, text_of(part), text_of(part))


def _script_names(statement: Node) -> Iterator[tuple[str | None, str]]:
    """Names that an import or a re-export takes from its module, and what they are called here."""
    if statement.type == "export_statement" and any(child.type == "*" for child in statement.children):
        yield EVERYTHING, EVERYTHING
    clauses = [child for child in statement.named_children if child.type in ("import_clause", "export_clause")]
    for part in (part for clause in clauses for part in clause.named_children):
        if part.type == "identifier":
            yield DEFAULT, text_of(part)
        elif part.type == "namespace_import":
            yield None, text_of(part.named_children[-1])
        else:
            for specifier in [part] if part.type == "export_specifier" else part.named_children:
                name, alias = specifier.child_by_field_name("name"), specifier.child_by_field_name("alias")
                yield text_of(name), text_of(name if alias is None else alias)


def _required(call: Node | None) -> str:
    """The module of `require("…")`; empty for anything else."""
    if call is None or call.type != "call_expression" or text_of(call.child_by_field_name("function")) != "require":
        return ""
    arguments = call.child_by_field_name("arguments")
    strings = [] if arguments is None else [each for each in arguments.named_children if each.type == "string"]
    return text_of(strings[0])[1:-1] if len(strings) == 1 else ""
