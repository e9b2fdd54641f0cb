from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lacuna_server.errors import UserError
from lacuna_server.files import Source
from lacuna_server.gaps import Gaps, find_gaps
from lacuna_server.positions import LineIndex, Position, parse_position


def source(text: str, newline: str = "\n") -> Source:
    return Source("x.py", Path("x.py"), text.encode(), text, newline)


@pytest.mark.parametrize(
    ("text", "start", "to", "segments"),
    [
        ("ab\ncd\n", "2:2", None, ("ab\nc", "d\n")),
        ("ab\ncd\n", "1:1", "2:2", ("", "d\n")),
        ("ab\ncd\n", "3:1", None, ("ab\ncd\n", "")),
        ("ab\r\ncd\r\n", "2:2", None, ("ab\nc", "d\n")),
        ("ab\r\ncd\r\n", "1:3", "2:1", ("ab", "cd\n")),
        ("", "1:1", None, ("", "")),
    ],
)
def test_position_and_selection(text: str, start: str, to: str | None, segments: tuple[str, ...]) -> None:
    end = None if to is None else parse_position(to)
    assert find_gaps(source(text), parse_position(start), end, None).segments == segments


@pytest.mark.parametrize(
    ("text", "marker", "segments"),
    [
        ("a<FILL>b", None, ("a", "b")),
        ("<FILL>b<FILL>", None, ("", "b", "")),
        ("a[.]b.c", "[.]", ("a", "b.c")),
    ],
)
def test_markers(text: str, marker: str | None, segments: tuple[str, ...]) -> None:
    assert find_gaps(source(text), None, None, marker).segments == segments


@pytest.mark.parametrize(
    ("text", "start", "to", "marker", "message"),
    [
        ("ab", None, None, None, "has no <FILL> in it"),
        ("ab", None, None, "@@", "has no @@ in it"),
        ("ab", None, None, "", "must not be empty"),
        ("<FILL><FILL>", None, None, None, "nothing between"),
        ("<FILL>", "1:1", None, "<FILL>", "exclude each other"),
        ("<FILL>", None, "1:1", None, "--to needs"),
        ("ab", "1:2", "1:1", None, "lies before"),
        ("ab", "2:1", None, None, "x.py: There is no line 2"),
        ("ab", "1:1", "1:9", None, "x.py: There is no column 9"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    text: str, start: str | None, to: str | None, marker: str | None, message: str
) -> None:
    places = [None if place is None else parse_position(place) for place in (start, to)]
    with pytest.raises(UserError, match=message):
        find_gaps(source(text), places[0], places[1], marker)


def test_fills_take_the_newline_of_the_file() -> None:
    gaps = find_gaps(source("a\r\n<FILL>\r\nb\n", "\r\n"), None, None, None)
    assert gaps.filled(["x\ny"]) == "a\r\nx\r\ny\r\nb\n"
    assert gaps.filled(["x\r\ny"]) == "a\r\nx\r\ny\r\nb\n"


def test_gaps_know_their_place() -> None:
    gaps = find_gaps(source("a\r\nb<FILL>\nc"), None, None, None)
    assert gaps.positions == ((Position(2, 2), Position(2, 8)),)


@given(st.text(alphabet="ab\n\r", max_size=30), st.data())
def test_nothing_but_the_gap_changes(text: str, data: st.DataObject) -> None:
    index = LineIndex(text)
    offsets = st.integers(0, len(text)).map(lambda offset: index.offset(index.position(offset)))
    start, end = sorted((data.draw(offsets), data.draw(offsets)))
    gaps = find_gaps(source(text), index.position(start), index.position(end), None)
    assert gaps == Gaps(source(text), ((start, end),))
    assert gaps.filled(["new"]) == text[:start] + "new" + text[end:]
    assert "\r" not in "".join(gaps.segments)
