"""Values of a format: `lacuna/snippet`, and suggestions where a JSON Schema says what belongs there."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from lsprotocol import types
from scripted_editor import INVOKED, Connect, Editor, capabilities
from scripted_engine import Answer, ScriptedEngine, result

from lacuna_server.engine.protocol import FillOut, Refusal, TokenOut

URI = "file:///project/x.py"
DOCUMENT = {"uri": URI}
LOADING_SECONDS = 120.0
PORT = {"type": "integer", "minimum": 1024, "maximum": 65535}
LEVEL = {"enum": ["debug", "info", "warning"]}
SERVER = {"type": "object", "properties": {"port": PORT, "host": {"type": "string", "maxLength": 8}}}
SCHEMA = {
    "type": "object",
    "properties": {
        "$schema": {"type": "string"},
        "day": {"type": "string", "format": "date"},
        "level": LEVEL,
        "server": SERVER,
        "levels": {"type": "array", "items": LEVEL},
        "odd": {"multipleOf": 3},
    },
}

INSERTED = types.Range(types.Position(0, 8), types.Position(0, 8))
REFUSED = Refusal("invalid", "JSON Schema, #: the keyword 'multipleOf' is not supported; remove it or ask for less.")


def place(line: int, character: int) -> dict[str, int]:
    return {"line": line, "character": character}


def uncertain(*tokens: tuple[str, float]) -> Answer:
    """An answer whose tokens have these confidences."""
    outs = tuple(TokenOut(text, confidence) for text, confidence in tokens)
    return Answer(result(fills=(FillOut(("".join(text for text, _ in tokens),), (outs,), 0.0),)))


def able(snippets: bool = False, snippet_edits: bool = False) -> types.ClientCapabilities:
    return capabilities(
        text_document=types.TextDocumentClientCapabilities(
            inline_completion=types.InlineCompletionClientCapabilities(),
            completion=types.CompletionClientCapabilities(
                completion_item=types.ClientCompletionItemOptions(snippet_support=snippets)
            ),
        ),
        workspace=types.WorkspaceClientCapabilities(
            apply_edit=True,
            workspace_edit=types.WorkspaceEditClientCapabilities(
                document_changes=snippet_edits, snippet_edit_support=snippet_edits
            ),
        ),
    )


@pytest.mark.parametrize(
    ("offered", "params", "text", "kind"),
    [
        (able(), {}, "${a}\\", 1),
        (able(snippets=True), {}, "${1:\\${a\\}}\\\\", 2),
        (able(snippet_edits=True), {}, "${1:\\${a\\}}\\\\", 2),
        (able(snippets=True), {"snippets": False}, "${a}\\", 1),
        (able(), {"snippets": True}, "${1:\\${a\\}}\\\\", 2),
    ],
)
async def test_a_value_is_a_snippet_where_the_client_inserts_snippets(
    connect: Connect,
    engine: ScriptedEngine,
    offered: types.ClientCapabilities,
    params: dict[str, Any],
    text: str,
    kind: int,
) -> None:
    editor = await connect(capabilities=offered)
    engine.answers.append(uncertain(("${a", 0.1), ("}", 0.4), ("\\", 0.9)))
    editor.open("value = old\n")
    await editor.is_ready()
    constraint = {"regex": ".*", "before": "", "after": ""}
    selection = {"start": place(0, 8), "end": place(0, 11)}
    made = await editor.ask("snippet", textDocument=DOCUMENT, range=selection, constraint=constraint, **params)
    assert (made["insertText"], made["insertTextFormat"], made["range"]) == (text, kind, selection)
    assert made["reason"] is None
    (call,) = engine.calls
    assert (call.segments, call.constraints, call.max_lines) == (("value = ", "\n"), (constraint,), None)


@pytest.mark.parametrize(
    ("offered", "expected"),
    [
        (able(), types.TextEdit(INSERTED, "7")),
        (able(snippet_edits=True), types.SnippetTextEdit(INSERTED, types.StringValue("${1:7}"))),
    ],
)
async def test_a_command_makes_the_edit(
    connect: Connect, engine: ScriptedEngine, offered: types.ClientCapabilities, expected: Any
) -> None:
    editor = await connect(capabilities=offered)
    engine.answers.append(uncertain(("7", 0.1)))
    editor.open("value = \n")
    await editor.is_ready()
    argument = {"textDocument": DOCUMENT, "position": place(0, 8), "constraint": {"preset": "integer"}}
    params = types.ExecuteCommandParams("lacuna.snippet", [argument])
    await editor.client.workspace_execute_command_async(params)
    (edit,) = editor.edits
    if isinstance(expected, types.TextEdit):
        assert edit.changes is not None and list(edit.changes[URI]) == [expected]
    else:
        (change,) = edit.document_changes or ()
        assert isinstance(change, types.TextDocumentEdit)
        assert list(change.edits) == [expected]


async def test_nothing_is_made_where_nothing_says_the_format(connect: Connect, engine: ScriptedEngine) -> None:
    editor = await connect()
    editor.open("value = \n")
    await editor.is_ready()
    made = await editor.ask("snippet", textDocument=DOCUMENT, position=place(0, 8))
    assert (made["edit"], made["reason"]) == (None, "no-format")
    assert (
        made["message"]
        == "No schema says which format belongs there, or no value stands or begins there; name a format."
    )
    assert not engine.calls


async def test_a_format_that_cannot_be_used_is_told(connect: Connect, engine: ScriptedEngine) -> None:
    editor = await connect()
    engine.answers.append(Answer(REFUSED))
    editor.open("value = \n")
    await editor.is_ready()
    constraint = {"schema": {"multipleOf": 3}}
    made = await editor.ask("snippet", textDocument=DOCUMENT, position=place(0, 8), constraint=constraint)
    assert (made["edit"], made["reason"], made["message"]) == (None, "bad-format", REFUSED.message)
    assert editor.states[-1] == "ready"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "s.json").write_text(json.dumps(SCHEMA))
    return tmp_path


def open_file(
    editor: Editor, folder: Path, marked: str, name: str = "x.json", language_id: str = "json"
) -> tuple[types.Position, str]:
    uri = (folder / name).as_uri()
    return editor.open(marked, uri, language_id), uri


@pytest.mark.parametrize(
    ("marked", "schema", "before", "after"),
    [
        ('{"$schema": "./s.json", "level": <|>}', LEVEL, "", ""),
        ('{"$schema": "./s.json", "level": "de<|>"}', LEVEL, '"de', '"'),
        ('{\n  "server": {"port": <|>},\n  "$schema": "s.json"\n}', PORT, "", ""),
    ],
)
async def test_a_schema_says_what_belongs_there(
    connect: Connect, engine: ScriptedEngine, folder: Path, marked: str, schema: Any, before: str, after: str
) -> None:
    editor = await connect()
    engine.answers.append(Answer(result("made")))
    cursor, uri = open_file(editor, folder, marked)
    await editor.is_ready()
    (item,) = await editor.suggest(cursor, uri, INVOKED)
    assert item.insert_text == "made"
    (call,) = engine.calls
    assert call.constraints == ({"schema": schema, "notation": "json", "before": before, "after": after},)
    assert (call.max_lines, call.draft) == (None, None)


YAML_HEAD = "# yaml-language-server: $schema=./s.json\n"


@pytest.mark.parametrize(
    ("marked", "name", "schema", "before", "after"),
    [
        (f"{YAML_HEAD}level: <|>\n", "x.yaml", LEVEL, "", ""),
        (f"{YAML_HEAD}level: de<|>\n", "x.yml", LEVEL, "de", ""),
        ("$schema: s.json\nserver:\n  port: 1<|>0 # many\n", "x.yaml", PORT, "1", "0"),
        ("levels: [<|>]\n", "mapped.yaml", LEVEL, "", ""),
        ("server: {port: <|>}\n", "mapped.yaml", PORT, "", ""),
        ("servers: <|>\nserver: [", "mapped.yaml", None, "", ""),
        ("server: <|>\n", "mapped.yaml", None, "", ""),
        ("le<|>\n", "mapped.yaml", None, "", ""),
        ("level: <|>\n", "other.yaml", None, "", ""),
    ],
)
async def test_a_schema_says_what_belongs_there_in_yaml(
    connect: Connect,
    engine: ScriptedEngine,
    folder: Path,
    marked: str,
    name: str,
    schema: Any,
    before: str,
    after: str,
) -> None:
    editor = await connect({"schemas": {"mapped.yaml": "s.json"}}, root_uri=folder.as_uri())
    cursor, uri = open_file(editor, folder, marked, name, "yaml")
    await editor.is_ready()
    await editor.suggest(cursor, uri, INVOKED)
    (call,) = engine.calls
    expected = {"schema": schema, "notation": "yaml", "before": before, "after": after}
    assert call.constraints == (None if schema is None else (expected,))


async def test_an_object_in_yaml_is_made_for_those_who_ask_for_a_value(
    connect: Connect, engine: ScriptedEngine, folder: Path
) -> None:
    editor = await connect()
    cursor, uri = open_file(editor, folder, f"{YAML_HEAD}server: <|>\n", "x.yaml", "yaml")
    await editor.is_ready()
    made = await editor.ask("snippet", textDocument={"uri": uri}, position=place(1, cursor.character))
    assert made["insertText"] == "filled"
    assert [call.constraints for call in engine.calls] == [
        ({"schema": SERVER, "notation": "yaml", "before": "", "after": ""},)
    ]


@pytest.mark.parametrize(
    ("marked", "settings"),
    [
        ('{"$schema": "https://example.org/s.json", "level": <|>}', {}),
        ('{"$schema": "./none.json", "level": <|>}', {}),
        ('{"$schema": "./secrets.json", "level": <|>}', {}),
        ('{"level": <|>}', {}),
        ('{"level": <|>}', {"schemas": {"y.json": "s.json"}}),
        ('{"$schema": "./s.json", "unknown": <|>}', {}),
        ('{"$schema": "./s.json", "level": 1, <|>}', {}),
    ],
)
async def test_nothing_is_asked_for_where_no_schema_says_it(
    connect: Connect, engine: ScriptedEngine, folder: Path, marked: str, settings: dict[str, Any]
) -> None:
    (folder / "secrets.json").write_text(json.dumps(SCHEMA))
    editor = await connect(settings, root_uri=folder.as_uri())
    cursor, uri = open_file(editor, folder, marked)
    await editor.is_ready()
    await editor.suggest(cursor, uri, INVOKED)
    assert [call.constraints for call in engine.calls] == [None]


@pytest.mark.parametrize("pattern", ["x.json", "*.json", "/x.json"])
async def test_the_settings_map_documents_to_schemas(
    connect: Connect, engine: ScriptedEngine, folder: Path, pattern: str
) -> None:
    editor = await connect({"schemas": {"y.json": "none.json", pattern: "s.json"}}, root_uri=folder.as_uri())
    cursor, uri = open_file(editor, folder, '{"$schema": "https://example.org/s.json", "level": <|>}')
    await editor.is_ready()
    assert await editor.suggest(cursor, uri, INVOKED)
    made = await editor.ask("snippet", textDocument={"uri": uri}, position=place(0, cursor.character))
    assert made["insertText"] == "filled"
    assert [call.constraints for call in engine.calls] == 2 * [
        ({"schema": LEVEL, "notation": "json", "before": "", "after": ""},)
    ]


async def test_a_schema_that_the_engine_refuses_is_left_out(
    connect: Connect, engine: ScriptedEngine, folder: Path
) -> None:
    editor = await connect({"log": {"level": "info", "editor": True}})
    engine.answers.append(Answer(REFUSED))
    cursor, uri = open_file(editor, folder, '{"$schema": "./s.json", "odd": <|>}')
    await editor.is_ready()
    (item,) = await editor.suggest(cursor, uri, INVOKED)
    assert item.insert_text == "filled"
    assert [call.constraints is None for call in engine.calls] == [False, True]
    logged = [message.message for message in editor.client.log_messages]
    assert any("it is filled without" in message for message in logged)
    assert not any("multipleOf" in message for message in logged)


@pytest.mark.parametrize(
    "marked",
    [
        '{\n  "$schema": "./s.json",\n  "day": <|>\n}\n',
        '{\n  "$schema": "./s.json",\n  "level": "w<|>"\n}\n',
        '{\n  "$schema": "./s.json",\n  "server": {"port": <|>}\n}\n',
        '{\n  "$schema": "./s.json",\n  "server": <|>\n}\n',
    ],
)
async def test_the_embedded_model_obeys_the_schema(connect: Connect, folder: Path, marked: str) -> None:
    editor = await connect({"engine": {}})
    cursor, uri = open_file(editor, folder, marked)
    await editor.until(lambda: "ready" in editor.states, LOADING_SECONDS)
    (item,) = await editor.suggest(cursor, uri, INVOKED)
    assert isinstance(item.insert_text, str)
    document = json.loads(marked.replace("<|>", item.insert_text))
    jsonschema.validate(document, SCHEMA, format_checker=jsonschema.FormatChecker())


@pytest.mark.parametrize(
    "marked",
    [
        "day: <|>\nlevel: info\n",
        "level: <|> # how much\n",
        "level: 'w<|>'\n",
        "levels:\n- debug\n- <|>\n",
        "levels: [debug, <|>]\n",
        'server:\n  host: "a<|>\n  port: 1024\n',
        "server:\n  port: <|>\n",
        "server: {host: <|>}\n",
    ],
)
async def test_the_embedded_model_obeys_the_schema_in_yaml(connect: Connect, folder: Path, marked: str) -> None:
    editor = await connect({"engine": {}})
    cursor, uri = open_file(editor, folder, YAML_HEAD + marked, "x.yaml", "yaml")
    await editor.until(lambda: "ready" in editor.states, LOADING_SECONDS)
    (item,) = await editor.suggest(cursor, uri, INVOKED)
    assert isinstance(item.insert_text, str)
    document = yaml.safe_load(marked.replace("<|>", item.insert_text))
    jsonschema.validate(document, SCHEMA, format_checker=jsonschema.FormatChecker())


async def test_the_embedded_model_makes_a_value_or_says_why_not(connect: Connect, folder: Path) -> None:
    editor = await connect({"engine": {}})
    editor.open("day = '2024-'\n")
    await editor.until(lambda: "ready" in editor.states, LOADING_SECONDS)
    for constraint, reason, said in (
        ({"preset": "iso-date", "before": "2024-"}, None, ""),
        ({"regex": "(ab"}, "bad-format", "(ab is not a regular expression: missing )"),
        ({"schema": {"multipleOf": 3}}, "bad-format", "the keyword 'multipleOf' is not supported"),
        ({}, "bad-format", 'A constraint has one of "regex"'),
        ({"preset": "x"}, "bad-format", "There is no preset 'x'"),
        ({"preset": "iso-date", "before": "2x"}, "bad-format", "does not stand in front of it"),
        ({"preset": "iso-date", "before": "'2024-"}, "bad-format", "Nothing that the format allows begins with"),
    ):
        made = await editor.ask("snippet", textDocument=DOCUMENT, position=place(0, 12), constraint=constraint)
        assert made["reason"] == reason
        assert said in made["message"]
        assert (made["edit"] is None) == bool(reason)
