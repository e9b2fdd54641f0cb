import pytest
from scripted_engine import result, step

from lacuna_server.engine.protocol import FillCall
from lacuna_server.replays import MAX_REPLAYS, MAX_SLOTS, PastFill, Recording, Replays


def past_fill(document: str) -> PastFill:
    return PastFill(FillCall(("", ""), document=document), (), result("x"))


@pytest.mark.parametrize(
    ("num_slots", "num_steps", "kept"),
    [
        (MAX_SLOTS // 4, 4, [1, 2, 3, 4]),
        (MAX_SLOTS // 4, 5, [1, 3, 5]),
        (MAX_SLOTS // 4, 8, [1, 3, 5, 7]),
        (MAX_SLOTS // 4, 9, [1, 5, 9]),
        (MAX_SLOTS // 4, 40, [1, 17, 33]),
        (2 * MAX_SLOTS, 3, [1]),
        (0, 3, [1, 2, 3]),
    ],
)
def test_of_a_large_fill_steps_are_left_out_evenly(num_slots: int, num_steps: int, kept: list[int]) -> None:
    recording = Recording()
    for number in range(1, num_steps + 1):
        recording.add(step(number, [None] * num_slots))
    assert [each.step for each in recording.steps] == kept


def test_the_newest_fill_under_some_names_is_found() -> None:
    replays = Replays()
    first, second, again = past_fill("a"), past_fill("b"), past_fill("a")
    for fill in (first, second):
        replays.keep(fill)
    assert (replays.last({"a", "b"}), replays.last({"a"}), replays.last({"c"})) == (second, first, None)
    replays.keep(again)
    assert replays.last({"a", "b"}) is again
    replays.forget(("a", "c"))
    assert (replays.last({"a", "b"}), replays.last({"a"})) == (second, None)


def test_old_fills_are_dropped() -> None:
    replays = Replays()
    for number in range(MAX_REPLAYS + 1):
        replays.keep(past_fill(str(number)))
    assert replays.last({"0"}) is None
    assert replays.last({"1"}) is not None
