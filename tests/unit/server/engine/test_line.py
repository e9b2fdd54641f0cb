from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from lacuna_server.engine.line import Line

PLACES = st.tuples(st.sampled_from("abc"), st.sampled_from("123"))


def emptied(line: Line[str]) -> list[str]:
    return [item for item in iter(line.next, None)]


def check(arrivals: Sequence[str], order: Sequence[str]) -> None:
    line: Line[str] = Line(100, 100)
    for item in arrivals:
        line.join(item[0], item[:2], item)
    assert len(line) == len(list(line)) == len(order)
    assert emptied(line) == list(order)


def test_clients_take_turns() -> None:
    check([], [])
    check(["a1", "a2", "a3", "b1", "b2", "c1"], ["a1", "b1", "c1", "a2", "b2", "a3"])
    check(["b1", "a1", "b2"], ["b1", "a1", "b2"])


def test_the_latest_takes_the_place_of_the_older() -> None:
    check(["a1 old", "a2", "a1 new"], ["a1 new", "a2"])
    check(["a1 old", "b1", "a1 new"], ["a1 new", "b1"])


def test_what_is_replaced_or_leaves_is_returned() -> None:
    line: Line[str] = Line(9, 9)
    assert line.join("a", 1, "old") is None
    assert line.join("a", 1, "new") == "old"
    assert line.leave("a", 2) is line.leave("b", 1) is None
    assert line.leave("a", 1) == "new"
    assert line.next() is None


def test_nobody_can_fill_the_line_alone() -> None:
    line: Line[str] = Line(max_items=3, max_items_of_client=2)
    line.join("a", 1, "a1")
    line.join("a", 2, "a2")
    assert not line.has_room("a", 3)
    assert line.has_room("a", 2)
    line.join("b", 1, "b1")
    assert not line.has_room("c", 1)
    assert line.has_room("b", 1)


@given(st.lists(PLACES | st.none(), max_size=40))
def test_nobody_is_passed_over(events: list[tuple[str, str] | None]) -> None:
    line: Line[tuple[str, str]] = Line(100, 100)
    waiting_since: dict[str, int] = {}
    turns: list[str] = []
    for event in events:
        if event is not None:
            line.join(*event, event)
            waiting_since.setdefault(event[0], len(turns))
        elif (item := line.next()) is not None:
            client = item[0]
            others = turns[waiting_since.pop(client) :]
            assert len(others) == len(set(others)), "another client had two turns in the meantime"
            turns.append(client)
            if any(waiting[0] == client for waiting in line):
                waiting_since[client] = len(turns)
