"""Reading a source file as it is, and replacing it without ever losing it."""

import errno
import os
import re
import stat
import sys
import tempfile
from codecs import BOM_UTF8
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lacuna_server.errors import UserError

STANDARD_INPUT = "-"


@dataclass(frozen=True, slots=True)
class Source:
    """A source text and what it takes to write it back as it was.

    Attributes:
        name: how messages call it.
        path: the file it came from; None for standard input.
        content: the bytes read.
        text: the content without a byte order mark; its line breaks are untouched.
        newline: the line break that most of its lines end with, a line feed when there is none.
    """

    name: str
    path: Path | None
    content: bytes
    text: str
    newline: str

    def encode(self, text: str) -> bytes:
        """A new text as bytes, with the byte order mark this source had."""
        mark = BOM_UTF8 if self.content.startswith(BOM_UTF8) else b""
        return mark + text.encode()


def read_source(file: str) -> Source:
    """Reads a file, or standard input when `file` is "-".

    Raises:
        UserError: it is closed, is not a regular file, is binary, or is not UTF-8.
        OSError: it cannot be read.
    """
    if file == STANDARD_INPUT:
        if sys.stdin is None:
            raise UserError("There is no standard input.")
        return _decode("standard input", None, sys.stdin.buffer.read())
    path = Path(file)
    if not stat.S_ISREG(path.stat().st_mode):
        kind = "a directory" if path.is_dir() else "not a regular file"
        raise UserError(f"{file} is {kind}; name a text file.")
    return _decode(file, path, path.read_bytes())


def _decode(name: str, path: Path | None, content: bytes) -> Source:
    if b"\0" in content:
        raise UserError(f"{name} is a binary file; only text can be filled.")
    try:
        text = content.removeprefix(BOM_UTF8).decode()
    except UnicodeDecodeError as error:
        raise UserError(f"{name} is not UTF-8 (byte {error.start + 1}); convert it first.") from error
    newlines = Counter(re.findall(r"\r\n|\n|\r", text))
    return Source(name, path, content, text, newline=max(newlines, key=newlines.__getitem__, default="\n"))


def replace_file(source: Source, text: str) -> None:
    """Puts a new text in the place of a source, whole or not at all.

    The text goes to a new file beside the old one, reaches the disk, and then takes the old one's name. A symbolic
    link stays and its target is replaced. Permissions are kept, and the owner where the system lets us.

    Raises:
        UserError: the source is not a file, or was changed by somebody else since it was read.
        OSError: the file or its directory cannot be written; the old file is intact.
    """
    if source.path is None:
        raise UserError(f"{source.name} cannot be changed in place; name a file.")
    path = source.path.resolve(strict=True)
    if not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), source.name)
    before = path.stat()
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        reason = f"its directory cannot be written ({error.strerror})"
        raise OSError(error.errno, reason, source.name) from error
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(source.encode(text))
            file.flush()
            os.fsync(file.fileno())
        if hasattr(os, "chown"):
            with suppress(PermissionError):
                os.chown(temporary, before.st_uid, before.st_gid)
        temporary.chmod(stat.S_IMODE(before.st_mode))
        if path.read_bytes() != source.content:
            raise UserError(f"{source.name} was changed while it was being filled; nothing was written.")
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_directory(path.parent)


def _sync_directory(directory: Path) -> None:
    """Makes a renaming last through a power cut, on systems that can open a directory."""
    if os.name == "posix":
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
