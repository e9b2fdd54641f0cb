from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lacuna_server.context import build_context
from lacuna_server.neighbours.document import Neighbour

WORDS = ["ab", "x = 1", "\n", "\r\n", "\r", "    ", "}", "é", "\u2028"]
TEXTS = st.lists(st.sampled_from(WORDS), max_size=120).map("".join)


def with_line_feeds(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def check_prefix(marked: str, budget: int, expected: str) -> None:
    """Cuts the prefix of a text in which `<|>` is the cursor."""
    before, after = marked.split("<|>")
    cursor = len(before)
    context = build_context(before + after, [(cursor, cursor)], language="python", prefix_budget=budget)
    assert context.segments == (expected, after)


@pytest.mark.parametrize(
    ("marked", "budget", "expected"),
    [
        ("a = 1\nb<|>\n", 100, "a = 1\nb"),  # all of it fits
        ("0123456789\n    ab\ndef f():\n    return <|>\n", 28, "def f():\n    return "),  # a block begins there
        ("0123456789\n    ab\n    cd\n    efg = <|>", 32, "    ab\n    cd\n    efg = "),  # only a line does
        ("0123456789\n    ab\n)\n    efgh = <|>", 27, "    ab\n)\n    efgh = "),  # a closer begins no block
        ("0123456789" * 5 + "<|>", 20, "0123456789" * 2),  # one long line
        ("0123456789\r\n    ab\r\ndef f():\r\n    return <|>\n", 30, "def f():\n    return "),
        ("abc<|>d", 0, ""),
    ],
)
def test_a_prefix_is_cut_where_something_begins(marked: str, budget: int, expected: str) -> None:
    check_prefix(marked, budget, expected)


@pytest.mark.parametrize(
    ("suffix", "budget", "expected"),
    [
        ("\nb\n", 3, "\nb\n"),
        ("\naaaaaaaaaaaaa\nbcdef", 20, "\naaaaaaaaaaaaa\nbcdef"),
        ("\naaaaaaaaaaaaaaa\nbcdef", 20, "\naaaaaaaaaaaaaaa\n"),  # a line ends in the last quarter
        ("\naaaaaaaaaaaa\nbcdefghijk", 20, "\naaaaaaaaaaaa\nbcdefg"),  # none does
        ("\r\naaaaaaaaaaaaaa\r\nbcdef", 20, "\naaaaaaaaaaaaaa\n"),
        ("abc", 0, ""),
    ],
)
def test_a_suffix_is_cut_behind_a_line(suffix: str, budget: int, expected: str) -> None:
    assert build_context("x" + suffix, [(1, 1)], language="python", suffix_budget=budget).segments == ("x", expected)


@given(TEXTS, st.integers(0, 60), st.integers(0, 60), st.data())
def test_segments_are_the_text_within_the_budgets(
    text: str, prefix_budget: int, suffix_budget: int, data: st.DataObject
) -> None:
    places = sorted(data.draw(st.lists(st.integers(0, len(text)), min_size=4, max_size=4)))
    gaps = [(places[0], places[1]), (places[2], places[3])]
    context = build_context(text, gaps, language="python", prefix_budget=prefix_budget, suffix_budget=suffix_budget)
    prefix, between, suffix = context.segments
    assert prefix == with_line_feeds(text[context.prefix_start : places[0]])
    assert between == with_line_feeds(text[places[1] : places[2]])
    assert places[0] - context.prefix_start <= prefix_budget
    assert len(suffix) <= suffix_budget
    assert with_line_feeds(text[places[3] :]).startswith(suffix.removesuffix("\n"))
    if context.prefix_start and prefix_budget >= 4:
        assert places[0] - context.prefix_start >= prefix_budget / 2 - 2
    assert "\r" not in "".join(context.segments)


@given(TEXTS, st.integers(16, 60), st.text("ab \n}", min_size=1, max_size=150))
def test_typing_moves_the_cut_in_steps(text: str, budget: int, typed: str) -> None:
    starts = []
    for length in range(len(typed) + 1):
        cursor = len(text) + length
        context = build_context(
            text + typed[:length] + "\nend", [(cursor, cursor)], language="python", prefix_budget=budget
        )
        starts.append(context.prefix_start)
    assert starts == sorted(starts)
    assert sum(earlier != later for earlier, later in pairwise(starts)) <= len(typed) / (budget // 4) + 1


@pytest.mark.parametrize(("language", "mark"), [("python", "#"), ("typescript", "//"), ("json", "//"), ("text", "#")])
def test_neighbours_stand_ahead_in_their_order(language: str, mark: str) -> None:
    neighbours = (Neighbour("b.py", "def b(): ...\n"), Neighbour("a.py", "A = 1"))
    context = build_context("x = 1\n", [(4, 5)], language=language, path="c.py", neighbours=neighbours)
    expected = f"{mark} b.py\ndef b(): ...\n\n{mark} a.py\nA = 1\n\n{mark} c.py\nx = "
    assert context.segments == (expected, "\n")
    assert context.prefix_start == 0


def test_a_document_alone_stands_for_itself() -> None:
    assert build_context("x = \n", [(4, 4)], language="python").segments == ("x = ", "\n")
