import pytest
from hypothesis import given
from hypothesis import strategies as st
from judging import check

from lacuna_server.reasons import Reason
from lacuna_server.suggestion.overlap import is_near
from lacuna_server.suggestion.repetition import is_periodic


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
