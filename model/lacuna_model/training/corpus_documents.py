"""Writes the documents of a corpus: gzipped JSON lines, which `evaluation.documents` reads."""

import gzip
import json
import os
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from lacuna_model.evaluation.documents import Document


def write_documents(path: Path, documents: Iterable[Document]) -> None:
    """Writes a corpus file; one that was there stays whole until the new one is complete."""
    rows = (json.dumps(asdict(document), ensure_ascii=False).encode() + b"\n" for document in documents)
    write_atomically(path, gzip.compress(b"".join(rows), compresslevel=9, mtime=0))


def write_atomically(path: Path, content: bytes) -> None:
    """Writes a file so that it is there whole or not at all."""
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    partial.replace(path)
