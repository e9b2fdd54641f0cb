from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lacuna_server.errors import UserError
from lacuna_server.positions import (
    LineIndex,
    Position,
    Target,
    parse_position,
    parse_target,
    protect_standard_input,
)

TEXTS = st.text(alphabet="ab\n\r\u2028\x0b\x85é🙂", max_size=40)


@pytest.mark.parametrize(
    ("argument", "file", "position"),
    [
        ("x.py:3:4", "x.py", Position(3, 4)),
        ("x.py", "x.py", None),
        ("-", "-", None),
        ("-:3:4", "-", Position(3, 4)),
        (r"C:\x.py:3:4", r"C:\x.py", Position(3, 4)),
        (r"C:\x.py", r"C:\x.py", None),
        ("C:/code/x.py", "C:/code/x.py", None),
        ("a:b/x.py", "a:b/x.py", None),
        ("a:1:2/x.py:3:4", "a:1:2/x.py", Position(3, 4)),
        ("x.py:1:2:3:4", "x.py:1:2", Position(3, 4)),
        ("a\nb.py:3:4", "a\nb.py", Position(3, 4)),
    ],
)
def test_target_is_read_from_the_right(argument: str, file: str, position: Position | None) -> None:
    assert parse_target(argument) == Target(file, position)


@pytest.mark.parametrize(
    "argument",
    ["x.py:3", "x.py:", "x.py::", "x.py:a:b", "x.py:3:-4", "x.py:3:4:", "-:3", f"x.py:1:{'9' * 5000}", "x.py:٣:٤"],
)
def test_target_that_only_looks_like_one_is_refused(argument: str) -> None:
    with pytest.raises(UserError, match="FILE:LINE:COLUMN"):
        parse_target(argument)


def test_a_missing_file_name_is_said_to_be_missing() -> None:
    with pytest.raises(UserError, match="file name is missing"):
        parse_target("")


def test_a_file_may_be_called_like_a_position(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a:b.py").touch()
    assert parse_target("a:b.py") == Target("a:b.py", None)
    assert parse_target("a:b.py:3:4") == Target("a:b.py", Position(3, 4))


def test_position_is_two_numbers() -> None:
    assert parse_position("12:3") == Position(12, 3)
    for wrong in ("12", "12:", ":3", "1:2:3", "a:b", "-1:2", ""):
        with pytest.raises(UserError, match="LINE:COLUMN"):
            parse_position(wrong)


@pytest.mark.parametrize(
    ("text", "position", "rest"),
    [
        ("", Position(1, 1), ""),
        ("ab", Position(1, 3), ""),
        ("ab\ncd", Position(1, 3), "\ncd"),
        ("ab\ncd", Position(2, 1), "cd"),
        ("ab\n", Position(2, 1), ""),
        ("ab\r\ncd\ref\ngh", Position(2, 2), "d\ref\ngh"),
        ("ab\r\ncd\ref\ngh", Position(3, 1), "ef\ngh"),
        ("ab\r\ncd\ref\ngh", Position(1, 3), "\r\ncd\ref\ngh"),
        ("\t🙂é\u2028x\n", Position(1, 3), "é\u2028x\n"),
        ("\t🙂é\u2028x\n", Position(1, 5), "x\n"),
    ],
)
def test_offset_leaves_the_rest(text: str, position: Position, rest: str) -> None:
    assert text[LineIndex(text).offset(position) :] == rest


@pytest.mark.parametrize(
    ("position", "message"),
    [
        (Position(0, 1), "no line 0; lines go from 1 to 3"),
        (Position(4, 1), "no line 4; lines go from 1 to 3"),
        (Position(1, 0), "no column 0 in line 1; its columns go from 1 to 4"),
        (Position(1, 5), "no column 5 in line 1; its columns go from 1 to 4"),
        (Position(3, 2), "no column 2 in line 3; its columns go from 1 to 1"),
    ],
)
def test_offset_outside_names_the_range(position: Position, message: str) -> None:
    with pytest.raises(UserError, match=message):
        LineIndex("abc\r\nd\n").offset(position)


@given(TEXTS)
def test_every_place_comes_back(text: str) -> None:
    index = LineIndex(text)
    for offset in range(len(text) + 1):
        position = index.position(offset)
        inside_break = text[offset - 1 : offset + 1] == "\r\n"
        assert index.offset(position) == offset - inside_break


@given(TEXTS)
def test_lines_are_those_of_universal_newlines(text: str) -> None:
    assert LineIndex(text).num_lines == len(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"))


@pytest.mark.parametrize(
    ("arguments", "protected"),
    [
        (["fill", "-:1:2", "--json"], ["fill", "--json", "--", "-:1:2"]),
        (["fill", "--to", "2:1", "-:1:2"], ["fill", "--to", "2:1", "--", "-:1:2"]),
        (["fill", "--", "-:1:2"], ["fill", "--", "-:1:2"]),
        (["fill", "-", "--marker", "-:-"], ["fill", "-", "--marker", "-:-"]),
        (["fill", "x.py:1:2", "-v"], ["fill", "x.py:1:2", "-v"]),
    ],
)
def test_standard_input_with_a_position_is_no_option(arguments: list[str], protected: list[str]) -> None:
    assert protect_standard_input(arguments) == protected
