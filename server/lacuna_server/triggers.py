"""Whether an automatic request is worth an answer; what the user asks for explicitly always is."""

import re
from dataclasses import dataclass

from lacuna_server.reasons import Reason
from lacuna_server.syntax import is_prose
from lacuna_server.syntax.brackets import scan
from lacuna_server.syntax.lines import line_after, line_before, window_before

MIN_CHARACTERS = 10
"""A shorter document says too little of what shall be in it."""

MENU_TRIGGERS = (".", "(", "[", "=", ",", ":")
"""Characters behind which a name or a value begins, so that an editor shall open its menu there as it does in a word.

A space is none of them: a menu would open between any two words.
"""

WINDOW = 4_000
"""Characters before the cursor that are searched for open brackets."""

_CLOSERS = re.compile(r"[)>}\]\"'`]*\s*[:{;,]?")
_WORD = re.compile(r"\w")
_HEADER = re.compile(
    r"\W*(?:(?:async|await|default|export|private|protected|public|pub|static)\s+)*"
    r"(?:case|catch|class|def|elif|else|enum|except|fn|for|func|function|if|impl|interface|match|namespace|struct|switch"
    r"|trait|type|unless|until|while|with)\b"
)
"""Begins a line that a block follows, whatever the line ends with."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the cursor stands, and how it came there.

    Attributes:
        prefix: the document before the cursor, with line feeds only.
        suffix: the document behind it.
        language: as the editor calls it.
        num_cursors: of the editor; 1 when it does not say.
        lone_deletion: the last edit removed text and put nothing in its place.
    """

    prefix: str
    suffix: str
    language: str
    num_cursors: int = 1
    lone_deletion: bool = False


def reason_not_to_ask(place: Place) -> Reason | None:
    """Why nothing shall be suggested at a place, or None where it is worth trying."""
    before, after = line_before(place.prefix), line_after(place.suffix)
    if place.num_cursors > 1:
        return Reason.SEVERAL_CURSORS
    if len(place.prefix) + len(place.suffix) < MIN_CHARACTERS:
        return Reason.SHORT_DOCUMENT
    if place.lone_deletion:
        return Reason.DELETION
    if _WORD.match(before[-1:]) and _WORD.match(after):
        return Reason.INSIDE_WORD
    if not _CLOSERS.fullmatch(after.strip()):
        return Reason.TEXT_AFTER_CURSOR
    if _is_done(place, before.rstrip()):
        return Reason.STATEMENT_DONE
    return None


def _is_done(place: Place, line: str) -> bool:
    """Whether a line ends a statement: with a closer or a semicolon, where nothing is open that it could belong to."""
    if not line.endswith((")", "]", "}", ";")) or is_prose(place.language) or _HEADER.match(line):
        return False
    window = window_before(place.prefix, WINDOW)
    found = scan(window, place.language)
    if found.in_comment or not found.open:
        return not found.in_comment
    return found.open[-1].mark == "{" and "\n" in window[found.open[-1].offset :]  # a block that began further up
