import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lacuna_server.syntax import Scope, empty_block_at, is_prose, scope_at
from lacuna_server.syntax.brackets import scan
from lacuna_server.syntax.lines import next_lines, previous_lines, window_before

CURSOR = "<|>"
LANGUAGES = ("python", "javascript", "typescript", "typescriptreact", "json", "rust", "lua", "markdown", "nonsense")

code = st.text(st.sampled_from("ab1 \t\n\n()[]{}\"'`#/*:;,=$\\f-é😀\u2028\r\x0c"), max_size=60)
anything = st.text(max_size=40)


@pytest.mark.parametrize(
    ("text", "scope"),
    [
        ("x = <|>1", Scope.CODE),
        ("<|>x = 1", Scope.CODE),
        ("x = 1  # no<|>te", Scope.COMMENT),
        ("x = 1  # note<|>\ny = 2", Scope.COMMENT),
        ("x = 1  # note\n<|>y = 2", Scope.CODE),
        ("x = 'a<|>b'", Scope.STRING),
        ("x = 'ab'<|>", Scope.CODE),
        ("x = f'a{b<|>}'", Scope.CODE),
        ("x = f'a<|>{b}'", Scope.STRING),
        ('def f():\n    """Doc<|>.\n    """\n', Scope.STRING),
        ("x = 'hel<|>\ny = 2\n", Scope.STRING),
        ('def f():\n    """Doc<|>\n\ndef g():\n    pass\n', Scope.STRING),
        ("é = 'é<|>é'", Scope.STRING),
        ("'😀'; x<|>", Scope.CODE),
    ],
)
def test_scope_in_python(text: str, scope: Scope) -> None:
    before, after = text.split(CURSOR)
    assert scope_at(before + after, len(before), "python") is scope


@pytest.mark.parametrize(
    ("text", "language", "scope"),
    [
        ("f(); // no<|>te", "javascript", Scope.COMMENT),
        ("f(/* a <|> */)", "typescript", Scope.COMMENT),
        ("f(/* a */<|>)", "typescript", Scope.CODE),
        ("f(); /* a <|>", "typescript", Scope.COMMENT),
        ("`a ${b<|>}`", "typescript", Scope.CODE),
        ("`a <|>${b}`", "typescript", Scope.STRING),
        ("const x = <a>{b<|>}</a>", "typescriptreact", Scope.CODE),
        ('{"a<|>": 1}', "json", Scope.STRING),
        ('{"a": <|>1}', "json", Scope.CODE),
        ("// a<|>", "rust", None),
        ("a<|>", "markdown", None),
    ],
)
def test_scope_elsewhere(text: str, language: str, scope: Scope | None) -> None:
    before, after = text.split(CURSOR)
    assert scope_at(before + after, len(before), language) is scope


@pytest.mark.parametrize(
    ("text", "language", "width"),
    [
        ("def f():<|>\n", "python", 0),
        ("def f():\n    <|>\n", "python", 0),
        ("def f():\n<|>\n", "python", 0),
        ("class A:\n    def f(self):\n        <|>\n\n    def g(self):\n        pass\n", "python", 4),
        ('def f():\n    """Doc."""\n    <|>\n', "python", 0),
        ("def f():\n    # note\n    <|>\n", "python", 0),
        ("def f():  # note\n    <|>\n", "python", 0),
        ("def f():  # note:\n    <|>\n", "python", 0),
        ("def f(\n    a,\n    b,\n) -> int:\n    <|>", "python", 0),
        ("    if x:\n        y()\n    else:<|>", "python", 4),
        ("try:\n    x()\nexcept (A, B):\n    <|>", "python", 0),
        ("async def f():\n    async with a() as b:\n        <|>", "python", 4),
        ("def f():<|>\n    return 1\n", "python", None),
        ("def f():\n    <|>\n    return 1\n", "python", None),
        ("def f():\n    x = 1\n    <|>\n", "python", None),
        ("def f():<|> pass", "python", None),
        ('x = {"a":<|>', "python", None),
        ("x[1:<|>", "python", None),
        ("lambda x:<|>", "python", None),
        ("# to do:<|>", "python", None),
        ('"""\nArgs:<|>\n"""', "python", None),
        ("x = 1<|>", "python", None),
        ("<|>", "python", None),
        ("function f() {<|>}", "javascript", 0),
        ("function f() {\n  <|>\n}\n", "javascript", 0),
        ("function f() {\n  // note\n  <|>\n}\n", "javascript", 0),
        ("class A {\n  f(a: number): void {\n    <|>\n  }\n}", "typescript", 2),
        ("class A {\n  <|>\n}", "typescript", 0),
        ("interface A {\n  <|>\n}", "typescript", 0),
        ("xs.map((x) => {<|>})", "typescript", 0),
        ("function f() {\n  return 1;\n  <|>\n}", "javascript", None),
        ("function f() {\n  <|>\n  return 1;\n}", "javascript", None),
        ("import {<|>} from 'a'", "typescript", None),
        ("f({<|>})", "javascript", None),
        ("`a ${<|>}`", "javascript", None),
        ("// {<|>", "javascript", None),
        ("const a = '{<|>", "javascript", None),
        ('{\n  "a": {<|>}\n}', "json", 2),
        ('{\n  "a": [<|>]\n}', "json", None),
        ("fn main() {\n    <|>\n}", "rust", 0),
        ("fn main() {\n    let a = 1;\n    <|>\n}", "rust", None),
        ("fn f<'a>(x: &'a str) -> Vec<&'a str> {<|>", "rust", 0),
        ("if x then\n  <|>", "lua", 0),
        ("  items.each do<|>", "ruby", 2),
        ("key:<|>", "yaml", 0),
        ("undo<|>", "lua", None),
        ("Steps:<|>", "markdown", None),
    ],
)
def test_empty_blocks(text: str, language: str, width: int | None) -> None:
    prefix, suffix = text.split(CURSOR)
    assert empty_block_at(prefix, suffix, language) == width


@pytest.mark.parametrize(
    ("text", "language", "closers", "num_unmatched"),
    [
        ("f(a[{", "python", "}])", 0),
        ("f(a[)]", "python", "", 2),
        ("f(a))", "python", "", 1),
        ("'(' \"[\" # {", "python", "", 0),
        ("f('(", "python", "')", 0),
        ("f('(\ng[", "python", "]))", 1),  # an apostrophe, and a bracket behind it
        ("f'{g(", "python", ")}'", 0),
        ("f'{{(", "python", "'", 0),
        ('"""a\n(', "python", '"""', 0),
        ("`a ${f(`b ${[", "typescript", "]}`)}`", 0),
        ("a // (\n/* [\n */ (", "go", ")", 0),
        ("a -- (\n{", "lua", "}", 0),
        ("&'a (", "rust", ")", 0),
        ("don't (", "markdown", ")", 0),
        (r"\( '\'' (", "javascript", ")", 0),
        ("${#a[@]} (", "bash", ")", 0),
    ],
)
def test_open_brackets(text: str, language: str, closers: str, num_unmatched: int) -> None:
    found = scan(text, language)
    assert (found.closers, found.num_unmatched) == (closers, num_unmatched)


@pytest.mark.parametrize(("language", "prose"), [("markdown", True), ("text", True), ("python", False), ("", False)])
def test_prose(language: str, prose: bool) -> None:
    assert is_prose(language) is prose


@given(code | anything, code | anything, st.sampled_from(LANGUAGES))
def test_any_text_has_an_answer(prefix: str, suffix: str, language: str) -> None:
    scope = scope_at(prefix + suffix, len(prefix), language)
    assert (scope is None) == (language in ("rust", "lua", "markdown", "nonsense"))
    width = empty_block_at(prefix, suffix, language)
    assert width is None or width >= 0


@given(code, st.sampled_from(LANGUAGES))
def test_closers_close_what_is_open(text: str, language: str) -> None:
    found = scan(text, language)
    if found.in_comment or text.endswith("\\"):
        return
    closed = scan(text + found.closers, language)
    assert closed.open == []
    assert closed.num_unmatched == found.num_unmatched


@given(code)
def test_lines_around_the_cursor(text: str) -> None:
    above = [line for line in text.split("\n")[:-1] if line.strip()]
    below = [line for line in text.split("\n")[1:] if line.strip()]
    assert previous_lines(text, 2) == above[-2:]
    assert next_lines(text, 2) == below[:2]


@given(code, st.integers(1, 30))
def test_a_window_is_the_end_of_the_text(text: str, size: int) -> None:
    window = window_before(text, size)
    assert text.endswith(window)
    assert len(window) <= max(size, 0)


def test_time_does_not_grow_with_the_document() -> None:
    prefix, suffix = "x = f(1)\n" * 500_000 + "def g():\n    ", "\n" + "y = 2\n" * 500_000
    start = time.perf_counter()
    assert empty_block_at(prefix, suffix, "python") == 0
    assert scope_at(prefix + suffix, len(prefix), "python") is Scope.CODE
    assert time.perf_counter() - start < 1
