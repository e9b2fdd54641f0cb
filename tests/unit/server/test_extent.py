import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lacuna_server.extent import TOKENS_OF_BLOCK, TOKENS_OF_LINE, Extent, Wanted, choose_extent, stop

CURSOR = "<|>"

code = st.text(st.sampled_from("ab1 \t\n\n()[]{}\"'#/:;,=é😀\r\x0c"), max_size=50) | st.text(max_size=20)


@pytest.mark.parametrize(
    ("text", "language", "wanted", "kind", "num_lines"),
    [
        ("def f():<|>", "python", "auto", "block", None),
        ("def f():\n    <|>", "python", "auto", "block", None),
        ("x = <|>", "python", "auto", "line", 1),
        ("x = <|>", "python", "block", "block", None),
        ("def f():<|>", "python", "line", "line", 1),
        ("def f():<|>", "python", 3, "lines", 3),
        ("def f():<|>", "python", 0, "lines", 1),
        ("if (x) {<|>}", "c", "auto", "block", None),
    ],
)
def test_choice(text: str, language: str, wanted: Wanted, kind: str, num_lines: int | None) -> None:
    prefix, suffix = text.split(CURSOR)
    extent = choose_extent(prefix, suffix, language, wanted)
    assert (extent.kind, extent.num_lines) == (kind, num_lines)
    assert extent.max_lines == (None if num_lines is None else num_lines + 1)


def test_longer_extents_take_more_tokens() -> None:
    extents = [choose_extent("x", "", "python", wanted) for wanted in (1, 2, 10**9)]
    assert [extent.max_tokens for extent in extents] == [32, 64, 512]
    assert choose_extent("x", "", "python", "line").max_tokens == TOKENS_OF_LINE < TOKENS_OF_BLOCK


def check(text: str, wanted: Wanted, fill: str, expected: str, language: str = "python") -> None:
    prefix, suffix = text.split(CURSOR)
    assert stop(fill, prefix, suffix, language, choose_extent(prefix, suffix, language, wanted)) == expected


@pytest.mark.parametrize(
    ("text", "wanted", "fill", "expected"),
    [
        ("x = <|>", "line", "1\ny = 2", "1"),
        ("x = (<|>", "line", "\n    1,\n    2", "\n    1,"),
        ("x = <|>", "line", "\n\n", "\n\n"),
        ("x = <|>", 2, "1\ny = 2\nz = 3", "1\ny = 2"),
        ("x = <|>", 2, "1", "1"),
        ("<|>", 2, "\n\na\n\nb", "\n\na\n"),
    ],
)
def test_lines_are_counted_from_the_first_that_is_not_blank(
    text: str, wanted: Wanted, fill: str, expected: str
) -> None:
    check(text, wanted, fill, expected)


@pytest.mark.parametrize(
    ("text", "fill", "expected"),
    [
        ("def f():<|>", "\n    a()\n    b()\nc()", "\n    a()\n    b()"),
        ("def f():\n    <|>", "a()\n    b()\nc()", "a()\n    b()"),
        ("def f():\n    <|>", "if x:\n        a()\n    b()\n\n    c()", "if x:\n        a()\n    b()"),
        ("def f():\n    <|>", "\n\n    a()\n\n    b()", "\n\n    a()"),
        ("class A:\n    def f(self):\n        <|>", "a()\n\n    def g", "a()"),
        ("class A:\n    def f(self):\n        <|>", "a()\n    def g", "a()"),
        ("def f():\n<|>", "    a()\nb()", "    a()"),
        ("def f():<|>", " return 1\nc()", " return 1"),
    ],
)
def test_a_block_ends_with_its_indentation_or_before_a_blank_line(text: str, fill: str, expected: str) -> None:
    check(text, "auto", fill, expected)


@pytest.mark.parametrize(
    ("text", "fill", "expected"),
    [
        ("function f() {<|>", "\n  a();\n}\nb();", "\n  a();\n}"),
        ("function f() {\n  <|>\n}", "a();\n}\nb();", "a();\n}"),
        ("  f(() => {<|>", "\n    a();\n  });\n  b();", "\n    a();\n  });"),
        ("if (a) {<|>", "\n  b();\n} else {\n  c();\n}", "\n  b();\n}"),
        ("if (a) {<|>}", " b(); ", " b(); "),
    ],
)
def test_a_braced_block_ends_with_its_brace(text: str, fill: str, expected: str) -> None:
    check(text, "auto", fill, expected, "javascript")


@pytest.mark.parametrize(
    ("text", "fill", "expected"),
    [
        ("x = f(<|>", "\n    a,\n    b,\n)\ny = 2", "\n    a,\n    b,\n)"),
        ("x = f(<|>", "a)\ny = 2", "a)"),
        ("    if <|>", "x:\n        a()\n    else:\n        b()\n    c()", "x:\n        a()\n    else:\n        b()"),
        ("    x = 1\n    <|>", "y = 2\n    z = 3\nw = 4", "y = 2\n    z = 3"),
        ("    x = 1\n    <|>", "y = 2\n\n    z = 3", "y = 2"),
        ("    x = 1<|>", "\n    y = 2\n    z = 3\nw = 4", "\n    y = 2\n    z = 3"),
        ("    x = 1\n<|>", "\n    y = 2\nz = 3", "\n    y = 2"),
    ],
)
def test_a_block_asked_for_elsewhere_ends_before_the_next_statement(text: str, fill: str, expected: str) -> None:
    check(text, "block", fill, expected)


@example("  ", "", "", "python", "block")
@given(code, code, code, st.sampled_from(["python", "javascript", "rust", "text"]), st.sampled_from(["block", 1, 3]))
def test_a_stopped_fill_is_the_beginning_of_the_fill(
    fill: str, prefix: str, suffix: str, language: str, wanted: Wanted
) -> None:
    extent = choose_extent(prefix, suffix, language, wanted)
    stopped = stop(fill, prefix, suffix, language, extent)
    assert fill.startswith(stopped)
    assert stop(stopped, prefix, suffix, language, extent) == stopped
    if extent.num_lines is not None:
        assert len(stopped.lstrip().split("\n")) <= extent.num_lines


def test_an_extent_is_a_value() -> None:
    assert Extent("line", 32, 1) == choose_extent("", "", "python")
