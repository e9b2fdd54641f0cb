import time

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from lacuna_server.engine.protocol import FillOut, TokenOut
from lacuna_server.extent import Wanted, choose_extent
from lacuna_server.reasons import Reason
from lacuna_server.suggestion import Indentation, Suggestion, indentation_of, suggestion_of
from lacuna_server.suggestion.closers import fitted, is_subsequence
from lacuna_server.suggestion.overlap import is_near
from lacuna_server.suggestion.repetition import is_periodic
from lacuna_server.suggestion.tokens import aligned, clipped, rewritten, text_of
from lacuna_server.syntax.brackets import scan

CURSOR = "<|>"
FOUR_SPACES = Indentation()
LANGUAGES = ("python", "typescript", "json", "rust", "markdown")

code = st.text(st.sampled_from("ab1 \t\n\n()[]{}\"'#/:;,=>é😀\r\x0c"), max_size=50) | st.text(max_size=20)
confidences = st.floats(0, 1)


def filled(text: str, *confidence: float) -> FillOut:
    """A fill of one token, or of as many of about the same length as there are confidences."""
    size = -(-len(text) // max(1, len(confidence))) or 1
    pieces = [text[start : start + size] for start in range(0, len(text), size)]
    tokens = zip(pieces, confidence or (1.0,), strict=False)
    return FillOut((text,), (tuple(TokenOut(piece, sureness) for piece, sureness in tokens),), 0.0)


def judge(
    text: str,
    fill: str | FillOut,
    language: str = "python",
    wanted: Wanted = "auto",
    indentation: Indentation | None = FOUR_SPACES,
    min_confidence: float = 0.0,
) -> Suggestion | Reason:
    prefix, suffix = text.split(CURSOR)
    fill = filled(fill) if isinstance(fill, str) else fill
    extent = choose_extent(prefix, suffix, language, wanted)
    return suggestion_of(fill, prefix, suffix, language, extent, indentation, min_confidence=min_confidence)


def check(text: str, fill: str, expected: str | Reason, language: str = "python", wanted: Wanted = "block") -> None:
    """`expected` is the document after accepting, with the cursor before what the suggestion left of the suffix."""
    suggestion = judge(text, fill, language, wanted)
    if isinstance(suggestion, Suggestion):
        document = text.replace(CURSOR, "")
        got = document[: suggestion.start] + suggestion.insert_text + CURSOR + document[suggestion.end :]
        assert got == expected
    else:
        assert suggestion is expected


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


@pytest.mark.parametrize(
    ("text", "fill", "expected"),
    [
        ("<|>\nreturn x\n", "return x", Reason.REPEATS_SUFFIX),
        ("<|>\n\n    return x\n", "return x", Reason.REPEATS_SUFFIX),
        ("re<|>\nreturn x\n", "turn x", Reason.REPEATS_SUFFIX),
        ("<|>\na = 1\nb = 2\n", "a = 1\nb = 2", Reason.REPEATS_SUFFIX),
        ("<|>\nresult = compute_all(x)\n", "result = compute_al(x)", Reason.REPEATS_SUFFIX),
        ("<|>\nreturn x\n", "return y", "return y<|>\nreturn x\n"),
        ("f(\n    a,\n<|>\n)", ")", Reason.REPEATS_SUFFIX),
        ("<|>\na = 1\nb = 2\n", "c = 0\na = 1\nb = 2", "c = 0<|>\na = 1\nb = 2\n"),
        ("<|>\na = 1\nb = 2\n", "c = 0\na = 1\nb", "c = 0<|>\na = 1\nb = 2\n"),
        ("<|>\na = 1\nb = 2\n", "c = 0\na = 1\nd = 2", "c = 0\na = 1\nd = 2<|>\na = 1\nb = 2\n"),
    ],
)
def test_the_lines_below_are_not_repeated(text: str, fill: str, expected: str | Reason) -> None:
    check(text, fill, expected)


@pytest.mark.parametrize(
    ("text", "fill", "expected"),
    [
        ("a.add(1)\n<|>", "a.add(1)", Reason.REPEATS_PREFIX),
        ("a.add(1)\na.ad<|>", "d(1)", Reason.REPEATS_PREFIX),
        ("a()\nb()\n\n<|>", "a()\nb()", Reason.REPEATS_PREFIX),
        ("a.add(1)\n<|>", "a.add(2)", "a.add(1)\na.add(2)<|>"),
        ("  )\n<|>", ")", "  )\n)<|>"),
        ("    <p>\n    </p>\n<|>", "</p>", "    <p>\n    </p>\n</p><|>"),
        ("    end\n  <|>", "end", "    end\n  end<|>"),
        ("  fi\n<|>", "fi", "  fi\nfi<|>"),
        ("  fi  \n  <|>", "fi", Reason.REPEATS_PREFIX),
        ("if a:\n        return None\n    <|>", "return None", "if a:\n        return None\n    return None<|>"),
        ("<|>", "a()\na()\na()\n", "a()<|>"),
        ("x = [<|>", "0, 0, 0, 0, 0, 0, 0, 0", "x = [0, 0, 0, 0, 0, 0, 0, 0<|>"),
        ("x = <|>", "[0, [0, [0, [0, [0, [0, [0, [0", Reason.REPEATS_ITSELF),
        ("# <|>", "-" * 40, "# " + "-" * 40 + "<|>"),
        ("# <|>", "the the the the the the", Reason.REPEATS_ITSELF),
        ("x = <|>", "foo(aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", Reason.REPEATS_ITSELF),
        ("x = <|>", "[0, 0, 0]", "x = [0, 0, 0]<|>"),
        ("<|>", "", Reason.EMPTY),
        ("<|>", " \n\t\n", Reason.EMPTY),
    ],
)
def test_repetition_and_nothing(text: str, fill: str, expected: str | Reason) -> None:
    check(text, fill, expected)


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
    assert indentation_of(text) == indentation


def test_a_level_has_a_column() -> None:
    with pytest.raises(ValueError, match="at least 1 column"):
        Indentation(size=0)


@pytest.mark.parametrize(
    ("confidence", "is_shown"),
    [((0.9, 0.9, 0.9), True), ((0.9, 0.1, 0.9), True), ((0.4, 1.0, 1.0), False), ((0.9, 0.1, 0.1), False)],
)
def test_the_mean_and_the_first_token_must_be_sure(confidence: tuple[float, ...], is_shown: bool) -> None:
    suggestion = judge("x = <|>", filled("aaabbbccc", *confidence), min_confidence=0.5)
    assert suggestion is Reason.LOW_CONFIDENCE or (isinstance(suggestion, Suggestion) and is_shown)
    assert isinstance(suggestion, Suggestion) is is_shown


def test_tokens_that_are_cut_off_do_not_count() -> None:
    fill = FillOut(("1\nrest",), ((TokenOut("1\n", 0.8), TokenOut("rest", 0.0)),), 0.0)
    suggestion = judge("x = <|>", fill, min_confidence=0.5)
    assert isinstance(suggestion, Suggestion)
    assert suggestion.tokens == (TokenOut("1", 0.8),)
    assert suggestion.confidence == 0.8


def test_a_fill_without_gaps_is_empty() -> None:
    assert judge("x = <|>", FillOut((), (), 0.0)) is Reason.EMPTY


@pytest.mark.parametrize(
    ("text", "texts", "expected"),
    [
        ("abcd", ("ab", "cd"), ("ab", "cd")),
        ("abc", ("ab", "cd"), ("ab", "c")),
        ("é!", ("\ufffd", "\ufffd", "!"), ("é!",)),
        ("", ("ab",), ()),
        ("ab", (), ("ab",)),
    ],
)
def test_tokens_add_up_to_the_text(text: str, texts: tuple[str, ...], expected: tuple[str, ...]) -> None:
    tokens = aligned(text, [TokenOut(piece, 0.5) for piece in texts])
    assert tuple(token.text for token in tokens) == expected


@given(st.lists(st.text(max_size=4)), st.integers(0, 20), st.integers(0, 20))
def test_tokens_follow_what_is_done_to_the_text(texts: list[str], start: int, end: int) -> None:
    tokens = [TokenOut(text, 0.5) for text in texts]
    whole = "".join(texts)
    assert text_of(clipped(tokens, start, end)) == whole[start:end]
    characters = [character * 2 if character < "m" else "" for character in whole]
    assert text_of(rewritten(tokens, characters)) == "".join(characters)


@given(st.builds(filled, code, confidences, confidences), code, code, st.sampled_from(LANGUAGES), st.booleans())
@example(filled("a"), "f(", ")", "python", True)
def test_every_suggestion_can_be_shown(fill: FillOut, prefix: str, suffix: str, language: str, tabs: bool) -> None:
    prefix, suffix = prefix.replace("\r", ""), suffix.replace("\r", "")
    for wanted in ("auto", "line", "block", 2):
        extent = choose_extent(prefix, suffix, language, wanted)
        indentation = indentation_of(prefix + suffix) or (Indentation(tabs=True) if tabs else None)
        suggestion = suggestion_of(fill, prefix, suffix, language, extent, indentation, min_confidence=0.3)
        if isinstance(suggestion, Reason):
            continue
        replaced = (prefix + suffix)[suggestion.start : suggestion.end]
        assert suggestion.start == len(prefix)
        assert "\n" not in replaced
        assert suffix.startswith(replaced)
        assert is_subsequence(replaced, suggestion.insert_text)
        assert suggestion.insert_text.strip()
        assert "\r" not in suggestion.insert_text
        assert text_of(suggestion.tokens) == suggestion.insert_text
        assert suggestion.confidence >= 0.3 - 1e-9


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


def distance(one: str, other: str) -> int:
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, start=1):
        above, row = row, [i]
        for j, b in enumerate(other, start=1):
            row.append(min(above[j] + 1, row[-1] + 1, above[j - 1] + (a != b)))
    return row[-1]


@given(
    st.text("ab", min_size=20, max_size=90), st.lists(st.tuples(st.integers(0, 99), st.sampled_from(["", "c", "aa"])))
)
def test_nearness_is_the_edit_distance(text: str, edits: list[tuple[int, str]]) -> None:
    other = text
    for place, new in edits[:6]:
        other = other[: place % len(text)] + new + other[place % len(text) + 1 :]
    assert is_near(text, other) == (distance(text, other) <= int(0.05 * max(len(text), len(other))))


@pytest.mark.parametrize(
    ("text", "periodic"),
    [
        ("ab" * 8, True),
        ("abc " * 5, True),
        ("x = " + "ab" * 8, True),
        ("ab" * 7, False),
        ("abcdefgh" * 3, False),
        ("|---" * 5 + "|", False),
        ("=" * 20, False),
        ("(" * 20, True),
        ("-----\n" * 5, True),
    ],
)
def test_periods(text: str, periodic: bool) -> None:
    assert is_periodic(text) is periodic


def test_long_fills_are_judged_in_time() -> None:
    text = "\n".join(f"    value_{i} = compute({i}, [{i}])" for i in range(200))
    other = text.replace("7", "8")
    start = time.perf_counter()
    judge(f"def f():<|>\n{other}\n", "\n" + text, wanted="block")
    judge("x = (" * 2000 + CURSOR + ")" * 2000, "a" + ")" * 2000, wanted="block")
    assert time.perf_counter() - start < 2


@pytest.mark.parametrize("line", ["a" * 2_000_000, "(" * 2_000_000, "# " + ")" * 2_000_000, '"' * 2_000_000])
def test_long_lines_take_linear_time(line: str) -> None:
    start = time.perf_counter()
    judge(f"{line}{CURSOR}{line}\n{line[:-1]}", "x)" + line[:50])
    assert time.perf_counter() - start < 3
