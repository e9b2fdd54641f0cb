"""The plugin and the real server before a scripted engine, which counts what it is asked and says what a test wants."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import Event

import pytest
from editors.neovim.child import Neovim
from scripted_engine import Answer, ScriptedEngine, result, step, wait_until

from lacuna_server.engine.protocol import FillOut, TokenOut
from lacuna_server.reasons import Reason

pytestmark = pytest.mark.editors

Open = Callable[..., Neovim]

SETTINGS = "{ engine = { url = 'unix://SOCKET' }, delay_ms = 0, min_confidence = 0 }"

TABS = "vim.g.python_recommended_style = 0\n"

UNCERTAIN = """
local namespace = vim.api.nvim_get_namespaces()['lacuna.uncertain']
return vim.iter(vim.api.nvim_buf_get_extmarks(0, namespace, 0, -1, { details = true })):map(function(mark)
  return vim.api.nvim_buf_get_text(0, mark[2], mark[3], mark[4].end_row, mark[4].end_col, {})[1]
end):totable()
"""


@pytest.fixture
def engine(home: Path) -> Iterator[ScriptedEngine]:
    with ScriptedEngine().listening(home / "engine.sock") as engine:
        yield engine


@pytest.fixture
def open_file(start: Open, home: Path, engine: ScriptedEngine, setup: Callable[..., str]) -> Open:
    """Opens a file whose cursor is marked; the editor is in insert mode there."""

    def open_file(marked: str, name: str = "file.py", init: str = "", end: str = "\n", encoding: str = "") -> Neovim:
        before, _, after = marked.partition("|")
        settings = SETTINGS.replace("SOCKET", str(home / "engine.sock"))
        content = (before + after).replace("\n", end).encode()
        neovim = start(name, content, init=TABS + init + setup(settings, encoding))
        lines = before.split("\n")
        neovim.lua("vim.api.nvim_win_set_cursor(0, { ... })", len(lines), len(lines[-1].encode()))
        neovim.lua("vim.cmd(vim.fn.col('.') + 1 > vim.fn.col('$') - 1 and 'startinsert!' or 'startinsert')")
        neovim.lua("vim.api.nvim_win_set_cursor(0, { ... })", len(lines), len(lines[-1].encode()))
        return neovim

    return open_file


def answer(*texts: str, gate: Event | None = None) -> Answer:
    return Answer(result(*texts), gate=gate)


def candidates(*texts: str) -> Answer:
    fills = tuple(FillOut((text,), ((TokenOut(text, 0.9),),), 0.9) for text in texts)
    return Answer(result(texts[0], fills=fills))


def test_a_suggestion_is_taken_by_words_and_lines(open_file: Open, engine: ScriptedEngine) -> None:
    text = "for item in [first, second]:\n        yield item"
    engine.answers.append(answer(text))
    neovim = open_file("def items():\n    |\n")
    neovim.until(lambda: neovim.ghost() == text)
    for key, line, rest in (
        ("<M-Right>", "    for", " item in [first, second]:\n        yield item"),
        ("<M-Down>", "    for item in [first, second]:", "\n        yield item"),
        ("<M-Right>", "        yield", " item"),
        ("<M-Down>", "        yield item", ""),
    ):
        neovim.type(key)
        neovim.until(lambda line=line: neovim.lua("return vim.api.nvim_get_current_line()") == line)  # type: ignore[misc]
        neovim.until(lambda rest=rest: neovim.ghost() == rest)  # type: ignore[misc]
    assert neovim.lines() == ["def items():", "    for item in [first, second]:", "        yield item"]
    assert neovim.cursor() == (3, 18)
    assert len(engine.calls) == 1
    tally = neovim.status()["tally"]
    assert (tally["shown"], tally["accepted"], tally["rejected"]) == (1, 4, 0)
    assert tally["acceptedCharacters"] == len(text)


def test_what_was_typed_since_is_not_inserted_twice(open_file: Open, engine: ScriptedEngine) -> None:
    engine.answers.append(answer("compute(name)"))
    neovim = open_file("def f(name):\n    value = |\n")
    neovim.until(neovim.ghost)
    neovim.type("com<Tab>")
    neovim.until(lambda: neovim.lines()[1] == "    value = compute(name)")
    neovim.type("<Esc>u")
    neovim.until(lambda: neovim.lines()[1] == "    value = com")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
def test_emoji_are_counted_as_was_agreed(open_file: Open, engine: ScriptedEngine, home: Path, encoding: str) -> None:
    """Before the cursor, in what is typed through and taken in parts, in a marked span, and in what is filled anew."""
    tokens = (TokenOut("'🐻ü', ", 0.9), TokenOut("'🐙'", 0.2), TokenOut(", name", 0.9))
    text = "".join(token.text or "" for token in tokens)
    engine.answers.extend([Answer(result(text, fills=(FillOut((text,), (tokens,), 0.6),))), answer("'🦑🦑'")])
    neovim = open_file("face = '🦊é', |\n", encoding=encoding)
    neovim.until(lambda: neovim.ghost() == text)
    neovim.type("'🐻")
    neovim.until(lambda: neovim.ghost() == text[2:])
    neovim.type("<M-Right>")
    neovim.until(lambda: neovim.ghost() == text[3:])
    neovim.type("<Tab>")
    neovim.until(lambda: neovim.lines() == ["face = '🦊é', " + text])
    neovim.until(lambda: neovim.lua(UNCERTAIN) == ["'🐙'"])
    neovim.type("<Esc>")
    neovim.command("Lacuna regenerate")
    neovim.until(lambda: neovim.lines() == ["face = '🦊é', '🐻ü', '🦑🦑', name"])
    neovim.command("write")
    assert (home / "file.py").read_bytes() == "face = '🦊é', '🐻ü', '🦑🦑', name\n".encode()


def test_typing_something_else_leaves_the_key_to_others(open_file: Open, engine: ScriptedEngine) -> None:
    engine.answers.append(answer("compute(name)"))
    neovim = open_file("def f(name):\n    value = |\n")
    neovim.until(neovim.ghost)
    neovim.type("x<Tab>")
    neovim.until(lambda: neovim.lines()[1] == "    value = x\t")


def test_typing_through_asks_the_engine_nothing(open_file: Open, engine: ScriptedEngine) -> None:
    engine.answers.append(answer("compute(name)"))
    neovim = open_file("def f(name):\n    value = |\n")
    neovim.until(neovim.ghost)
    for number, typed in enumerate("comp", start=1):
        answered = neovim.num_answered()
        neovim.type(typed)
        neovim.until(lambda answered=answered: neovim.num_answered() > answered)  # type: ignore[misc]
        assert neovim.ghost() == "compute(name)"[number:]
    assert len(engine.calls) == 1


def test_alternatives(open_file: Open, engine: ScriptedEngine) -> None:
    engine.answers.extend([answer("first()"), candidates("first()", "second()", "third()")])
    neovim = open_file("def f(name):\n    value = |\n")
    neovim.until(lambda: neovim.ghost() == "first()")
    neovim.type("<M-n>")
    neovim.until(lambda: neovim.ghost() == "second() (2/3)")
    neovim.type("<M-n>")
    neovim.until(lambda: neovim.ghost() == "third() (3/3)")
    neovim.type("<M-p>")
    neovim.until(lambda: neovim.ghost() == "second() (2/3)")
    neovim.type("<Tab>")
    neovim.until(lambda: neovim.lines()[1] == "    value = second()")
    assert [call.num_candidates for call in engine.calls] == [1, 3]


def test_a_key_asks_where_nothing_is_suggested(open_file: Open, engine: ScriptedEngine) -> None:
    engine.answers.append(answer("  # done"))
    neovim = open_file("def f(name):\n    value = compute(name)|\n")
    neovim.until(lambda: neovim.num_answered() == 1)
    assert neovim.ghost() == "" and not engine.calls
    neovim.command("Lacuna why")
    neovim.until(lambda: any(Reason.STATEMENT_DONE.description in message for message in neovim.messages()))
    neovim.type("<M-Bslash>")
    neovim.until(lambda: neovim.ghost() == "  # done")
    assert len(engine.calls) == 1


def test_an_asked_for_suggestion_is_not_lost_to_an_automatic_one(open_file: Open, engine: ScriptedEngine) -> None:
    gate = Event()
    engine.answers.append(answer("()  # done", gate=gate))
    neovim = open_file("def f(name):\n    value = compute|\n", init="vim.g.mapleader = ' '")
    neovim.type("x<M-Bslash>")
    wait_until(lambda: len(engine.calls) == 1)
    neovim.lua("vim.wait(600)")  # longer than the editor waits before it asks by itself
    gate.set()
    neovim.until(lambda: neovim.ghost() == "()  # done")
    assert len(engine.calls) == 1 and not engine.num_hung_up


@pytest.mark.parametrize("keys", ["<Esc>", "x", "<C-o>:Lacuna toggle<CR>"])
def test_a_running_fill_is_cancelled(open_file: Open, engine: ScriptedEngine, keys: str) -> None:
    engine.answers.append(answer("compute(name)", gate=Event()))
    neovim = open_file("def f(name):\n    value = |\n")
    wait_until(lambda: len(engine.calls) == 1)
    neovim.type(keys)
    wait_until(lambda: engine.num_hung_up == 1)


def test_fast_typing_asks_once(open_file: Open, engine: ScriptedEngine) -> None:
    neovim = open_file("def f(name):\n|\n")
    for key in "    value = ":
        neovim.type(key)
    neovim.until(lambda: neovim.ghost() == "filled")
    assert len(engine.calls) == 1


def test_a_suggestion_can_be_dismissed(open_file: Open, engine: ScriptedEngine) -> None:
    neovim = open_file("def f(name):\n    value = |\n")
    neovim.until(neovim.ghost)
    neovim.type("<C-]>")
    neovim.until(lambda: not neovim.ghost())
    assert neovim.lines()[1] == "    value = "


def test_uncertain_spans_are_marked_and_made_anew(open_file: Open, engine: ScriptedEngine) -> None:
    tokens = (TokenOut("compute(", 0.9), TokenOut("left", 0.2), TokenOut(", ", 0.9), TokenOut("right", 0.3))
    text = "compute(left, right)"
    fill = FillOut((text,), ((*tokens, TokenOut(")", 0.9)),), 0.6)
    engine.answers.extend([Answer(result(text, fills=(fill,))), answer("first", "other"), answer("third")])
    neovim = open_file("def f(name):\n    value = |\n")
    neovim.until(neovim.ghost)
    neovim.type("<Tab>")
    neovim.until(lambda: neovim.lua(UNCERTAIN) == ["left", "right"])
    neovim.type("<Esc>")
    neovim.command("normal! 0")
    neovim.command("Lacuna regenerate")
    neovim.until(lambda: neovim.lines()[1] == "    value = compute(first, other)")
    assert neovim.lua(UNCERTAIN) == []
    neovim.type("u")
    neovim.until(lambda: neovim.lines()[1] == "    value = compute(left, right)")


def test_one_uncertain_span_is_made_anew(open_file: Open, engine: ScriptedEngine) -> None:
    tokens = (TokenOut("compute(", 0.9), TokenOut("left", 0.2), TokenOut(", ", 0.9), TokenOut("right", 0.3))
    text = "compute(left, right"
    engine.answers.extend([Answer(result(text, fills=(FillOut((text,), (tokens,), 0.6),))), answer("third")])
    neovim = open_file("def f(name):\n    value = |\n")
    neovim.until(neovim.ghost)
    neovim.type("<Tab>")
    neovim.until(lambda: len(neovim.lua(UNCERTAIN)) == 2)
    neovim.type("<Esc>")
    neovim.command("normal! 0fl")
    neovim.command("normal! fl")
    neovim.command("Lacuna regenerate")
    neovim.until(lambda: neovim.lines()[1] == "    value = compute(third, right")
    assert neovim.lua(UNCERTAIN) == ["right"]
    neovim.command("Lacuna clear")
    assert neovim.lua(UNCERTAIN) == []


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        ("0fcve:Lacuna fill<CR>", "    value = filled(name)"),
        ("V:Lacuna fill<CR>", "    filled"),
        (":Lacuna fill<CR>", "    filled"),
    ],
)
def test_a_range_is_filled(open_file: Open, engine: ScriptedEngine, keys: str, line: str) -> None:
    neovim = open_file("def f(name):\n    value = compute(name)|\n")
    neovim.type("<Esc>" + keys)
    neovim.until(lambda: neovim.lines() == ["def f(name):", line])


def test_a_range_that_was_changed_meanwhile_stays(open_file: Open, engine: ScriptedEngine) -> None:
    gate = Event()
    engine.answers.append(answer("filled", gate=gate))
    neovim = open_file("def f(name):\n    value = compute(name)|\n")
    neovim.type("<Esc>:Lacuna fill<CR>")
    wait_until(lambda: len(engine.calls) == 1)
    neovim.type("ggOimport x<Esc>")
    neovim.until(lambda: len(neovim.lines()) == 3)
    gate.set()
    neovim.until(lambda: any("has changed" in message for message in neovim.messages()))
    assert neovim.lines() == ["import x", "def f(name):", "    value = compute(name)"]


def test_a_replay_is_shown_step_by_step(open_file: Open, engine: ScriptedEngine) -> None:
    steps = (step(1, ["compute", None]), step(2, ["compute", "(name)"]))
    tokens = (TokenOut("compute", 0.9), TokenOut("(name)", 0.9))
    fill = FillOut(("compute(name)",), (tokens,), 0.9)
    engine.answers.append(Answer(result("compute(name)", fills=(fill,)), steps))
    neovim = open_file("def f(name):\n    value = |\n")
    neovim.until(neovim.ghost)
    neovim.type("<Esc>:Lacuna replay<CR>")
    in_window = "return vim.api.nvim_win_get_config(0).title"
    neovim.until(lambda: neovim.lua(in_window))
    shown = []
    for _ in range(3):
        shown.append((neovim.lua(in_window)[0][0].split(",")[0], neovim.lines()[1]))
        neovim.type("l")
        neovim.lua("vim.wait(10)")
    assert shown == [
        (" step 1 of 2", "    value = compute░"),
        (" step 2 of 2", "    value = compute(name)"),
        (" result: stable", "    value = compute(name)"),
    ]
    neovim.type("q")
    neovim.until(lambda: neovim.lines()[0] == "def f(name):" and not neovim.lua(in_window))


@pytest.mark.parametrize(
    ("before", "rows"),
    [
        ("vim.keymap.set('i', '<Tab>', 'mapped')", ["mapped"]),
        ("vim.keymap.set('i', '<Tab>', function() return 'mapped' end, { expr = true })", ["mapped"]),
        ("vim.keymap.set('i', '<Tab>', function() vim.api.nvim_set_current_line('mapped') end)", ["mapped"]),
        ('vim.cmd.inoremap(\'<expr> <Tab> 1 ? "mapped" : ""\')', ["mapped"]),
        ("", ["\t"]),
    ],
)
def test_a_key_with_nothing_to_do_does_what_it_did(
    open_file: Open, engine: ScriptedEngine, before: str, rows: Sequence[str]
) -> None:
    neovim = open_file("|", init=before + "\n")
    neovim.type("<Tab>")
    neovim.until(lambda: neovim.lines() == rows)


def test_a_menu_and_a_snippet_keep_their_tab(open_file: Open, engine: ScriptedEngine) -> None:
    neovim = open_file("def f(name):\n    names = |\n")
    neovim.until(neovim.ghost)
    neovim.lua("vim.fn.complete(13, { 'names', 'name' })")
    neovim.until(lambda: neovim.lua("return vim.fn.pumvisible()"))
    neovim.type("<Tab>")
    neovim.until(lambda: neovim.lines()[1] == "    names = names\t")
    neovim.type("<Esc>u")
    neovim.type("A<C-r>=''<CR>")
    neovim.lua("vim.snippet.expand('call(${1:one}, ${2:two})')")
    neovim.type("<Tab>")
    neovim.until(lambda: neovim.lua("return vim.fn.mode()") == "s")
    selected = "return vim.fn.getregion(vim.fn.getpos('v'), vim.fn.getpos('.'))"
    assert neovim.until(lambda: neovim.lua(selected)) == ["two"]


def test_it_is_turned_off_and_on(open_file: Open, engine: ScriptedEngine) -> None:
    neovim = open_file("def f(name):\n    value = |\n")
    line = "return require('lacuna').statusline()"
    neovim.until(neovim.ghost)
    assert neovim.lua(line) == "Lacuna"
    for scope in ("everywhere", "buffer"):
        neovim.command(f"Lacuna toggle {scope}")
        assert not neovim.ghost() and neovim.lua(line) == "Lacuna off"
        neovim.type("x")
        neovim.command(f"Lacuna toggle {scope}")
        neovim.type("<BS>")
        neovim.until(lambda: neovim.lua(line) == "Lacuna")
    neovim.command("Lacuna toggle filetype")
    neovim.type(" ")
    neovim.until(lambda: neovim.lua(line) == "Lacuna off")
    neovim.command("Lacuna toggle filetype")
    neovim.type("=")
    neovim.until(lambda: neovim.lua(line) == "Lacuna")


def test_commands_are_completed_and_mistakes_told(open_file: Open, engine: ScriptedEngine) -> None:
    neovim = open_file("|\n")
    complete = "return vim.fn.getcompletion(..., 'cmdline')"
    assert neovim.lua(complete, "Lacuna re") == ["regenerate", "replay", "restart"]
    assert neovim.lua(complete, "Lacuna toggle f") == ["filetype"]
    assert "preset:iso-date" in neovim.lua(complete, "Lacuna snippet ")
    neovim.command("Lacuna nonsense")
    assert "there is no :Lacuna nonsense" in neovim.messages()[-1]
    neovim.command("Lacuna snippet nonsense")
    assert "preset:NAME" in neovim.messages()[-1]
