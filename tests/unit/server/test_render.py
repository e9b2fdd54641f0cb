import io

import pytest
from rich.console import Console
from rich.text import Text
from scripted_engine import result

from lacuna_server.engine.protocol import FillOut, StepEvent, TokenOut
from lacuna_server.render import figures, fill_texts, has_colour, in_context, one_line, step_texts, visible

TEN_LINES = "".join(f"{number}\n" for number in range(10))


@pytest.mark.parametrize(
    ("segments", "middles", "num_lines", "view"),
    [
        (("a\nb\nx = ", "\nc\nd\n"), ["1"], 0, "x = ⟦1⟧"),
        (("a\nb\nx = ", "\nc\nd\n"), ["1"], 1, "b\nx = ⟦1⟧\nc"),
        (("a\nb\nx = ", " + y\nc\nd\n"), ["1"], 9, "a\nb\nx = ⟦1⟧ + y\nc\nd"),
        (("", ""), [""], 3, "⟦⟧"),
        (("a", "b", "c"), ["1", "2"], 0, "a⟦1⟧b⟦2⟧c"),
        (("", TEN_LINES, ""), ["1", "2"], 1, "⟦1⟧0\n1\n⋮\n9\n⟦2⟧"),
        (("", "0\n1\n2\n", ""), ["1", "2"], 1, "⟦1⟧0\n1\n2\n⟦2⟧"),
    ],
)
def test_context(segments: tuple[str, ...], middles: list[str], num_lines: int, view: str) -> None:
    shown = in_context(segments, [Text(middle) for middle in middles], num_lines, brackets=True)
    assert shown.plain == view


def test_colour_stands_for_brackets() -> None:
    assert in_context(("a", "b"), [Text("x")], 0, brackets=False).plain == "axb"
    assert has_colour(Console(file=io.StringIO(), force_terminal=True, color_system="standard", no_color=False))
    assert not has_colour(Console(file=io.StringIO(), force_terminal=False))
    assert not has_colour(Console(file=io.StringIO(), force_terminal=True, no_color=True))


def test_only_given_text_is_dimmed() -> None:
    output = io.StringIO()
    console = Console(file=output, force_terminal=True, color_system="standard", no_color=False)
    console.print(in_context(("a", "b"), [Text("x", "bold")], 0, brackets=False))
    assert output.getvalue() == "\x1b[2ma\x1b[0m\x1b[1mx\x1b[0m\x1b[2mb\x1b[0m\n"


def test_uncertain_tokens_differ_from_certain_ones() -> None:
    tokens = (TokenOut("a", 0.9), TokenOut("b", 0.2))
    (text,) = fill_texts(FillOut(("ab",), (tokens,), 0.0))
    assert text.plain == "ab"
    certain, uncertain = (span.style for span in text.spans)
    assert certain != uncertain


def test_tokens_that_do_not_add_up_give_way_to_the_text() -> None:
    tokens = (TokenOut("\ufffd", 0.9), TokenOut("\ufffd", 0.2))
    (text,) = fill_texts(FillOut(("é",), (tokens,), 0.0))
    assert text.plain == "é"


def test_steps_show_open_slots() -> None:
    step = StepEvent(1, ((TokenOut("a\n", 0.9), TokenOut(None, 0.0)), (TokenOut(None, 0.0),)))
    assert [text.plain for text in step_texts(step)] == ["a\n░", "░"]
    assert one_line(step_texts(step)) == "a⏎░ ⋮ ░"


def test_nothing_reaches_the_terminal_as_a_command() -> None:
    shown = visible("a\x1b[31m\r\x07\x7f\x9b\tb\n")
    assert shown == "a␛[31m␍␇␡\ufffd\tb\n"


def test_figures_count() -> None:
    assert figures(result("x", num_steps=1, num_forwards=2, num_tokens=3, total_ms=6.4)) == (
        "1 step, 2 forwards, 3 tokens (1.5 a forward), 6 ms, stable"
    )
