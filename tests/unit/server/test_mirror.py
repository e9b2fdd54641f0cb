import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lacuna_server.mirror import Encoding, Point, Text

ENCODINGS: tuple[Encoding, ...] = ("utf-8", "utf-16", "utf-32")
SIZES = {"utf-8": ("utf-8", 1), "utf-16": ("utf-16-le", 2), "utf-32": ("utf-32-le", 4)}
TEXTS = st.text(alphabet="ab\n\r\u2028\x0b\x0c\x1c\x85é🙂e\u0301\ufeff\0", max_size=40)


def num_units(text: str, encoding: Encoding) -> int:
    codec, size = SIZES[encoding]
    return len(text.encode(codec)) // size


def plain_lines(text: str) -> list[str]:
    """Lines without line breaks, found one character at a time."""
    lines, rest = [""], text
    while rest:
        match = re.match(r"\r\n|\r|\n", rest)
        if match:
            lines.append("")
        else:
            lines[-1] += rest[0]
        rest = rest[match.end() if match else 1 :]
    return lines


def plain_offset(text: str, line: int, character: int, encoding: Encoding) -> int:
    """The offset of an editor's position, found by walking the text."""
    lines = plain_lines(text)
    if line >= len(lines):
        return len(text)
    offset = 0
    for content in lines[:line]:
        offset += len(content)
        offset += 2 if text[offset : offset + 2] == "\r\n" else 1
    column = 0
    while column < len(lines[line]) and num_units(lines[line][: column + 1], encoding) <= character:
        column += 1
    return offset + column


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", [""]),
        ("a", ["a"]),
        ("a\n", ["a", ""]),
        ("a\r\nb\rc\nd", ["a", "b", "c", "d"]),
        ("\r\r\n\n", ["", "", "", ""]),
        ("a\x0cb\u2028c\x85d", ["a\x0cb\u2028c\x85d"]),
    ],
)
def test_lines_end_at_three_breaks_only(text: str, lines: list[str]) -> None:
    mirror = Text(text)
    assert [mirror.line(number) for number in range(mirror.num_lines)] == lines


@pytest.mark.parametrize(
    ("line", "character", "encoding", "point"),
    [
        (0, 0, "utf-16", (0, 0)),
        (0, 1, "utf-16", (0, 1)),
        (0, 3, "utf-16", (0, 2)),
        (0, 2, "utf-16", (0, 1)),  # inside of the surrogate pair
        (0, 4, "utf-16", (0, 3)),
        (0, 5, "utf-16", (0, 3)),  # past the end, before the line break
        (0, 5, "utf-8", (0, 2)),
        (0, 3, "utf-8", (0, 1)),
        (0, 7, "utf-8", (0, 3)),
        (0, 2, "utf-32", (0, 2)),
        (0, 2**31, "utf-32", (0, 3)),
        (1, 9, "utf-8", (1, 1)),
        (2, 0, "utf-8", (1, 1)),
        (2**31, 2**31, "utf-16", (1, 1)),
    ],
)
def test_positions_are_clamped(line: int, character: int, encoding: Encoding, point: tuple[int, int]) -> None:
    assert Text("a🙂é\r\nx").point(line, character, encoding) == point


@given(TEXTS, st.sampled_from(ENCODINGS))
def test_every_place_comes_back(text: str, encoding: Encoding) -> None:
    mirror = Text(text)
    for line, content in enumerate(plain_lines(text)):
        for column in range(len(content) + 1):
            character = mirror.character(Point(line, column), encoding)
            assert character == num_units(content[:column], encoding)
            assert mirror.point(line, character, encoding) == (line, column)


@given(TEXTS, st.integers(0, 12), st.integers(0, 30), st.sampled_from(ENCODINGS))
def test_any_position_is_somewhere(text: str, line: int, character: int, encoding: Encoding) -> None:
    mirror = Text(text)
    point = mirror.point(line, character, encoding)
    left = mirror.edited(point, mirror.point(2**31, 0, encoding), "")
    assert str(left) == text[: plain_offset(text, line, character, encoding)]


POSITIONS = st.tuples(st.integers(0, 8), st.integers(0, 12))


@given(TEXTS, st.lists(st.tuples(POSITIONS, POSITIONS, TEXTS), max_size=6), st.sampled_from(ENCODINGS))
@settings(max_examples=200)
def test_the_mirror_equals_the_editor_after_any_edits(
    text: str, edits: list[tuple[tuple[int, int], tuple[int, int], str]], encoding: Encoding
) -> None:
    mirror = Text(text)
    for first, second, new in edits:
        start, end = sorted((plain_offset(text, *first, encoding), plain_offset(text, *second, encoding)))
        mirror = mirror.edited(mirror.point(*first, encoding), mirror.point(*second, encoding), new)
        text = text[:start] + new + text[end:]
        assert str(mirror) == text
        assert mirror.num_lines == len(plain_lines(text))


@given(TEXTS)
def test_a_window_has_line_feeds_only_and_the_same_places(text: str) -> None:
    mirror, lines = Text(text), plain_lines(text)
    window = mirror.window()
    assert window.text == "\n".join(lines)
    for offset in range(len(window.text) + 1):
        point = window.point(offset)
        assert window.offset(point) == offset
        assert lines[point.line][: point.column] == window.text[:offset].rpartition("\n")[2]


@given(TEXTS, st.integers(0, 5), st.integers(0, 9))
def test_a_part_of_a_text_knows_where_it_lies(text: str, first: int, last: int) -> None:
    mirror, lines = Text(text), plain_lines(text)
    first = min(first, len(lines) - 1)
    window = mirror.window(first, max(last, first + 1))
    for number, content in enumerate(lines[first : max(last, first + 1)], start=first):
        place = window.offset(Point(number, len(content)))
        assert window.text[place - len(content) : place] == content


@pytest.mark.parametrize(
    ("text", "newline"), [("", "\n"), ("a", "\n"), ("a\r\nb\n", "\r\n"), ("a\rb", "\r"), ("\n\r\n", "\n")]
)
def test_the_first_line_sets_the_line_break(text: str, newline: str) -> None:
    assert Text(text).newline == newline


def test_an_old_text_does_not_change() -> None:
    old = Text("a\nb")
    new = old.edited(Point(0, 0), Point(1, 1), "c")
    assert (str(old), str(new)) == ("a\nb", "c")


def test_surrogates_that_meet_are_one_character() -> None:
    text = Text("a\ud83db").edited(Point(0, 2), Point(0, 2), "\ude42")
    assert str(text) == "a🙂b"


def test_a_lone_surrogate_harms_nobody() -> None:
    text = Text("a\ud83db\ude00")
    assert [text.character(Point(0, 4), encoding) for encoding in ENCODINGS] == [8, 4, 4]
    assert [text.point(0, 9, encoding) for encoding in ENCODINGS] == [(0, 4)] * 3
    assert text.window().text == "a\ufffdb\ufffd"


def test_a_key_in_a_huge_file_does_not_read_it_again() -> None:
    text = Text("value = compute(value)\r\n" * 200_000)
    start = time.perf_counter()
    for key in range(20):
        place = Point(100_000, key)
        text = text.edited(place, place, "x")
    assert time.perf_counter() - start < 1  # reading all lines takes a second for twenty keys, copying a list does not
