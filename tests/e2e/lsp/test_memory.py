"""What is answered without the engine, or with what is left of an answer, and when it is forgotten."""

from pathlib import Path

from lsprotocol import types
from scripted_editor import INVOKED, Connect
from scripted_engine import Answer, ScriptedEngine, result

from lacuna_server.engine.protocol import FillOut, TokenOut

MARKED = "the_value = <|>\n"


def at(character: int) -> types.Position:
    return types.Position(0, character)


async def test_deleting_back_into_a_suggestion_is_answered_from_memory(
    connect: Connect, engine: ScriptedEngine
) -> None:
    """Although nothing is asked for where text was only deleted."""
    editor = await connect()
    engine.answers.append(Answer(result("left + right")))
    start = editor.open(MARKED).character
    await editor.is_ready()
    await editor.suggest(at(start))
    editor.type("lef", at(start), version=2)
    for version, typed in enumerate(("le", "l", ""), start=3):
        end = start + len(typed)
        editor.change(version, (at(end), at(end + 1), ""))
        (item,) = await editor.suggest(at(end))
        assert typed + str(item.insert_text) == "left + right"
    assert (len(engine.calls), editor.reasons) == (1, [])


async def test_a_suggestion_accepted_in_part_goes_on(connect: Connect, engine: ScriptedEngine) -> None:
    editor = await connect()
    engine.answers.append(Answer(result("left + right")))
    start = editor.open(MARKED).character
    await editor.is_ready()
    await editor.suggest(at(start))
    for version, (accepted, rest) in enumerate((("left", " + right"), (" +", " right")), start=2):
        editor.type(accepted, at(start), version)
        editor.tell("accepted", length=len(accepted))
        start += len(accepted)
        (item,) = await editor.suggest(at(start))
        assert item.insert_text == rest
    assert len(engine.calls) == 1
    assert (await editor.ask("status"))["tally"]["acceptedCharacters"] == len("left +")


async def test_after_a_typo_the_engine_goes_on_from_a_draft(connect: Connect, engine: ScriptedEngine) -> None:
    editor = await connect()
    tokens = tuple(TokenOut(text, 0.9) for text in ("left", " +", " right"))
    engine.answers.append(Answer(result(fills=(FillOut(("left + right",), (tokens,), 0.9),))))
    start = editor.open(MARKED).character
    await editor.is_ready()
    await editor.suggest(at(start))
    editor.type("lex", at(start), version=2)
    await editor.suggest(at(start + 3))
    assert [call.draft for call in engine.calls] == [None, ((None, " +", " right"),)]


async def test_a_document_that_is_closed_is_forgotten(connect: Connect, engine: ScriptedEngine) -> None:
    editor = await connect()
    cursor = editor.open(MARKED)
    await editor.is_ready()
    for closes, num_calls in ((False, 1), (False, 1), (True, 2)):
        if closes:
            editor.close()
            assert await editor.suggest(cursor) == []
            editor.open(MARKED)
        assert await editor.suggest(cursor, kind=INVOKED)
        assert len(engine.calls) == num_calls


async def test_what_one_engine_said_is_not_taken_for_another_s(
    connect: Connect, engine: ScriptedEngine, socket: Path
) -> None:
    editor = await connect()
    cursor = editor.open(MARKED)
    await editor.is_ready()
    (item,) = await editor.suggest(cursor)
    place = socket.with_name("other.sock")
    with ScriptedEngine().listening(place) as other:
        other.answers.append(Answer(result("other")))
        editor.set({"engine": {"url": f"unix://{place}"}})
        await editor.until(lambda: editor.states[-2:] == ["loading", "ready"])
        (other_item,) = await editor.suggest(cursor)
    assert (item.insert_text, other_item.insert_text) == ("filled", "other")
