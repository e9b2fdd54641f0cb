from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from lsprotocol.types import Position, Range

from lacuna_server.engine.protocol import TokenOut
from lacuna_server.mirror import Encoding, Text
from lacuna_server.replies import range_of
from lacuna_server.suggestion.tokens import uncertain_spans
from lacuna_server.uncertainty import uncertain_after

ENCODINGS: tuple[Encoding, ...] = ("utf-8", "utf-16", "utf-32")


def tokens_of(*pairs: tuple[str | None, float]) -> list[TokenOut]:
    return [TokenOut(text, confidence) for text, confidence in pairs]


def place(line: int, character: int) -> Position:
    return Position(line, character)


def check(*changes: tuple[Position, Position, list[TokenOut]], expected: list[Range]) -> None:
    found = uncertain_after([(Range(start, end), tokens) for start, end, tokens in changes], "utf-16")
    assert [each.range for each in found] == expected


def test_in_the_line_of_the_cursor() -> None:
    tokens = tokens_of(("a", 0.9), ("bc", 0.1))
    check((place(3, 4), place(3, 4), tokens), expected=[Range(place(3, 5), place(3, 7))])


def test_from_one_line_to_the_next() -> None:
    tokens = tokens_of(("a", 0.9), ("b\n🙂c", 0.1), ("d", 0.9), ("e", 0.1))
    check(
        (place(3, 4), place(3, 9), tokens),
        expected=[Range(place(3, 5), place(4, 3)), Range(place(4, 4), place(4, 5))],
    )


def test_changes_move_what_comes_behind_them() -> None:
    sure, unsure = tokens_of(("x\ny", 0.9)), tokens_of(("z", 0.1))
    check(
        (place(0, 2), place(0, 5), sure),
        (place(0, 7), place(2, 1), unsure),
        (place(2, 4), place(2, 4), unsure),
        (place(9, 4), place(9, 4), unsure),
        expected=[
            Range(place(1, 3), place(1, 4)),
            Range(place(1, 7), place(1, 8)),
            Range(place(8, 4), place(8, 5)),
        ],
    )


characters = st.sampled_from("ab é🙂\n")
tokens = st.lists(st.builds(TokenOut, st.text(characters, max_size=3), st.sampled_from([0.0, 0.25, 0.75])), max_size=5)


@given(st.lists(st.tuples(st.text(characters, max_size=9), tokens), max_size=4), st.sampled_from(ENCODINGS))
def test_ranges_are_those_of_the_document_after_all_changes(
    pieces: list[tuple[str, list[TokenOut]]], encoding: Encoding
) -> None:
    """Every second piece of a text is replaced; the uncertain texts must stand where they are told to."""
    before, after, offsets = "", "", [0]
    expected = []
    for piece, filled in pieces:
        before, after = before + piece, after + piece
        offsets.append(len(before))
        text = "".join(token.text or "" for token in filled)
        expected += [(len(after) + start, len(after) + end) for start, end, _ in uncertain_spans(filled)]
        after += text
        before += "old\n"
        offsets.append(len(before))
    old, new = Text(before), Text(after)
    window = old.window()
    replaced = [
        range_of(old, window.point(start), window.point(end), encoding) for start, end in list(pairwise(offsets))[1::2]
    ]
    found = uncertain_after(zip(replaced, (filled for _, filled in pieces), strict=True), encoding)
    view = new.window()
    assert [each.range for each in found] == [
        range_of(new, view.point(start), view.point(end), encoding) for start, end in expected
    ]
