"""What a person does to a document, and what becomes of it.

A session is a file of JSON lines. The first one is its header; every other one is an event, `after` so many seconds of
doing nothing:

| event | |
| --- | --- |
| `{"insert": TEXT, "behind": CLOSER}` | types; `behind`, if given, is what the editor puts behind the cursor |
| `{"delete": N}` | deletes characters before the cursor |
| `{"step": N}` | types over what stands behind the cursor already |
| `{"move": [LINE, COLUMN]}` | goes elsewhere, both counted from 0 in characters |
| `{"look": true}` | looks at what is suggested, and takes it if it is what comes next anyway |
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class State:
    """A document and the offset of the cursor in it."""

    text: str
    cursor: int = 0

    def after(self, event: Mapping[str, Any]) -> "State":
        """What an event makes of it."""
        match event:
            case {"insert": str(new)}:
                return self.replaced(self.cursor, self.cursor, new, event.get("behind", ""))
            case {"delete": int(count)}:
                return self.replaced(self.cursor - count, self.cursor, "")
            case {"step": int(count)}:
                return State(self.text, self.cursor + count)
            case {"move": [int(line), int(column)]}:
                return State(self.text, self.offset(line, column))
        return self

    def replaced(self, start: int, end: int, new: str, behind: str = "") -> "State":
        """What another text in the place of a part makes of it; the cursor is between it and what comes behind."""
        return State(self.text[:start] + new + behind + self.text[end:], start + len(new))

    def offset(self, line: int, column: int) -> int:
        """Characters before a place."""
        return sum(len(each) + 1 for each in self.text.split("\n")[:line]) + column

    def place(self, offset: int) -> tuple[int, int]:
        """The line and the column before which so many characters lie."""
        *lines, last = self.text[:offset].split("\n")
        return len(lines), len(last)


@dataclass(frozen=True, slots=True)
class Session:
    """A document and what happens to it.

    Attributes:
        origin: where the session is from, in a sentence.
        path: name of the document.
        language: of it, as editors call it.
        text: of it, at the start.
        events: in turn.
    """

    origin: str
    path: str
    language: str
    text: str
    events: tuple[Mapping[str, Any], ...]

    @classmethod
    def read(cls, file: Path) -> "Session":
        """Reads a session."""
        header, *events = map(json.loads, file.read_text(encoding="utf-8").splitlines())
        return cls(header["origin"], header["path"], header["language"], header["text"], tuple(events))

    def written(self) -> str:
        """The session as JSON lines."""
        header = {"origin": self.origin, "path": self.path, "language": self.language, "text": self.text}
        return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in (header, *self.events))

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return float(sum(event["after"] for event in self.events))

    @property
    def final_text(self) -> str:
        """What the document is in the end."""
        state = State(self.text)
        for event in self.events:
            state = state.after(event)
        return state.text
