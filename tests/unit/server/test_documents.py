import pytest
from lsprotocol import types

from lacuna_server.app import create_server
from lacuna_server.documents import OpenDocument
from lacuna_server.handlers.documents import did_change
from lacuna_server.mirror import Point, Text
from lacuna_server.session import Session

URI = "file:///project/x.py"
TEXT = "first = \nsecond = \nthird = \n"

Change = tuple[tuple[int, int], tuple[int, int], str]


@pytest.fixture
def session() -> Session:
    server = create_server()
    encoding = types.PositionEncodingKind.Utf16
    server.protocol.server_capabilities = types.ServerCapabilities(position_encoding=encoding)
    server.session.documents[URI] = OpenDocument(URI, "python", 1, Text(TEXT))
    return server.session


def change(session: Session, *changes: Change) -> None:
    made = [
        types.TextDocumentContentChangePartial(types.Range(types.Position(*start), types.Position(*end)), text)
        for start, end, text in changes
    ]
    identifier = types.VersionedTextDocumentIdentifier(session.documents[URI].version + 1, URI)
    did_change(session, types.DidChangeTextDocumentParams(identifier, made))


@pytest.mark.parametrize(
    ("changes", "deleted_at"),
    [
        ([((1, 2), (1, 3), "")], Point(1, 2)),
        ([((1, 0), (2, 0), "")], Point(1, 0)),
        ([((1, 3), (1, 4), ""), ((1, 2), (1, 3), "")], Point(1, 2)),
        ([((1, 3), (1, 4), ""), ((1, 3), (1, 3), "x")], None),
        ([((1, 3), (1, 3), "x")], None),
        ([], None),
    ],
)
def test_the_place_of_a_deletion(session: Session, changes: list[Change], deleted_at: Point | None) -> None:
    change(session, *changes)
    assert session.documents[URI].deleted_at == deleted_at
    change(session, ((0, 0), (0, 0), "x"))
    assert session.documents[URI].deleted_at is None


@pytest.mark.parametrize(
    ("changes", "num_cursors"),
    [
        ([((2, 8), (2, 8), "f("), ((1, 9), (1, 9), "f("), ((0, 8), (0, 8), "f(")], 3),
        ([((0, 8), (0, 8), "f("), ((1, 9), (1, 9), "f(")], 2),
        ([((0, 8), (0, 8), "s"), ((0, 9), (0, 9), "s")], 1),
        ([((0, 8), (0, 8), "\n"), ((1, 0), (1, 0), "\n")], 1),
        ([((0, 8), (0, 8), "1"), ((1, 9), (1, 9), "2")], 1),
        ([((1, 2), (1, 3), ""), ((0, 2), (0, 3), "")], 1),
        ([((0, 8), (0, 8), "1")], 1),
        ([], 1),
    ],
)
def test_equal_texts_in_several_lines_tell_of_several_cursors(
    session: Session, changes: list[Change], num_cursors: int
) -> None:
    change(session, *changes)
    assert session.documents[URI].num_cursors == num_cursors
    change(session, ((0, 0), (0, 0), "x"))
    assert session.documents[URI].num_cursors == 1


def test_a_text_that_is_sent_as_a_whole(session: Session) -> None:
    for version, (text, deleted_at) in enumerate((("x = 1\n", None), ("", Point(0, 0))), start=2):
        identifier = types.VersionedTextDocumentIdentifier(version, URI)
        whole = types.TextDocumentContentChangeWholeDocument(text)
        did_change(session, types.DidChangeTextDocumentParams(identifier, [whole]))
        document = session.documents[URI]
        assert (str(document.text), document.deleted_at, document.num_cursors) == (text, deleted_at, 1)
