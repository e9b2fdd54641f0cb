"""What neighbours are looked for in, and what is found."""

import re
from dataclasses import dataclass

_NEWLINE = re.compile(r"\r\n|\r")


@dataclass(frozen=True, slots=True)
class Document:
    """A text of the workspace.

    Attributes:
        uri: which document it is.
        path: where it lies, with slashes, as the model is told; another document may have the same.
        language: as the model calls it.
        text: its content, with any line breaks.
    """

    uri: str
    path: str
    language: str
    text: str


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A piece of another document, placed ahead of the prefix.

    Attributes:
        path: the document it is from.
        text: whole lines with line feeds only.
    """

    path: str
    text: str


def with_line_feeds(text: str) -> str:
    """A text whose line breaks are all line feeds, as the model knows them."""
    return _NEWLINE.sub("\n", text)
