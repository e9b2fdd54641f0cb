"""Ghost text from the embedded model, by the real server, in a real Neovim."""

from collections.abc import Callable

import pytest
from editors.neovim.child import Neovim

pytestmark = pytest.mark.editors

Start = Callable[..., Neovim]

PERSON = "class Person:\n    def __init__(self, name):\n        self.name = "
ADD = "function add(left: number, right: number): number {\n  return left "


@pytest.mark.parametrize(("name", "text"), [("person.py", PERSON), ("add.ts", ADD)])
def test_ghost_text_appears_and_is_accepted(start: Start, name: str, text: str) -> None:
    neovim = start(name, text.encode() + b"\n")
    neovim.type("GA")
    ghost = neovim.until(neovim.ghost)
    neovim.type("<Tab>")
    neovim.until(lambda: neovim.lines() == (text + ghost).split("\n"))
    assert not neovim.ghost()


def test_typing_through_asks_the_engine_nothing(start: Start, fills: Callable[..., float]) -> None:
    neovim = start("person.py", PERSON.encode() + b"\n")
    neovim.type("GA")
    ghost = neovim.until(neovim.ghost)
    num_fills = fills()
    for number, key in enumerate(ghost[:3], start=1):
        num_answered = neovim.num_answered()
        neovim.type(key)
        neovim.until(lambda num_answered=num_answered: neovim.num_answered() > num_answered)  # type: ignore[misc]
        assert neovim.ghost() == ghost[number:]
    assert fills() == num_fills


def test_words_add_up_to_the_suggestion(start: Start, fills: Callable[..., float]) -> None:
    neovim = start("add.ts", ADD.encode() + b"\n")
    neovim.type("GA")
    ghost = neovim.until(neovim.ghost)
    num_fills = fills()
    while rest := neovim.ghost():
        neovim.type("<M-Right>")
        neovim.until(lambda rest=rest: neovim.ghost() != rest)  # type: ignore[misc]
    assert "\n".join(neovim.lines()) == ADD + ghost
    assert fills() == num_fills


def test_an_alternative_is_taken(start: Start) -> None:
    neovim = start("add.ts", ADD.encode() + b"\n")
    neovim.type("GA")
    first = neovim.until(neovim.ghost)
    neovim.type("<M-n>")
    other = neovim.until(lambda: neovim.ghost().removesuffix("/3)").rpartition(" (2")[0])
    assert other != first
    neovim.type("<Tab>")
    neovim.until(lambda: "\n".join(neovim.lines()) == ADD + other)


def test_a_running_fill_is_cancelled(
    start: Start, fills: Callable[..., float], num_running: Callable[[], int], setup: Callable[..., str]
) -> None:
    init = setup("{ delay_ms = 0, min_confidence = 0, length = 20, deadline_ms = 60000 }")
    neovim = start("long.py", (PERSON + "name\n").encode() * 40 + PERSON.encode() + b"\n", init=init)
    num_cancelled = fills(stop_reason="cancelled")
    neovim.type("GA")
    neovim.until(num_running)
    neovim.type("<Esc>")
    neovim.until(lambda: fills(stop_reason="cancelled") == num_cancelled + 1)
