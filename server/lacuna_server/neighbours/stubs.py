"""Stubs of definitions: signatures, and the first line of what is said about them."""

import re
from collections.abc import Iterator

from tree_sitter import Node

_MAX_LINE = 120
_MAX_LINES = 12
_MAX_MEMBERS = 16
_FUNCTIONS = frozenset(
    "function_definition function_declaration generator_function_declaration method_definition function_signature "
    "abstract_method_signature".split()
)
_FUNCTION_VALUES = frozenset("arrow_function function_expression generator_function".split())
_CLASSES = frozenset("class_definition class_declaration abstract_class_declaration".split())
_FIELDS = frozenset("public_field_definition field_definition".split())
_SHAPES = frozenset("interface_declaration type_alias_declaration enum_declaration".split())
_QUOTES = re.compile(r"""^[a-zA-Z]*(\"\"\"|'''|"|')|(\"\"\"|'''|"|')$""")
_BROKEN_LINE = re.compile(r"(?:\s+(?:#|//)\s[^\n]*)?\s*\n\s*")
_LOOSE_OPENER, _LOOSE_CLOSER = re.compile(r"(?<=[(\[]) "), re.compile(r",? (?=[)\]])")
_COMMENT_SIGNS = re.compile(r"^\s*(?:/\*+|\*+/?|//+)\s?|\s*\*/\s*$")


def python_stubs(statement: Node) -> Iterator[tuple[str, str]]:
    """The names that a Python statement defines, each with a stub."""
    definition = statement.child_by_field_name("definition") or statement  # below its decorators
    if definition.type in _FUNCTIONS:
        yield _name(definition), _python_function(statement, definition, _docstring(definition))
    elif definition.type in _CLASSES:
        yield _name(definition), _python_class(statement, definition)
    elif statement.type == "expression_statement" and statement.named_children[0].type == "assignment":
        target = statement.named_children[0].child_by_field_name("left")
        if target is not None and target.type == "identifier":
            yield text_of(target), _line(statement)


def script_stubs(statement: Node) -> Iterator[tuple[str, str]]:
    """The names that a statement of JavaScript or TypeScript defines, each with a stub."""
    is_default = any(child.type == "default" for child in statement.children)
    definition = statement.child_by_field_name("declaration") or statement.child_by_field_name("value") or statement
    for name, stub in _script_definitions(definition):
        described = _description(statement) + stub
        yield name, described
        if is_default:
            yield "default", described


def text_of(node: Node | None) -> str:
    """Source of a node; empty for none."""
    return "" if node is None or node.text is None else node.text.decode()


def _python_function(statement: Node, definition: Node, docstring: str = "") -> str:
    head = "\n".join(_python_head(statement, definition))
    return f'{head}\n    """{docstring}"""' if docstring else f"{head} ..."


def _python_head(statement: Node, definition: Node) -> list[str]:
    """Decorators and the signature, up to its colon."""
    decorators = [_line(child) for child in statement.named_children if child.type == "decorator"]
    colons = [child.end_byte for child in definition.children if child.type == ":"]
    return [*decorators, _up_to(definition, colons[-1] if colons else definition.end_byte)]


def _python_class(statement: Node, definition: Node) -> str:
    body = definition.child_by_field_name("body")
    lines = []
    if docstring := _docstring(definition):
        lines.append(f'"""{docstring}"""')
    for member in [] if body is None else body.named_children:
        method = member.child_by_field_name("definition") or member
        if method.type in _FUNCTIONS and (not _name(method).startswith("_") or _name(method) == "__init__"):
            lines.append(_python_function(member, method).replace("\n", "\n    "))
        elif member.type == "expression_statement" and member.named_children[0].type == "assignment":
            lines.append(_line(member))
    head = "\n".join(_python_head(statement, definition))
    return "\n    ".join((head, *lines[:_MAX_MEMBERS])) if lines else f"{head} ..."


def _docstring(definition: Node) -> str:
    """First line of a docstring, without quotes."""
    body = definition.child_by_field_name("body")
    first = body.named_children[0] if body is not None and body.named_children else None
    if first is None or first.type != "expression_statement" or first.named_children[0].type != "string":
        return ""
    text = _QUOTES.sub("", text_of(first)).strip()
    return text.partition("\n")[0].rstrip()[:_MAX_LINE]


def _script_definitions(definition: Node) -> Iterator[tuple[str, str]]:
    if definition.type in _FUNCTIONS:
        yield _name(definition), _without_body(definition) + ";"
    elif definition.type in _CLASSES:
        yield _name(definition), _script_class(definition)
    elif definition.type in _SHAPES:
        yield _name(definition), "\n".join(text_of(definition).split("\n")[:_MAX_LINES])
    elif definition.type in ("lexical_declaration", "variable_declaration"):
        for declarator in definition.named_children:
            target, value = declarator.child_by_field_name("name"), declarator.child_by_field_name("value")
            if target is not None and target.type == "identifier":
                body = value.child_by_field_name("body") if value and value.type in _FUNCTION_VALUES else None
                signature = _line(declarator) if body is None else _up_to(declarator, body.start_byte)
                yield text_of(target), f"{text_of(definition.children[0])} {signature}"


def _script_class(definition: Node) -> str:
    body = definition.child_by_field_name("body")
    lines = [_without_body(definition) + " {"]
    for member in [] if body is None else body.named_children:
        if member.type in _FUNCTIONS:
            lines.append(_without_body(member) + ";")
        elif member.type in _FIELDS:
            lines.append(_line(member).rstrip(";") + ";")
    return "\n    ".join(lines[:_MAX_MEMBERS]) + "\n}"


def _description(statement: Node) -> str:
    """First line of the comment right above a statement, as a comment; empty if there is none."""
    comment = statement.prev_named_sibling
    if comment is None or comment.type != "comment" or comment.end_point.row + 1 != statement.start_point.row:
        return ""
    before = comment.prev_named_sibling
    if before is not None and before.end_point.row == comment.start_point.row:
        return ""  # it is about the statement before it
    lines = (_COMMENT_SIGNS.sub("", line).strip() for line in text_of(comment).split("\n"))
    text = next(filter(None, lines), "")
    return f"// {text[:_MAX_LINE]}\n" if text and not text.startswith("@") else ""


def _name(definition: Node) -> str:
    return text_of(definition.child_by_field_name("name"))


def _without_body(definition: Node) -> str:
    body = definition.child_by_field_name("body")
    return _up_to(definition, definition.end_byte if body is None else body.start_byte)


def _up_to(node: Node, end: int) -> str:
    """A node's source up to a byte, in one line."""
    assert node.text is not None
    line = _BROKEN_LINE.sub(" ", node.text[: end - node.start_byte].decode(errors="replace"))
    return _LOOSE_CLOSER.sub("", _LOOSE_OPENER.sub("", line)).rstrip()


def _line(node: Node) -> str:
    """A node's source in one line, cut where that is long."""
    return _up_to(node, node.end_byte)[:_MAX_LINE]
