"""Mistakes that `lacuna snippet` tells before it asks for a model."""

import json
from pathlib import Path

import pytest

from lacuna_server import cli

MISTAKES: list[tuple[list[str], str]] = [
    (["snippet", "--regex", "a", "--preset", "uuid"], "Name one format"),
    (["snippet", "--preset", "nope"], "There is no preset 'nope'; there are identifier, "),
    (["snippet", "--schema", "x.py"], "x.py is not JSON: Expecting value at 1:1."),
    (["snippet", "--schema", "list.json"], 'A constraint has one of "regex"'),
    (["snippet", "--schema", "odd.json"], "JSON Schema, #/properties/a/multipleOf: the keyword 'multipleOf'"),
    (["snippet", "--schema", "no.json"], "Not a JSON Schema: at #/type"),
    (["snippet", "--schema", "deep.json"], "deep.json is nested too deeply"),
    (["snippet", "--preset", "uuid", "x.py"], "'x.py' has no position"),
    (["snippet", "--preset", "uuid", "x.py:9:1"], "There is no line 9"),
    (["snippet", "--preset", "uuid", "x.py:1:1", "--prefix", "a"], "A file and --prefix or --suffix exclude each"),
    (["snippet", "--preset", "uuid", "--to", "1:1"], "--to needs the start of the selection"),
    (["snippet", "--preset", "uuid", "--in-place"], "--in-place needs a file"),
    (["snippet", "--preset", "uuid", "--before", "a"], "--before 'a' does not stand in front of the gap"),
    (["snippet", "--preset", "uuid", "--after", "a", "--suffix", "b"], "--after 'a' does not stand behind the gap"),
    (["snippet", "--schema", "big.json"], "JSON Schema, #: too large for a regular expression; ask for less."),
    (["snippet", "--schema", "latin.json"], "latin.json is not UTF-8"),
]


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("lacuna_server.commands.snippet.fill_gaps", None)
    for name, text in (
        ("x.py", "y = 1\ny\n"),
        ("list.json", "[]"),
        ("odd.json", '{"properties": {"a": {"multipleOf": 3}}}'),
        ("no.json", '{"type": "whatever"}'),
        ("deep.json", "[" * 100_000),
        ("big.json", json.dumps({"enum": ["x" * 200_000, "y" * 200_000]})),
    ):
        (tmp_path / name).write_text(text)
    (tmp_path / "latin.json").write_bytes(b"{\xe9}")
    return tmp_path


@pytest.mark.parametrize(("arguments", "message"), MISTAKES)
def test_a_mistake_is_told_in_one_line(
    directory: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert cli.main(arguments) == cli.MISTAKE
    shown = capsys.readouterr()
    assert message in shown.err
    assert shown.err.startswith("lacuna: ")
    assert (shown.out, shown.err.count("\n")) == ("", 1)
