"""Source files that gaps are cut from: those of a corpus, the held-out ones shipped here, or a user's own."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lacuna_model.errors import InputError
from lacuna_model.evaluation.rows import read_rows

SHIPPED = Path(__file__).with_name("heldout.jsonl.gz")
"""Files of packages that were kept out of training, under the licences in `heldout.NOTICE.txt` beside it."""

LANGUAGE_OF_SUFFIX = {
    ".py": "python",
    ".js": "javascript",
    ".mjs": "javascript",
    ".cjs": "javascript",
    ".jsx": "javascript",
    ".ts": "typescript",
    ".mts": "typescript",
    ".cts": "typescript",
    ".tsx": "typescript",
    ".json": "json",
}

_MAX_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Document:
    """One source file.

    Attributes:
        package: what it belongs to; empty if unknown.
        path: its place there.
    """

    text: str
    language: str
    package: str
    path: str

    @property
    def num_bytes(self) -> int:
        """Size of the text in UTF-8."""
        return len(self.text.encode())


def read_documents(path: Path | None = None) -> list[Document]:
    """Reads documents.

    Args:
        path: rows of JSON with the keys text, language, package and path (`.jsonl`, `.jsonl.gz`), a source file, or a
            directory of source files; None: the set that comes with Lacuna.

    Raises:
        InputError: nothing can be read there.
    """
    path = SHIPPED if path is None else path
    if path.name.endswith((".jsonl", ".jsonl.gz")):
        fields = ("text", "language", "package", "path")
        documents = [Document(**{field: row[field] for field in fields}) for row in read_rows(path, fields)]
    elif path.is_dir():
        documents = list(_walk(path))
    else:
        documents = [_read(path, path.parent)]
    if not documents:
        raise InputError(f"There is no source file to evaluate on in {path}.")
    return documents


def _walk(directory: Path) -> Iterator[Document]:
    """Readable source files below a directory, ordered by path; hidden folders and installed packages are passed by."""
    for path in sorted(directory.rglob("*")):
        parts = path.relative_to(directory).parts
        if any(part.startswith(".") or part in {"node_modules", "__pycache__"} for part in parts):
            continue
        if path.suffix in LANGUAGE_OF_SUFFIX and path.is_file() and path.stat().st_size <= _MAX_BYTES:
            try:
                yield _read(path, directory)
            except InputError:
                continue  # one unreadable file of a directory is no reason to stop


def _read(path: Path, root: Path) -> Document:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as text: {error}") from error
    return Document(text, LANGUAGE_OF_SUFFIX.get(path.suffix, "text"), root.name, str(path.relative_to(root)))
