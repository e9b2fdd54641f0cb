import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from judging import LANGUAGES, check, code

from lacuna_server.suggestion.closers import fitted, is_subsequence
from lacuna_server.syntax.brackets import scan


@pytest.mark.parametrize(
    ("text", "fill", "expected"),
    [
        ("f(<|>)", "a)", "f(a<|>)"),
        ("f(<|>)", "a", "f(a<|>)"),
        ("f(g(<|>)", "a)", "f(g(a)<|>)"),
        ("f(g(<|>))", "a))", "f(g(a<|>))"),
        ("f(g(<|>))", "a)", "f(g(a<|>))"),
        ("f(g(<|>))", "a), h(b)", "f(g(a), h(b<|>))"),
        ("f(<|>)", "a) * 2", "f(a) * 2<|>"),
        ("f(<|>)", "a) * g(2)", "f(a) * g(2<|>)"),
        ("f(<|>)", "a) * (2", "f(a) * (2<|>)"),
        ("f(<|> )", "a)", "f(a<|> )"),
        ("f(<|>):", "a):", "f(a<|>):"),
        ("if f(<|>) {", "a) {", "if f(a<|>) {"),
        ("x = [<|>],", "1],", "x = [1<|>],"),
        ('f("<|>")', 'a")', 'f("a<|>")'),
        ('f("<|>")', 'a"', 'f("a<|>")'),
        ('f("<|>")', 'a", "b', 'f("a", "b<|>")'),
        ("f(<|>)", '"a")', 'f("a"<|>)'),
        ('f"{g(<|>)}"', 'a)}"', 'f"{g(a<|>)}"'),
        ('"""Do<|>"""\n\n"""\n', 'c."""', '"""Doc.<|>"""\n\n"""\n'),
        ('f("<|>")', '" + x + "', 'f("" + x + "<|>")'),
        ("x = 1  # as in f(<|>)", "x)", "x = 1  # as in f(x<|>)"),
        ('f("as in f(<|>)")', "x)", 'f("as in f(x<|>)")'),
        ("def f(\n    <|>\n)", "a,\n)", "def f(\n    a,<|>\n)"),
        ("f(g(\n    <|>\n)", "a,\n))", "f(g(\n    a,<|>\n)"),
        ("x = <|>: int,", "a: int,", "x = a<|>: int,"),
        ("x = <|>;", "a;", "x = a<|>;"),
        ("x = <|>a", "banana", "x = banana<|>a"),
        ("x = <|> + 1", "y + 1", "x = y<|> + 1"),
        ("return <|>x", "not ", "return not <|>x"),
    ],
)
def test_what_the_line_goes_on_with_is_not_repeated(text: str, fill: str, expected: str) -> None:
    check(text, fill, expected)


@pytest.mark.parametrize(
    ("text", "fill", "expected", "language"),
    [
        ("function f() {\n  <|>\n}", "a();\n}", "function f() {\n  a();<|>\n}", "javascript"),
        ("function f() {\n  <|>", "a();\n}", "function f() {\n  a();\n}<|>", "javascript"),
        ("if (a) {\n  if (b) {\n    <|>\n}", "c();\n  }", "if (a) {\n  if (b) {\n    c();\n  }<|>\n}", "javascript"),
        ("f(() => {\n  <|>\n});", "a();\n});", "f(() => {\n  a();<|>\n});", "javascript"),
        ("f(<|>);", "a);", "f(a<|>);", "typescript"),
        ("`a ${f(<|>)}`", "b)}`", "`a ${f(b<|>)}`", "typescript"),
        ("let a: Vec<Vec<<|>>>", "u8>>", "let a: Vec<Vec<u8<|>>>", "rust"),
        ("let a: Vec<Vec<<|>>", "u8>", "let a: Vec<Vec<u8><|>>", "rust"),
        ("<a <|>>", 'b="c">', '<a b="c"<|>>', "html"),
        ("It (<|>)", "is so)", "It (is so<|>)", "markdown"),
        ('{"a": [<|>]}', "1, 2]", '{"a": [1, 2<|>]}', "json"),
        ('{"<|>": 1}', 'a": 1', '{"a<|>": 1}', "json"),
    ],
)
def test_closers_in_other_languages(text: str, fill: str, expected: str, language: str) -> None:
    check(text, fill, expected, language)


@given(st.lists(st.sampled_from("([{"), max_size=4), st.text("ab, ", min_size=1, max_size=5), st.integers(0, 4))
def test_closers_are_never_doubled(openers: list[str], inner: str, num_repeated: int) -> None:
    assume(inner.strip())
    closers = "".join({"(": ")", "[": "]", "{": "}"}[opener] for opener in reversed(openers))
    prefix, fill = "f = " + "".join(openers), inner + closers[:num_repeated]
    fit = fitted(fill, prefix, closers + "\n", "python")
    document = prefix + fill[: fit.num_kept] + closers[fit.num_replaced :]
    assert document == prefix + inner + closers


@given(code, code, code, st.sampled_from(LANGUAGES))
def test_fitting_never_adds_a_bracket_without_a_partner(prefix: str, fill: str, suffix: str, language: str) -> None:
    fit = fitted(fill, prefix, suffix, language)
    assert is_subsequence(suffix[: fit.num_replaced], fill)
    assert 0 <= fit.num_kept <= len(fill)
    if fit.num_replaced:
        before = scan(prefix + fill + suffix, language).num_unmatched
        assert scan(prefix + fill + suffix[fit.num_replaced :], language).num_unmatched <= before
