"""How the last fill came about, for clients that show it; others cost nothing."""

from typing import Any

import pytest
from lsprotocol import types
from scripted_editor import Connect, Editor, capabilities
from scripted_engine import Answer, ScriptedEngine, result, step

URI = "file:///project/x.py"
OTHER = "file:///project/other.py"
REPLAYING = capabilities(experimental={"lacuna": {"replay": True, "status": True}})


async def fill(editor: Editor, engine: ScriptedEngine, uri: str, *texts: str, marked: str = "value = <FILL>\n") -> None:
    """Has the gaps of a new document filled in two steps."""
    halfway = [[text, None] for text in texts]
    engine.answers.append(Answer(result(*texts), (step(1, *([None] for _ in texts)), step(2, *halfway))))
    editor.open(marked, uri)
    assert (await editor.ask("fillGaps", textDocument={"uri": uri}))["edit"]


def slot(text: str | None) -> dict[str, Any]:
    return {"text": text, "confidence": 0.0 if text is None else 0.9}


async def test_the_last_fill_is_told_step_by_step(connect: Connect, engine: ScriptedEngine) -> None:
    editor = await connect(capabilities=REPLAYING)
    await editor.is_ready()
    above, below = "".join(f"a{number}\n" for number in range(20)), "".join(f"b{number}\n" for number in range(20))
    await fill(editor, engine, URI, "left", "right", marked=f"{above}f(<FILL>, <FILL>)\n{below}")
    replay = await editor.ask("replay", textDocument={"uri": URI})
    assert [each.pop("elapsedMs") for each in replay["steps"]] == [0.0, 0.0]
    assert replay == {
        "uri": URI,
        "language": "python",
        "before": "".join(f"a{number}\n" for number in range(11, 20)) + "f(",
        "after": ")\n" + "".join(f"b{number}\n" for number in range(9)).removesuffix("\n"),
        "segments": [", "],
        "steps": [
            {"step": 1, "gaps": [[slot(None)], [slot(None)]]},
            {"step": 2, "gaps": [[slot("left"), slot(None)], [slot("right"), slot(None)]]},
        ],
        "tokens": [[slot("left")], [slot("right")]],
        "texts": ["left", "right"],
        "stopReason": "stable",
        "numSteps": 3,
        "numForwards": 3,
        "numPrefixTokens": 10,
        "numCachedTokens": 0,
        "queueMs": 0.5,
        "encodeMs": 1.0,
        "denoiseMs": 2.0,
        "rankMs": 0.0,
        "totalMs": 3.5,
    }


async def test_it_is_kept_for_each_open_document(connect: Connect, engine: ScriptedEngine) -> None:
    editor = await connect(capabilities=REPLAYING)
    await editor.is_ready()
    assert await editor.ask("replay") is None
    await fill(editor, engine, URI, "first")
    await fill(editor, engine, OTHER, "second")
    engine.answers.append(Answer(result("third"), (step(1, [None]),)))
    assert await editor.suggest(editor.open("value = compute(<|>)\n", OTHER), OTHER)

    async def texts(**params: Any) -> Any:
        replay = await editor.ask("replay", **params)
        return replay and replay["texts"]

    assert await texts(textDocument={"uri": URI}) == ["first"]
    assert await texts(textDocument={"uri": OTHER}) == ["third"]
    assert await texts() == ["third"]
    assert await texts(textDocument={"uri": "file:///project/none.py"}) is None
    editor.close(OTHER)
    editor.open("", OTHER)
    assert await texts(textDocument={"uri": OTHER}) is None
    assert await texts() == ["first"]
    calls: list[list[Any] | None] = [None, [], [None], [{}], [{"textDocument": {"uri": URI}}]]
    for arguments in calls:
        params = types.ExecuteCommandParams("lacuna.replay", arguments)
        answer: Any = await editor.client.workspace_execute_command_async(params)
        assert answer["texts"] == ["first"]


@pytest.mark.parametrize("said", [None, {}, {"lacuna": None}, {"lacuna": {"replay": 1}}])
async def test_who_does_not_ask_for_steps_gets_none(connect: Connect, engine: ScriptedEngine, said: Any) -> None:
    editor = await connect(capabilities=capabilities(experimental=said))
    cursor = editor.open("value = compute(<|>)\n")
    while not await editor.suggest(cursor):  # it does not tell when it is ready
        pass
    assert not engine.calls[0].steps
    assert await editor.ask("replay") is None


async def test_a_fill_that_brought_nothing_leaves_the_last_one(connect: Connect, engine: ScriptedEngine) -> None:
    editor = await connect(capabilities=REPLAYING)
    await editor.is_ready()
    await fill(editor, engine, URI, "first")
    engine.answers.append(Answer(result(fills=(), stop_reason="deadline"), (step(1, [None]),)))
    assert await editor.suggest(editor.open("value = compute(<|>)\n")) == []
    assert engine.calls[-1].steps
    assert (await editor.ask("replay"))["texts"] == ["first"]
