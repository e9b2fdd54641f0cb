"""`<|` and `|>` enclose what fills a gap."""

import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lacuna_model.constraints.syntax import Fault, SyntaxCheck, pieces_of
from lacuna_model.constraints.syntax_grammars import LANGUAGES, parsers_of
from lacuna_model.constraints.syntax_python import python_error
from lacuna_model.constraints.syntax_regions import part_around, regions_around

MARKED = re.compile(r"<\||\|>")


def fault(language: str, marked: str) -> Fault | None:
    pieces = MARKED.split(marked)
    check = SyntaxCheck.of(pieces[::2], language)
    assert check is not None
    return check.fault(pieces[1::2])


SOUND = {
    "python": [
        "x = <|1|>\n",
        "def f(a):\n<|    return a|>\n",
        "def f(a):\n    <|return a|>\n",
        "def f():\n\t<|return 1|>\n",
        "def f(<|a, b|>):\n    return a\n",
        "x = f(<|a)|>\n",
        "s = '<|((( = = |>'\n",
        "# <|a b ( c|>\nx = 1\n",
        '"""\n<|not = = code|>\n"""\n',
        "if x:\r\n    <|y = 1\r\n    z = 2|>\r\n",
        "naïve = '<|ünï😀|>'\nx = 1\n",
        "\ufeffx = <|1|>\n",
        "try:\n    f()\n<|except E:|>\n    g()\n",
        "s = '<|\\d|>'\n",
        "x = 1\n<||>\ny = 2\n",
        "async def f():\n    await <|g()|>\n",
    ],
    "javascript": [
        "let x = <|1|>;\n",
        "function f() {\n<|  return 1;|>\n}\n",
        "function f() {<|\n}|>\n",
        "f('<|)({|>');\n",
        "// <|) { (|>\n",
        "const a = <b><|{c}|></b>;\n",
        "const s = `a${<|b|>}`;\r\n",
    ],
    "typescript": [
        "let x: <|number|> = 1;\n",
        "const a = <|<div>b</div>|>;\n",
        "const a = <|<B>c|>;\n",
        "interface A {\n\t<|b?: string;|>\n}\n",
    ],
    "tsx": ["const a = <|<div>b</div>|>;\n"],
    "json": ['{"a": <|[1, 2]|>}', '{"a": 1<|, "b": 2|>}', '{"<|é(|>": 1}', '{"a": <|{|>"b": 1}}'],
    "html": ["<div><|<p>a</p>|></div>", '<a href="<|b|>">c</a>', "<!-- <|<div|> -->", "<div>a<|</div>|>\n"],
    "css": [
        "a { <|color: red;|> }",
        "a { color: <|red|>; }",
        "<|@media print {|>\n a { color: red }\n}",
        "/* <|}|> */",
    ],
    "rust": ["fn f() -> u8 { <|1|> }", "fn f() { let x = <|Some(1)|>; }", "// <|}|>\nfn f() {}"],
    "go": ["package a\n\nfunc f() {\n\t<|x := 1|>\n}\n", "package a\n\nvar s = `<|}|>`\n"],
    "c": ["int f(void) { <|return 1;|> }", "int x = <|1|>;\r\nint y;\r\n", "/* <|}|> */ int x;"],
    "cpp": ["int f() { <|auto x = g<int>();|> return x; }", "class A {\n public:\n  <|A() = default;|>\n};\n"],
    "java": ["class A { int f() { <|return 1;|> } }", "class A {\n\t<|private int b;|>\n}\n"],
    "lua": ["local x = <|1|>\n", "function f()\n  <|return 1|>\nend\n", "if x then <|y() end|>\n", "-- <|end end|>\n"],
    "bash": ["x=<|1|>\n", "if a; then\n  <|b|>\nfi\n", "echo '<|fi done|>'\n", "for a in b; do <|c; done|>\n"],
}

BROKEN = {
    "python": [
        "x = <|= 1|>\n",
        "x = <||>\n",
        "def f(a):\n<|return a|>\n",
        "def f(a):\n    x = 1\n<|      return a|>\n",
        "def f():\n    x = 1\n<|\ty = 2|>\n",
        "def f(<|a, b)|>):\n    return a\n",
        "f(<|a|>\n",
        "f('<|a'|>')\n",
        "if x:\r\n    <|y = = 1|>\r\n",
        "try:\n    f()\n<|x = 1|>\ny = 2\n",
        "def f():\n<|    x = 1|>\n        y = 2\n",
        "x = <|'\0'|>\n",
        "x = <|'é' 'ö' ö 'ü'|>\n",
        "def f():\n<|# nothing|>\n\nx = 1\n",
    ],
    "javascript": [
        "let x = <|;|>\n",
        "let x = <||>;\n",
        "function f() {\n<|  return 1|>\n\nfunction g() {}\n",
        "f(<|)|>);\n",
        "f('<|a|>);\n",
        "const a = <b><|{c|></b>;\n",
    ],
    "typescript": ["let x: <||> = 1;\n", "interface A {\n\t<|b?? string;|>\n}\n"],
    "tsx": ["const a = <|<div>b|>;\n"],
    "json": ['{"a": <||>}', '{"a": 1<|, |>}', '{"<|"|>": 1}', '{"a": [<|1|>}', '{<|"a": 1|>\n "b": 2}'],
    "html": ["<div><|<i>a</p>|></div>", "<div><|<p>a</b></p>|></div>", "<div><|</div>|></div>", '<div <|a="|>></div>'],
    "css": ["a { <|color|> }", "a { color: red; <|}|> }", "<|@media print {|>\n a { color: red }\n"],
    "rust": ["fn f() -> u8 { <|1 2|> }", "fn f() { let x = <||>; }", "fn f() { <|{|> }"],
    "go": ["package a\n\nfunc f() {\n\t<|x := |>\n}\n", "package a\n\nfunc f() {\n\t<|}|>\n}\n"],
    "c": ["int f(void) { <|return 1|> }", "int x = <||>;\r\nint y;\r\n"],
    "cpp": ["int f() { <|return a b;|> }", "class A {\n public:\n  <|A( = default;|>\n};\n"],
    "java": ["class A { int f() { <|return 1|> } }", "class A {\n\t<|private int = b;|>\n}\n"],
    "lua": ["local x = <||>\n", "function f()\n  <|return 1 end|>\nend\n", "if x then <|y()|>\n"],
    "bash": ["if a; then\n  <|b )|>\nfi\n", "x=$(<|a|>\n", "for a in b; do <|c|>\n"],
}

BROKEN_ELSEWHERE = {
    "python": (
        "x = = 3\n\ndef f(a):\n    <|{}|>\n\ny = = 3\n",
        ["return a", "x = 1\n    return x"],
        ["return = a", "x = 1\n  return x", "f(a"],
    ),
    "javascript": (
        "let a = = 3;\n\nfunction f(a) {{\n  <|{}|>\n}}\n\nlet b = ;\n",
        ["return a;", "g('('); h();"],
        ["return (a;", "g(;", "}"],
    ),
    "typescript": (
        "let a: = 3;\n\nfunction f(a: number) {{\n  <|{}|>\n}}\n",
        ["return a as string;"],
        ["return a as;", "g(;"],
    ),
    "json": ('{{"a": [1, 2,], "b": {{"c": <|{}|>}}}}', ["1", "[true]"], ["1, 2", "[", ""]),
    "html": ("<p></b></p>\n<div><|{}|></div>\n", ["<i>a</i>"], ["</i>", "<i>a</b></i>"]),
    "css": ("a {{ color: ; }}\nb {{ <|{}|> }}\n", ["color: red;"], ["color", "}"]),
    "rust": ("fn a() {{ let x = ; }}\n\nfn b() {{ <|{}|> }}\n", ["let y = 1;"], ["let = 1;", "("]),
    "go": ("package a\n\nfunc f() {{\n\tx := \n}}\n\nfunc g() {{\n\t<|{}|>\n}}\n", ["y := 1"], ["y := ", "}"]),
    "c": ("int a = ;\nint f(void) {{ <|{}|> }}\n", ["return 1;"], ["return 1", "return (1;"]),
    "cpp": ("int a = ;\nint f() {{ <|{}|> }}\n", ["return 1;"], ["return 1", "return (1;"]),
    "java": ("class A {{ int a = ; int f() {{ <|{}|> }} }}\n", ["return 1;"], ["return 1", "return (1;"]),
    "lua": ("local a = = 1\n\nfunction f()\n  <|{}|>\nend\n", ["return 1"], ["return = 1", "f("]),
    "bash": ("a=(1 2\nb)\n)\nif c; then\n  <|{}|>\nfi\n", ["d"], ["d )", "$("]),
}


@pytest.mark.parametrize(("language", "marked"), [(name, case) for name, cases in SOUND.items() for case in cases])
def test_fills_that_keep_the_syntax(language: str, marked: str) -> None:
    assert fault(language, marked) is None


@pytest.mark.parametrize(("language", "marked"), [(name, case) for name, cases in BROKEN.items() for case in cases])
def test_fills_that_break_it(language: str, marked: str) -> None:
    assert fault(language, marked) is not None


@pytest.mark.parametrize("language", BROKEN_ELSEWHERE)
def test_what_is_broken_elsewhere_is_not_the_fills_fault(language: str) -> None:
    template, good, bad = BROKEN_ELSEWHERE[language]
    for fill in good:
        assert fault(language, template.format(fill)) is None, fill
    for fill in bad:
        assert fault(language, template.format(fill)) is not None, fill


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_every_language_has_a_check(language: str) -> None:
    assert parsers_of(language)
    assert SyntaxCheck.of(("", "\n"), language) is not None


@pytest.mark.parametrize("language", ["text", "", "cobol"])
def test_an_unknown_language_is_not_checked(language: str) -> None:
    assert SyntaxCheck.of(("x = ", "\n"), language) is None


@pytest.mark.parametrize(
    ("language", "marked", "expected"),
    [
        ("python", "x = <|1 2|>\n", (0, 0, 3)),
        ("python", "y = 'é'; x = <|ö + = 1|>\n", (0, 4, 5)),
        ("python", "def f():\r\n<|    x = 1\r\n      y = 2|>\r\n", (0, 11, 22)),
        ("python", "x = <|1|>\ny = <|1 +|>\n", (1, 3, 3)),
        ("python", "x = <|1 1|>\ny = <|1|>\n", (0, 0, 3)),
        ("python", "a = = 1\n\ndef f():\n    <|é = = 1|>\n", (0, 4, 5)),
        ("javascript", "let é = <|'ö' + ;|>\n", (0, 3, 5)),
        ("javascript", "f(<|a|>;\n", (0, 1, 1)),
        ("json", '{"a": <|1|>, "b": <|[1, ö]|>}', (1, 2, 5)),
    ],
)
def test_faults_lie_in_the_fill(language: str, marked: str, expected: tuple[int, int, int]) -> None:
    gap, first, last = expected
    found = fault(language, marked)
    assert found is not None
    assert found.gap == gap and first <= found.start <= found.end <= last


@pytest.mark.parametrize("fill", ["\0", "\ud800", "(" * 5_000, "-" * 100_000 + "1", "'\\d' 1", "x." * 20_000])
def test_no_text_is_too_strange(fill: str) -> None:
    check = SyntaxCheck.of(("x = ", "\n"), "python")
    assert check is not None
    assert check.fault([fill]) is not None
    assert fault("javascript", f"f(<|{fill}|>;\n") is not None


@pytest.mark.parametrize(
    ("language", "marked", "expected"),
    [
        ("python", "x = <|f(a, [b|>\n", ("])", "]):")),
        ("python", "f(<|g(a|>)\n", (")", "):")),
        ("python", "def f<|(a|>\n    pass\n", (")", "):")),
        ("python", "<|if x|>\n    pass\n", (":",)),
        ("python", 'x = <|f("(|>\n', ("))", ")):", '")', '"):')),
        ("javascript", "f(<|'(' + [|>);\n", ("]",)),
        ("javascript", "f(<|a|>);\n", ()),
        ("javascript", "f(<|`a|>);\n", ("`",)),
    ],
)
def test_what_a_fill_leaves_open(language: str, marked: str, expected: tuple[str, ...]) -> None:
    pieces = MARKED.split(marked)
    check = SyntaxCheck.of(pieces[::2], language)
    assert check is not None
    assert check.closings(pieces[1::2], 0) == expected


@pytest.mark.parametrize(
    ("language", "marked", "expected"),
    [
        ("python", "x = <||>\n", "x"),
        ("python", "def f():\n<||>\n\ny = 1\n", "    pass"),
        ("python", "def f(a):\n    b = a\n<||>\n        c = b\n", "    if x:"),
        ("python", "def f():\n<||>\n        a()\n    finally:\n        b()\n", "    try:"),
        ("python", "def f(\n    a: int,\n<||>\n    return a\n", "):"),
        ("python", "<||>\n    a: int,\n    b,\n):\n    return a\n", "def x("),
        ("python", "<|from a|>\nimport b\n", " import x"),
        ("python", "if a.startswith('<||>\n    b()\n", "'):"),
        ("python", "def f(a):\n    i<||>\n        return a\n", "f x:"),
        ("python", "a = b if c els<||>\n", "e x"),
        ("python", "x = = 1\n\n\ndef f():\n    for<||>\n        y()\n\n\nz = = 1\n", " x in x:"),
        ("javascript", "f(<|a|>;\n", ")"),
        ("javascript", "for (let <||>\n  a(i);\n}\n", "x of x){"),
        ("javascript", "export defau<||>", "lt x"),
        ("javascript", "f(<|a b|>);\n", None),
        ("json", '{"a": tr<||>}', "ue"),
        ("json", '{"a": <||>\n "b": 1}', "0,"),
        ("rust", "fn f() { <|g(|> }", ")"),
        ("lua", "if a then\n  b()\n<||>\n", "end"),
    ],
)
def test_the_simplest_end_of_a_fill(language: str, marked: str, expected: str | None) -> None:
    pieces = MARKED.split(marked)
    check = SyntaxCheck.of(pieces[::2], language)
    assert check is not None
    assert check.completion(pieces[1::2], 0) == expected


def test_the_simplest_end_of_one_gap_leaves_the_others_as_they_are() -> None:
    check = SyntaxCheck.of(("x = ", "\ny = ", "\n"), "python")
    assert check is not None
    assert check.completion(("f(1)", "[a, "), 1) == "]"
    assert check.completion(("= =", "[a, ]"), 1) is None


@pytest.mark.parametrize(
    ("probe", "expected"),
    [
        ("", (None,)),
        ("    pass", ("    ", None)),
        ("    if x:", ("    ", None, ":")),
        ("def x():", ("def ", None, ":")),
        (" import x", (" import ", None)),
        ('"x": 0', ('"', None, '": ', None)),
        ("    try:", (None, "    try:")),
        ("):", (None, "):")),
        ("except", (None, "except")),
    ],
)
def test_a_simple_fill_is_open_where_anything_may_stand(probe: str, expected: tuple[str | None, ...]) -> None:
    assert pieces_of(probe) == expected


TEXTS = st.text(st.sampled_from("ab1 \t\n\r()[]{}:;,='\"#<>/\\é\ud800\0"), max_size=30)


@given(st.sampled_from(["python", "typescript", "html", "bash"]), st.lists(TEXTS, min_size=3, max_size=7))
def test_any_text_has_a_verdict_and_a_fault_lies_in_its_fill(language: str, pieces: list[str]) -> None:
    segments, fills = pieces[::2], pieces[1::2]
    if len(segments) == len(fills):
        segments.append("")
    check = SyntaxCheck.of(segments, language)
    assert check is not None
    found = check.fault(fills)
    if found is not None:
        assert 0 <= found.start <= found.end <= len(fills[found.gap])
    assert check.fault(fills) == found


@given(TEXTS, st.integers(0, 30), st.integers(0, 30))
def test_a_text_that_python_reads_has_no_fault_wherever_its_gap_lies(text: str, first: int, second: int) -> None:
    start, end = sorted((min(first, len(text)), min(second, len(text))))
    check = SyntaxCheck.of((text[:start], text[end:]), "python")
    assert check is not None
    if python_error(text) is None:
        assert check.fault([text[start:end]]) is None


def test_regions_hold_whole_statements() -> None:
    before = "import a\n\n@b\n@c\ndef f(x):\n    if x:\n        g()\n    else:\n        "
    after = "\n    return (\n    1)\n\ny = 2\n"
    regions = regions_around(before, after)
    assert [before[region.start :] + "|" + after[: region.end] for region in regions] == [
        "@b\n@c\ndef f(x):\n    if x:\n        g()\n    else:\n        |\n    return (\n    1)\n\n",
        "    if x:\n        g()\n    else:\n        |\n",
    ]
    assert [region.is_nested for region in regions] == [False, True]
    assert regions[0].replaced((before, after)) == "import a\n\npass\ny = 2\n"


def test_of_a_long_text_whole_statements_near_the_gaps_are_judged() -> None:
    statement = "@a\n@b\ndef f():\n    g()\n\nif f():\n    h()\nelse:\n    g()\n\n"
    before, after = f"{9 * statement}x = ", f" + 1\n{9 * statement}"
    assert part_around((before, "between", after), len(after)) == (before, "between", after)
    assert part_around((before, "between", after), 12) == ("x = ", "between", " + 1\n")
    most = len(statement) + 12
    assert part_around((before, after), most) == (f"{statement}x = ", f" + 1\n{statement}")
    assert part_around(("    " * 9, "    " * 9), 9) == ("    " * 9, "    " * 9)


def test_a_long_string_may_be_cut_anywhere() -> None:
    lines = "select a\nfrom it's\n" * 4000
    check = SyntaxCheck.of((f'query = """\n{lines}', f'\n{lines}"""\nx = 1\n'), "python")
    assert check is not None
    assert [check.fault([fill]) for fill in ("a, b from it's", "x (y", "a b")] == [None] * 3


def test_a_grammar_is_loaded_when_it_is_needed() -> None:
    program = (
        "import sys; from lacuna_model.constraints.syntax import SyntaxCheck;"
        "loaded = lambda: sorted(name for name in sys.modules if name.startswith('tree_sitter_') and '.' not in name);"
        "assert not loaded(); SyntaxCheck.of(('x', ''), 'rust').fault(['']); assert loaded() == ['tree_sitter_rust']"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
