import pytest
from judging import CURSOR, check, judge

from lacuna_server.suggestion import Indentation, Suggestion, indentation_of
from lacuna_server.suggestion.tokens import text_of


@pytest.mark.parametrize(
    ("text", "fill", "expected"),
    [
        ("x = 1\n<|>", "\n\ny = 2\n\n", "x = 1\ny = 2<|>"),
        ("x = 1\n    <|>", "\n    y = 2", "x = 1\n    y = 2<|>"),
        ("def f():\n    <|>", "    return 1", "def f():\n    return 1<|>"),
        ("def f():\n<|>", "    return 1", "def f():\n    return 1<|>"),
        ("    a()\n<|>", "    b()", "    a()\n    b()<|>"),
        ("class A(B):\n<|>\n    x = 1", '    """Doc."""', 'class A(B):\n    """Doc."""<|>\n    x = 1'),
        ("def f():\n   <|>", " return 1", "def f():\n    return 1<|>"),
        ("f(1) <|>", " # note", "f(1)  # note<|>"),
        ("x = <|>", " 1", "x = 1<|>"),
        ("x =<|>", " 1", "x = 1<|>"),
        ("f(<|>", "\n\n    a,\n)", "f(\n    a,\n)<|>"),
        ("ret<|>", "return 1", "return 1<|>"),
        ("x = foo<|>", "x = foo(1)", "x = foo(1)<|>"),
        ("a<|>", "and b", "aand b<|>"),
        ("x = 1<|>", "\r\n\ry = 2\r\n", "x = 1\ny = 2<|>"),
    ],
)
def test_the_beginning_meets_the_cursor(text: str, fill: str, expected: str) -> None:
    check(text, fill, expected)


@pytest.mark.parametrize(
    ("text", "fill", "indentation", "expected"),
    [
        ("if a:<|>", "\n    if b:\n        c()", Indentation(), "\n    if b:\n        c()"),
        ("if a:<|>", "\n    if b:\n        c()", Indentation(tabs=True), "\n\tif b:\n\t\tc()"),
        ("if a:<|>", "\n\tif b:\n\t\tc()", Indentation(), "\n    if b:\n        c()"),
        ("if a:<|>", "\n    if b:\n        c()", Indentation(size=2), "\n  if b:\n    c()"),
        ("if a:<|>", "\n  if b:\n    c()", Indentation(), "\n    if b:\n        c()"),
        ("if a:\n\t<|>", "if b:\n        c()", Indentation(tabs=True), "if b:\n\t\tc()"),
        ("if a:\n  <|>", "if b:\n      c()", Indentation(size=2), "if b:\n    c()"),
        ("x = f(<|>", "a,\n      b)", Indentation(), "a,\n      b)"),
        ("x = f(<|>", "a,\n      b)", Indentation(tabs=True), "a,\n\t  b)"),
        ("if a:<|>", "\n  if b:\n    c()", None, "\n  if b:\n    c()"),
        ("all: main.c<|>", "\n\tcc main.c", None, "\n\tcc main.c"),
    ],
)
def test_indentation_is_that_of_the_document(
    text: str, fill: str, indentation: Indentation | None, expected: str
) -> None:
    suggestion = judge(text, fill, wanted="block", indentation=indentation)
    assert isinstance(suggestion, Suggestion)
    assert suggestion.insert_text == text_of(suggestion.tokens) == expected


@pytest.mark.parametrize("language", ["make", "makefile"])
@pytest.mark.parametrize(
    ("text", "fill", "expected"),
    [
        ("all: main.c\n<|>", "\tcc main.c", "\tcc main.c"),
        ("all: main.c\n<|>", "    cc main.c\n    ./main", "\tcc main.c\n\t./main"),
        ("all: main.c\n<|>", "\n\tcc main.c", "\tcc main.c"),
        ("all: main.c\n\t<|>", "\tcc main.c", "cc main.c"),
        ("all: main.c\n\t<|>", "cc main.c", "cc main.c"),
        ("all:\n\tcc main.c\n<|>\n", "clean:\n    rm main", "clean:\n\trm main"),
        ("CC = <|>", " gcc", "gcc"),
    ],
)
def test_a_command_of_a_makefile_begins_with_a_tab(text: str, fill: str, expected: str, language: str) -> None:
    indentation = indentation_of(text.replace(CURSOR, ""), language)
    suggestion = judge(text, fill, language, wanted="block", indentation=indentation)
    assert isinstance(suggestion, Suggestion)
    assert suggestion.insert_text == text_of(suggestion.tokens) == expected


@pytest.mark.parametrize(
    ("text", "indentation"),
    [
        ("", None),
        ("a\nb\n", None),
        ("a\n b\n", None),
        ("a:\n\t", Indentation(tabs=True)),
        ("a:\n  ", Indentation(size=2)),
        ("a:\n\tb\n\t\tc\n", Indentation(tabs=True)),
        ("a:\n  b:\n    c\nd\n", Indentation(size=2)),
        ("a:\n    b:\n        c:\n    d\n", Indentation(size=4)),
        ("/*\n  a\n  b\n*/\n\ta\n\tb\n\tc", Indentation(tabs=True)),
        ("  a\n  b", Indentation(size=2)),
    ],
)
def test_indentation_is_guessed(text: str, indentation: Indentation | None) -> None:
    assert indentation_of(text, "python") == indentation


def test_a_level_has_a_column() -> None:
    with pytest.raises(ValueError, match="at least 1 column"):
        Indentation(size=0)
