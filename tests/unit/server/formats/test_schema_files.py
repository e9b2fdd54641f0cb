import json
import logging
import os
from pathlib import Path
from typing import Any

import pytest

from lacuna_server.formats import files
from lacuna_server.formats.files import SchemaFiles, local_path

FOLDER = Path("/project/config")


@pytest.mark.parametrize(
    ("reference", "path"),
    [
        ("./s.json", FOLDER / "s.json"),
        ("s.json#", FOLDER / "s.json"),
        ("../s%20t.json", FOLDER / "../s t.json"),
        ("/etc/s.json", Path("/etc/s.json")),
        ("file:///etc/s.json", Path("/etc/s.json")),
        ("file://localhost/etc/s.json", None),
        ("file://server/share/s.json", None),
        ("FILE://server/share/s.json", None),
        ("file:////server/share/s.json", None),
        ("file://[", None),
        ("//server/share/s.json", None),
        ("%2F%2Fserver/share/s.json", None),
        (r"\\server\share\s.json", None),
        (r"\/server/share/s.json", None),
        ("http://json-schema.org/draft-07/schema", None),
        ("https://example.org/s.json", None),
        ("vscode://schemas/settings", None),
        ("s\0.json", None),
        ("#", None),
        ("", None),
    ],
)
def test_only_files_of_this_machine_are_named(reference: str, path: Path | None) -> None:
    assert local_path(reference, FOLDER) == path


def test_a_schema_is_read_again_only_after_it_was_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, known, reads = tmp_path / "s.json", SchemaFiles(), list[Path]()
    read = Path.read_text

    def counted(self: Path, **options: Any) -> str:
        reads.append(self)
        return read(self, **options)

    monkeypatch.setattr(Path, "read_text", counted)
    for number in (1, 2):
        path.write_text(json.dumps({"maximum": number}))
        os.utime(path, (number, number))
        for _ in range(3):
            assert known.read(path) == {"maximum": number}
        assert len(reads) == number
    path.unlink()
    assert known.read(path) is None


def test_schemas_used_longest_ago_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_KNOWN", 2)
    known = SchemaFiles()
    for number in range(5):
        (tmp_path / str(number)).write_text("{}")
        assert known.read(tmp_path / str(number)) == {}
    assert len(known._known) == 2


@pytest.mark.parametrize("content", ["", "[]", "{", "\xff", "[" * 100_000, json.dumps({"x": "x" * files.MAX_BYTES})])
def test_what_is_no_schema_is_none_and_told_once(
    tmp_path: Path, content: str, caplog: pytest.LogCaptureFixture
) -> None:
    path, known = tmp_path / "s.json", SchemaFiles()
    path.write_bytes(content.encode("latin-1"))
    with caplog.at_level(logging.WARNING):
        assert known.read(path) is known.read(path) is None
    assert len(caplog.records) == 1


def test_what_is_no_file_is_none(tmp_path: Path) -> None:
    assert SchemaFiles().read(tmp_path) is None
    assert SchemaFiles().read(tmp_path / "none") is None
