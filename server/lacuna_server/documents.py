"""Open documents."""

from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from pygls.uris import to_fs_path

from lacuna_server.languages import language_of
from lacuna_server.mirror import Point, Text, Window

STEP = 1_000
LINES_BEFORE = 4 * STEP
LINES_AFTER = 2 * STEP
"""What is looked at around a place in a document, in lines."""


@dataclass(frozen=True, slots=True)
class OpenDocument:
    """A document of the editor as it is at a moment; it never changes, a newer one takes its place.

    Attributes:
        uri: what the editor calls it.
        language_id: its language, as the editor calls it.
        version: of its text, as the editor counts.
        text: as the editor holds it.
        deleted_at: where the last edit removed text, if it put none in anywhere.
        num_cursors: lines that the last edit put the same text in, at least 1.
    """

    uri: str
    language_id: str
    version: int
    text: Text
    deleted_at: Point | None = None
    num_cursors: int = 1

    @property
    def path(self) -> Path | None:
        """Where it lies; None for what is no file."""
        return path_of(self.uri)

    @property
    def name(self) -> str:
        """The last part of its URI."""
        try:
            return PurePosixPath(unquote(urlsplit(self.uri).path)).name
        except ValueError:
            return ""

    @property
    def key(self) -> str:
        """What the engine is told in place of the URI, which may be long and is none of its business."""
        return blake2b(self.uri.encode(errors="surrogatepass"), digest_size=16).hexdigest()

    @property
    def edit_key(self) -> str:
        """What the engine is told for edits: they do not supersede what is asked for at the cursor."""
        return f"{self.key}#edit"

    @property
    def keys(self) -> tuple[str, str]:
        """All that the engine is told in place of the URI."""
        return self.key, self.edit_key

    @property
    def language(self) -> str:
        """Its language, as the model calls it."""
        return language_of(self.name, self.language_id)

    def around(self, line: int) -> Window:
        """The lines around a line, all of them in a document of usual size.

        The window moves in steps: were it to move with every line, a model could not reuse what it has read.
        """
        return self.text.window(max(0, line - LINES_BEFORE) // STEP * STEP, line + LINES_AFTER)


def path_of(uri: str) -> Path | None:
    """The file that a URI names, or None."""
    try:
        path = to_fs_path(uri)
    except ValueError:  # what no URI can look like
        return None
    return Path(path) if path and "\0" not in path else None
