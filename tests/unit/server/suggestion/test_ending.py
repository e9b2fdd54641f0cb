import pytest
from judging import CURSOR, check, judge

from lacuna_server.extent import Wanted
from lacuna_server.reasons import Reason
from lacuna_server.suggestion import Suggestion
from lacuna_server.suggestion.tokens import text_of


@pytest.mark.parametrize(
    ("text", "fill", "wanted", "expected"),
    [
        ("def f():\n    <|>return x", "check(x)\n    ", "line", "def f():\n    check(x)\n    <|>return x"),
        ("def f():\n    <|>return x", "check(x)\n    y = 1\n", "line", "def f():\n    check(x)\n    <|>return x"),
        ("def f():\n    <|>return x", "check(x)\n    y = 1", "line", Reason.BREAKS_OFF),
        ("    <|>return x", "if x:\n        a()\n    ", "block", "    if x:\n        a()\n    <|>return x"),
        ("x = [<|>]", "\n    1,\n    2,\n", "block", "x = [\n    1,\n    2,\n<|>]"),
        ("x = [<|>]", "\n    1,\n    2,\n", 1, "x = [\n    1,\n<|>]"),
        ("x = [<|>]", "\n    1,\n    2,", "block", Reason.BREAKS_OFF),
        ("    f(<|>)", "\n        a,\n    )", "block", "    f(\n        a,\n    <|>)"),
        ("    f(<|>)", "\n        a,\n", "line", "    f(\n        a,\n    <|>)"),
        ("f(<|>)", "[\n    a\n]", "block", "f([\n    a\n]<|>)"),
        ("x = <|>;", "1\n", "line", "x = 1<|>;"),
        ("f(<|>)", "a)\nb()", "line", "f(a<|>)"),
        ("x = <|>y", "1\n", "line", "x = 1\n<|>y"),
        ("x = <|>", "1\n", "line", "x = 1<|>"),
    ],
)
def test_what_stands_behind_the_cursor_keeps_a_line_of_its_own(
    text: str, fill: str, wanted: Wanted, expected: str | Reason
) -> None:
    check(text, fill, expected, wanted=wanted)


@pytest.mark.parametrize(
    ("text", "fill", "expected", "language"),
    [
        ("  f(a) {<|>}\n", "\n    return a;\n  ", "  f(a) {\n    return a;\n  <|>}\n", "typescript"),
        ("f(a) {<|>}\n", "\n  a();\n\n  b();\n", "f(a) {\n  a();\n<|>}\n", "typescript"),
        ('{\n  "a": {<|>}\n}', '\n    "b": 1\n  ', '{\n  "a": {\n    "b": 1\n  <|>}\n}', "json"),
        ("f(() => {<|>});\n", "\n  a();\n});\n", "f(() => {\n  a();\n<|>});\n", "typescript"),
        ("f() {<|>}\n", " a(); ", "f() { a();<|>}\n", "typescript"),
    ],
)
def test_a_closing_brace_behind_the_cursor_gets_a_line_of_its_own(
    text: str, fill: str, expected: str, language: str
) -> None:
    suggestion = judge(text, fill, language, indentation=None)
    assert isinstance(suggestion, Suggestion)
    assert text_of(suggestion.tokens) == suggestion.insert_text
    assert text.replace(CURSOR, suggestion.insert_text + CURSOR) == expected
