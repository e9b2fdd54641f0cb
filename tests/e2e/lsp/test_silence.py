from pathlib import Path

import pytest
from lsprotocol import types
from scripted_editor import INVOKED, Connect, replace_character
from scripted_engine import Answer, ScriptedEngine, result

URI = "file:///project/x.py"


async def test_places_where_only_a_user_asks(connect: Connect, engine: ScriptedEngine) -> None:
    editor = await connect()
    await editor.is_ready()

    def at(line: int, character: int) -> types.Position:
        return types.Position(line, character)

    places: list[tuple[str, list[tuple[types.Position, types.Position, str]], str]] = [
        ("val<|>ue = 1\nother = 2\n", [], "inside-word"),
        ("x = <|> other(1, 2)\n", [], "text-after-cursor"),
        ("run(first, second)<|>\n", [], "statement-done"),
        ("a<|>", [], "short-document"),
        ("value = compute(<|>x\n", [(at(0, 16), at(0, 17), "")], "deletion"),
        ("one =f(<|>\ntwo =\n", [(at(1, 5), at(1, 5), "f("), (at(0, 5), at(0, 5), "f(")], "several-cursors"),
    ]
    for number, (marked, changes, reason) in enumerate(places, start=1):
        uri = f"file:///project/{number}.py"
        cursor = editor.open(marked, uri)
        if changes:
            editor.change(2, *changes, uri=uri)
        assert await editor.suggest(cursor, uri) == []
        assert (len(engine.calls), editor.reasons[-1]) == (number - 1, reason)
        await editor.suggest(cursor, uri, kind=INVOKED)
        assert len(engine.calls) == number


async def test_what_is_left_alone(connect: Connect, engine: ScriptedEngine) -> None:
    settings = {"enable": {"markdown": False}, "secret_files": [".env", "x.*"]}
    editor = await connect(settings)
    await editor.is_ready()
    documents = [
        ("file:///project/y.md", "markdown", "disabled"),
        ("file:///project/.env", "plaintext", "secret-file"),
        ("untitled:.env", "plaintext", "secret-file"),
        ("file:///project/x.py", "python", "secret-file"),
    ]
    for uri, language_id, reason in documents:
        cursor = editor.open("password = <|>\n", uri, language_id)
        assert await editor.suggest(cursor, uri, kind=INVOKED) == []
        assert (editor.states[-1], editor.reasons[-1]) == ("disabled", reason)
    assert engine.calls == []


async def test_nobody_is_asked_automatically_when_that_is_off(connect: Connect, engine: ScriptedEngine) -> None:
    editor = await connect({"automatic": False})
    cursor = editor.open("value = compute(<|>)\n")
    await editor.is_ready()
    assert await editor.suggest(cursor) == []
    assert editor.reasons == ["on-demand"]
    assert engine.calls == []
    assert await editor.suggest(cursor, kind=INVOKED)


async def test_what_was_asked_for_is_shown_without_asking_only_while_it_is_typed(
    connect: Connect, engine: ScriptedEngine
) -> None:
    editor = await connect({"automatic": False})
    engine.answers.append(Answer(result("left")))
    cursor = editor.open("value = compute(<|>)\n")
    await editor.is_ready()
    assert await editor.suggest(cursor, kind=INVOKED)
    assert await editor.suggest(cursor) == []
    editor.type("l", cursor, version=2)
    (item,) = await editor.suggest(replace_character(cursor, 1))
    assert item.insert_text == "eft"
    assert len(engine.calls) == 1


async def test_what_is_unsure_is_shown_to_those_only_who_asked_for_it(connect: Connect, engine: ScriptedEngine) -> None:
    editor = await connect({"min_confidence": 0.8})
    for _ in range(2):
        engine.answers.append(Answer(result("left", confidence=0.2)))
    cursor = editor.open("value = compute(<|>)\n")
    await editor.is_ready()
    assert await editor.suggest(cursor, kind=INVOKED)
    assert await editor.suggest(cursor) == []
    assert editor.reasons == ["low-confidence"]


async def test_what_would_hardly_be_accepted_is_shown_to_those_only_who_asked_for_it(
    connect: Connect, engine: ScriptedEngine
) -> None:
    editor = await connect({"min_confidence": 0.5})
    for probability in (0.4, 0.4, 0.6):
        engine.answers.append(Answer(result("left", probability=probability)))
    cursor = editor.open("value = compute(<|>)\n")
    await editor.is_ready()
    assert await editor.suggest(cursor, kind=INVOKED)
    assert await editor.suggest(cursor) == []
    assert editor.reasons == ["low-confidence"]
    assert await editor.suggest(cursor)


async def test_what_was_asked_for_is_typed_through_however_unlikely(connect: Connect, engine: ScriptedEngine) -> None:
    editor = await connect({"min_confidence": 0.5})
    engine.answers.append(Answer(result("left", probability=0.2)))
    cursor = editor.open("value = compute(<|>)\n")
    await editor.is_ready()
    assert await editor.suggest(cursor, kind=INVOKED)
    editor.type("l", cursor, version=2)
    (item,) = await editor.suggest(replace_character(cursor, 1))
    assert item.insert_text == "eft"
    assert len(engine.calls) == 1


async def test_a_deletion_silences_its_own_place_only(connect: Connect, engine: ScriptedEngine) -> None:
    editor = await connect()
    editor.open("value = compute(x\nother = \n")
    await editor.is_ready()
    end = types.Position(0, 17)
    editor.change(2, (replace_character(end, -1), end, ""))
    assert await editor.suggest(replace_character(end, -1)) == []
    assert await editor.suggest(types.Position(1, 8))
    assert editor.reasons == ["deletion"]


async def test_several_cursors_are_noticed(connect: Connect, engine: ScriptedEngine) -> None:
    editor = await connect()
    editor.open("one = \ntwo = \n")
    await editor.is_ready()
    editor.change(2, *((place, place, "f(") for place in (types.Position(1, 6), types.Position(0, 6))))
    assert await editor.suggest(types.Position(0, 8)) == []
    assert editor.reasons == ["several-cursors"]


@pytest.mark.parametrize("learned_by", ["watching", "saving", "opening"])
async def test_ignored_files_are_left_alone_as_long_as_they_are(
    connect: Connect, engine: ScriptedEngine, tmp_path: Path, learned_by: str
) -> None:
    (tmp_path / ".git").mkdir()
    ignore = tmp_path / ".gitignore"
    ignore.write_text("generated.py\n")
    uri = (tmp_path / "generated.py").as_uri()
    editor = await connect()
    cursor = editor.open("the_value = <|>\n", uri)
    await editor.is_ready()
    assert await editor.suggest(cursor, uri) == []
    ignore.write_text("")
    assert await editor.suggest(cursor, uri) == []
    assert editor.reasons == ["ignored-file"] * 2
    match learned_by:
        case "watching":
            changed = types.FileEvent(ignore.as_uri(), types.FileChangeType.Changed)
            editor.client.workspace_did_change_watched_files(types.DidChangeWatchedFilesParams([changed]))
        case "saving":
            identifier = types.TextDocumentIdentifier(ignore.as_uri())
            editor.client.text_document_did_save(types.DidSaveTextDocumentParams(identifier))
        case _:
            editor.open("", ignore.as_uri(), "ignore")
    assert await editor.suggest(cursor, uri)


async def test_a_document_that_is_not_open_gets_nothing(connect: Connect, engine: ScriptedEngine) -> None:
    editor = await connect()
    await editor.is_ready()
    assert await editor.suggest(types.Position(0, 0)) == []
    editor.type("x", types.Position(0, 0), version=2)
    editor.close()
    assert await editor.suggest(types.Position(9, 9)) == []
