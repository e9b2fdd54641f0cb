"""`lacuna snippet` and the syntax of `lacuna fill`, with the embedded model."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import jsonschema
import pytest

Lacuna = Callable[..., "CompletedProcess[bytes]"]

SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string", "maxLength": 12}, "port": {"type": "integer", "maximum": 65535}},
    "required": ["port"],
}


def check_value(done: "CompletedProcess[bytes]") -> str:
    """What was printed, which is a value alone."""
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout.decode().rstrip("\r\n")


@pytest.mark.parametrize(
    ("arguments", "pattern"),
    [
        (["--regex", "[a-f]{3}-[0-9]+", "--max-tokens", "8"], "[a-f]{3}-[0-9]+"),
        (["--choice", "red", "--choice", "dark green", "--prefix", "colour = "], "red|dark green"),
        (["--preset", "iso-date", "--prefix", "day = '", "--suffix", "'\n"], r"[0-9]{4}-[01][0-9]-[0-3][0-9]"),
        (["--preset", "iso-date", "--prefix", "'2024-", "--before", "2024-"], r"[01][0-9]-[0-3][0-9]"),
        (
            ["--preset", "iso-date", "--prefix", "'2024-", "--before", "2024-", "--suffix", "-01'", "--after", "-01"],
            "[01][0-9]",
        ),
        (["--preset", "uuid"], "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"),
        (["--preset", "identifier", "--language", "python", "--suffix", " = 1\n"], "[A-Za-z_][A-Za-z0-9_]*"),
    ],
)
def test_a_value_has_its_format(lacuna: Lacuna, arguments: list[str], pattern: str) -> None:
    assert re.fullmatch(pattern, check_value(lacuna("snippet", *arguments)))


def test_a_value_obeys_its_schema(lacuna: Lacuna, tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text(json.dumps(SCHEMA))
    done = lacuna("snippet", "--schema", "s.json", "--prefix", '{"server": ', "--suffix", "}", cwd=tmp_path)
    jsonschema.validate(json.loads(check_value(done)), SCHEMA)


def test_candidates_are_all_of_the_format(lacuna: Lacuna) -> None:
    document = json.loads(
        lacuna("snippet", "--regex", "[0-9]{2}", "--candidates", "3", "--seed", "4", "--json", "--no-engine").stdout
    )
    assert document["file"] is None
    texts = [fill["texts"][0] for fill in document["fills"]]
    assert 1 <= len(texts) <= 3
    assert all(re.fullmatch("[0-9]{2}", text) for text in texts)


def test_the_place_can_be_in_a_file(lacuna: Lacuna, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text('{"level": old, "n": 1}\r\n', newline="")
    format_of = ("--choice", '"debug"', "--choice", '"info"')
    place = (f"{path}:1:11", "--to", "1:14")
    value = check_value(lacuna("snippet", *place, *format_of))
    assert path.read_bytes() == b'{"level": old, "n": 1}\r\n'
    given = path.read_bytes()
    assert check_value(lacuna("snippet", "-:1:11", *place[1:], *format_of, "--language", "json", given=given)) == value
    assert lacuna("snippet", *place, *format_of, "--in-place").stdout == b""
    assert path.read_bytes() == f'{{"level": {value}, "n": 1}}\r\n'.encode()


def test_a_value_in_a_yaml_file_is_yaml(lacuna: Lacuna, tmp_path: Path) -> None:
    schema = {"enum": ["debug", "no"]}
    (tmp_path / "s.json").write_text(json.dumps(schema))
    (tmp_path / "x.yml").write_text("level: 'n\n")
    lacuna("snippet", "x.yml:1:10", "--schema", "s.json", "--before", "'n", "--in-place", cwd=tmp_path)
    assert (tmp_path / "x.yml").read_text() == "level: 'no'\n"
    given = ("--schema", "s.json", "--language", "yaml", "--prefix", "level: 'n", "--before", "'n", "--show-steps")
    done = lacuna("snippet", *given, cwd=tmp_path)
    assert (done.stdout, done.stderr[:7]) == (b"o'\n", b"step  1")


def test_presets_are_listed(lacuna: Lacuna) -> None:
    lines = check_value(lacuna("snippet", "--list-presets")).splitlines()
    assert "iso-date               a day that exists, such as 2024-02-29" in lines


def test_fills_keep_the_syntax_unless_told_otherwise(lacuna: Lacuna) -> None:
    text = b"def add(a, b):\n    return \n"
    arguments = ("fill", "-:2:12", "--language", "python", "--json", "--max-tokens", "8")
    plain, judged = (
        json.loads(lacuna(*arguments, *more, given=text).stdout)["fills"][0] for more in (("--no-syntax",), ())
    )
    assert (plain["valid"], judged["valid"]) == (None, True)


@pytest.mark.parametrize(
    ("option", "rows"),
    [(("--compare-syntax",), {"without", "with"}), (("--gaps", "2"), {"joint", "one by one", "alone"})],
)
def test_comparisons_are_made(
    lacuna: Lacuna, checkpoint: Path, tmp_path: Path, option: tuple[str, ...], rows: set[str]
) -> None:
    lines = "".join(f"def f_{number}(x):\n    return x + {number} * 17\n\n\n" for number in range(40))
    (tmp_path / "x.py").write_text(lines)
    arguments = ("--held-out", tmp_path, "--limit", "1", "--max-tokens", "4", "--checkpoint", checkpoint, "--json")
    done = lacuna("eval", *option, *arguments)
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    found = {row["method"] if "method" in row else row["group"].rpartition(", ")[2] for row in document["rows"]}
    assert found == rows
