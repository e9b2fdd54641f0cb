import pytest
from hypothesis import given
from hypothesis import strategies as st

from lacuna_server.languages import language_of
from lacuna_server.neighbours.document import Document, Neighbour
from lacuna_server.neighbours.edits import Edit, recent_edits
from lacuna_server.neighbours.newest import NUM_KEPT, newest
from lacuna_server.neighbours.search import Budgets, find_neighbours
from lacuna_server.neighbours.windows import similar_windows


def document(path: str, text: str, folder: str = "/work") -> Document:
    return Document(f"file://{folder}/{path}", path, language_of(path), text)


LOADER = """
def load_settings(path, defaults):
    content = path.read_text()
    settings = parse_settings(content)
    return defaults | settings
"""
SAVER = """
def save_settings(path, settings):
    content = format_settings(settings)
    path.write_text(content)
"""
OTHER = "\n".join(f"unrelated_{number} = compute_{number}()" for number in range(30))


def windows(text: str, others: list[Document], budget: int = 1000, previous: tuple[Neighbour, ...] = ()) -> list[str]:
    before, after = text.split("<|>")
    gap = (len(before), len(before))
    neighbours = similar_windows(document("m.py", before + after), gap, others, budget=budget, previous=previous)
    return [neighbour.path for neighbour in neighbours]


@pytest.mark.parametrize(
    ("text", "files", "expected"),
    [
        (SAVER + "<|>", {"a.py": LOADER, "b.py": OTHER}, ["a.py"]),
        (SAVER + "<|>", {"b.py": LOADER, "a.py": LOADER + "# more\n"}, ["a.py", "b.py"]),  # by path
        (SAVER + "<|>", {"a.js": LOADER, "m.py": LOADER}, []),  # another language; the document itself
        (LOADER + "<|>", {"a.py": LOADER}, []),  # nothing new
        (LOADER + "<|>", {"a.py": LOADER.replace("\n", "\r\n")}, []),
        (SAVER + "<|>", {"a.py": ""}, []),
        ("<|>", {"a.py": LOADER}, []),
        ("def load_settings(path, content, settings, defaults<|>):", {"a.py": LOADER}, []),  # the gap's line is unsure
    ],
)
def test_similar_windows(text: str, files: dict[str, str], expected: list[str]) -> None:
    assert windows(text, [document(path, content) for path, content in files.items()]) == expected


def test_an_equal_path_in_another_folder_is_another_document() -> None:
    text = SAVER + "load_settings\n"
    others = [document("m.py", LOADER, "/other"), document("m.py", LOADER + "# more\n", "/third")]
    gap = (len(text), len(text))
    found = similar_windows(document("m.py", text), gap, others, budget=1000, previous=())
    assert [neighbour.path for neighbour in found] == ["m.py", "m.py"]
    edits = [Edit(other, 2) for other in others]
    assert len(recent_edits(document("m.py", text), edits, budget=1000)) == 2


def test_windows_keep_to_their_budget() -> None:
    others = [document(f"{number}.py", LOADER + f"x{number} = 1\n") for number in range(5)]
    size = len(LOADER.strip("\n") + "\nx0 = 1\n")
    for budget, number in [(size - 1, 0), (size, 1), (3 * size + 1, 3)]:
        assert len(windows(SAVER + "<|>", others, budget)) == number


def test_what_was_chosen_stays_until_another_is_much_more_similar() -> None:
    first, second = document("a.py", LOADER + "first = 1\n"), document("b.py", LOADER + "second = 2\nthird = 3\n")
    size = 200
    assert windows(SAVER + "<|>", [first, second], size) == ["a.py"]
    previous = (Neighbour("b.py", second.text.strip("\n") + "\n"),)
    assert windows(SAVER + "<|>", [first, second], size, previous) == ["b.py"]
    twin = document("c.py", SAVER.replace("content", "text"))
    assert windows(SAVER + "<|>", [first, second, twin], size, previous) == ["c.py"]


def test_only_the_newest_text_of_a_document_is_remembered() -> None:
    made: list[str] = []

    @newest
    def length(document: Document) -> int:
        made.append(document.text)
        return len(document.text)

    for text in ("a", "a", "bc", "a"):
        assert length(document("x.py", text)) == len(text)
    assert made == ["a", "bc", "a"]
    for number in range(NUM_KEPT - 1):
        length(document(f"{number}.py", ""))
    made.clear()
    length(document("x.py", "a"))
    length(document("y.py", "b"))
    length(document("0.py", ""))
    assert made == ["b", ""]


@given(st.text("abcdefghij_ ().=", max_size=30))
def test_typing_in_a_line_changes_no_choice(typed: str) -> None:
    others = [document("a.py", LOADER), document("b.py", OTHER)]
    assert windows(f"{SAVER}\n{typed}<|>", others) == windows(f"{SAVER}\n<|>", others)


LINES = "".join(f"line {number}\n" for number in range(40))


@pytest.mark.parametrize(
    ("edits", "budget", "expected"),
    [
        ([("a.py", 1)], 1000, [("a.py", "line 0", "line 4")]),
        ([("a.py", 20), ("b.py", 39)], 1000, [("a.py", "line 17", "line 23"), ("b.py", "line 36", "line 39")]),
        ([("a.py", 20), ("a.py", 22)], 1000, [("a.py", "line 19", "line 25")]),  # the later place stands for both
        ([("a.py", 5), ("a.py", 30)], 1000, [("a.py", "line 2", "line 8"), ("a.py", "line 27", "line 33")]),
        ([("a.py", 20), ("b.py", 20)], 60, [("b.py", "line 17", "line 23")]),
        ([("m.py", 20)], 1000, []),
        ([("a.py", 20)], 10, []),
        ([], 1000, []),
    ],
)
def test_recent_edits(edits: list[tuple[str, int]], budget: int, expected: list[tuple[str, str, str]]) -> None:
    places = [Edit(document(path, LINES), line) for path, line in edits]
    pieces = recent_edits(document("m.py", ""), places, budget=budget)
    ends = [(piece.path, piece.text.split("\n")[0], piece.text.rstrip("\n").split("\n")[-1]) for piece in pieces]
    assert ends == expected


@pytest.mark.parametrize(
    ("budgets", "expected"),
    [
        (Budgets(), []),
        (Budgets(imports=1000), ["i.py"]),
        (Budgets(similar=1000), ["s.py"]),
        (Budgets(edits=1000), ["e.py"]),
        (Budgets(1000, 1000, 1000), ["i.py", "s.py", "e.py"]),
    ],
)
def test_each_source_has_a_switch(budgets: Budgets, expected: list[str]) -> None:
    text = "from i import f\n" + SAVER
    neighbours = find_neighbours(
        document("m.py", text),
        (len(text), len(text)),
        budgets=budgets,
        read={"i.py": "def f(): pass"}.get,
        others=[document("s.py", LOADER)],
        edits=[Edit(document("e.py", LINES), 3)],
    )
    assert [neighbour.path for neighbour in neighbours] == expected
