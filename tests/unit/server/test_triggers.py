import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lacuna_server.reasons import Reason
from lacuna_server.triggers import MENU_TRIGGERS, Place, reason_not_to_ask

CURSOR = "<|>"
HEAD = "import os\n\n"
"""So that no document is too short."""


def check(text: str, language: str, reason: Reason | None) -> None:
    prefix, suffix = text.split(CURSOR)
    assert reason_not_to_ask(Place(HEAD + prefix, suffix, language)) is reason


@pytest.mark.parametrize("character", MENU_TRIGGERS)
@pytest.mark.parametrize("language", ["python", "typescript"])
def test_where_menus_open_something_is_suggested(character: str, language: str) -> None:
    check(f"value{character}{CURSOR}", language, None)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x = <|>", None),
        ("<|>", None),
        ("foo(<|>)", None),
        ("foo('<|>')", None),
        ("foo([{<|>}])", None),
        ("foo(<|>):", None),
        ("foo(<|>)  :  ", None),
        ("foo(<|>) {", None),
        ("x = [<|>],", None),
        ("x = <|>;", None),
        ("Vec<Vec<<|>>>", None),
        ("<|>   ", None),
        ("x = <|> + 1", Reason.TEXT_AFTER_CURSOR),
        ("x = (<|>a)", Reason.TEXT_AFTER_CURSOR),
        ("foo(<|>)  # note", Reason.TEXT_AFTER_CURSOR),
        ("foo(<|>);;", Reason.TEXT_AFTER_CURSOR),
        ("fo<|>o", Reason.INSIDE_WORD),
        ("x_<|>1", Reason.INSIDE_WORD),
        ("é<|>é", Reason.INSIDE_WORD),
        ("fo<|>\no", None),
    ],
)
def test_text_right_of_the_cursor(text: str, reason: Reason | None) -> None:
    check(text, "python", reason)


@pytest.mark.parametrize(
    ("text", "language", "reason"),
    [
        ("foo(1)<|>", "python", Reason.STATEMENT_DONE),
        ("foo(1)  <|>", "python", Reason.STATEMENT_DONE),
        ("x = [1]<|>", "python", Reason.STATEMENT_DONE),
        ("x = {}<|>", "python", Reason.STATEMENT_DONE),
        ("foo();<|>", "javascript", Reason.STATEMENT_DONE),
        ("function f() {\n  foo();<|>\n}", "javascript", Reason.STATEMENT_DONE),
        ("}<|>", "rust", Reason.STATEMENT_DONE),
        ("foo(1)\n<|>", "python", None),
        ("foo(bar(1)<|>", "python", None),
        ("foo(bar(1)<|>)", "python", None),
        ("x = [\n    foo(1)<|>\n]", "python", None),
        ("x = {a: foo(1)<|>", "python", None),
        ("for (let i = 0;<|>", "javascript", None),
        ("def f(a)<|>", "python", None),
        ("    elif f(a)<|>", "python", None),
        ("async def f(a)<|>", "python", None),
        ("} else if (a)<|>", "javascript", None),
        ("export default function f()<|>", "typescript", None),
        ("pub fn f()<|>", "rust", None),
        ("if (a)<|>", "c", None),
        ("iffy(a)<|>", "c", Reason.STATEMENT_DONE),
        ("# as in foo(1)<|>", "python", None),
        ("// as in foo(1)<|>", "go", None),
        ("/* as in\n foo(1)<|>", "go", None),
        ("print('a (b)<|>", "python", None),
        ("print('a (b)')<|>", "python", Reason.STATEMENT_DONE),
        ("As we saw (above)<|>", "markdown", None),
        ("x = 1<|>", "python", None),
    ],
)
def test_finished_statements(text: str, language: str, reason: Reason | None) -> None:
    check(text, language, reason)


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        (Place("", "", "python"), Reason.SHORT_DOCUMENT),
        (Place("12345678", "\n", "python"), Reason.SHORT_DOCUMENT),
        (Place("12345678\n", "\n", "python"), None),
        (Place("x = 1\ny = ", "", "python", num_cursors=2), Reason.SEVERAL_CURSORS),
        (Place("x = 1\ny = ", "", "python", lone_deletion=True), Reason.DELETION),
        (Place("x = 1\ny = ", "", "python"), None),
    ],
)
def test_circumstances(place: Place, reason: Reason | None) -> None:
    assert reason_not_to_ask(place) is reason


def test_every_reason_is_described_with_what_to_do() -> None:
    assert len({reason.description for reason in Reason}) == len(Reason)
    assert [reason for reason in Reason if not re.fullmatch(r"[^;.]+[^;. ]; [^;]+[^;. ]", reason.description)] == []
    assert all(str(reason) == reason.value and reason.value.replace("-", "").isalpha() for reason in Reason)


@given(st.text(), st.text(), st.sampled_from(["python", "rust", "text", ""]), st.integers(), st.booleans())
def test_any_place_has_an_answer(prefix: str, suffix: str, language: str, num_cursors: int, deletion: bool) -> None:
    reason = reason_not_to_ask(Place(prefix, suffix, language, num_cursors, deletion))
    assert reason is None or reason in Reason


@pytest.mark.parametrize("line", [" " * 1_000_000 + "x", ")" * 1_000_000 + "x", "(" * 1_000_000, "'\"" * 500_000])
def test_long_lines_take_linear_time(line: str) -> None:
    start = time.perf_counter()
    reason_not_to_ask(Place(line, line, "javascript"))
    assert time.perf_counter() - start < 2
