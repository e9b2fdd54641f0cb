"""Reads JSON lines, plain or compressed with gzip."""

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lacuna_model.errors import InputError

_GZIP_MAGIC = b"\x1f\x8b"


def read_rows(path: Path, fields: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """Yields the objects of a .jsonl or .jsonl.gz file; which of the two is told by its content.

    Args:
        path: the file.
        fields: keys that every row must have, with a string as value.

    Raises:
        InputError: the file cannot be read, or a row is wrong; the message names the line.
    """
    try:
        content = path.read_bytes()
        if content.startswith(_GZIP_MAGIC):
            content = gzip.decompress(content)
        text = content.decode("utf-8")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}") from error
    except zlib.error as error:
        raise InputError(f"{path} is a damaged gzip file: {error}") from error
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise InputError(f"{path}, line {number}: not JSON: {error}") from error
        wrong = [field for field in fields if not (isinstance(row, dict) and isinstance(row.get(field), str))]
        if wrong:
            raise InputError(f"{path}, line {number}: no text under {', '.join(wrong)}")
        yield row
