"""The value at a place in a JSON document, in any state of brokenness: the path to it, and what of it is there already.

Comments are passed over. A scanner does this and no parser, for what is being typed is no JSON yet.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_STRING = r'"(?:\\.|[^"\\\n])*(?:(?P<closed>")|\\?\Z)?'
_WORD = r'[^\s{}\[\]:,"/]+'
_TOKEN = re.compile(rf"(?P<comment>//[^\n]*|/\*.*?(?:\*/|\Z))|(?P<string>{_STRING})|[{{}}\[\]:,]|{_WORD}|/", re.DOTALL)
_STRING_AT = re.compile(_STRING, re.DOTALL)
_WORD_AT = re.compile(f"(?:{_WORD})?")
_VALUE_ENDS = re.compile(r"[ \t]*(?:[,\]}\n]|//|/\*|\Z)")
_VALUE_STANDS_THERE = re.compile(rf"[ \t]*(?:[{{\[]|{_WORD}|{_STRING}(?!\s*:))", re.DOTALL)

UNKNOWN = object()
"""A value that is no scalar, or cannot be read."""


@dataclass(frozen=True, slots=True)
class Step:
    """From an object or an array to a value in it.

    Attributes:
        key: name of a member, or number of an item.
        members: what else is in the object, as far as it can be read; scalars, and `UNKNOWN` for all others.
    """

    key: str | int
    members: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """A value in a JSON or YAML document.

    Attributes:
        steps: from the document to the value.
        before: what of the value stands in front of the gap.
        after: what of it stands behind the gap.
        reference: what the document gives as its `$schema`; "" where it gives none.
        is_flow: it stands in brackets, if it is in YAML.
    """

    steps: tuple[Step, ...]
    before: str
    after: str
    reference: str
    is_flow: bool = True


@dataclass(slots=True)
class _Frame:
    """An object or an array that is open, or the document around all."""

    kind: str
    expects: str = "value"
    key: str | int | None = None
    members: dict[str, Any] = field(default_factory=dict)


def place_at(text: str, start: int, end: int) -> Place | None:
    """The value that a gap of a document is or belongs to; None where no value begins or goes on.

    Args:
        text: the document.
        start: of the gap.
        end: of the gap.
    """
    reader = _Reader()
    before = reader.read_up_to(text[:start])
    if before is None or reader.frames[-1].expects != "value":
        return None
    after = _rest_of_value(before, text[end:])
    if after is None:
        return None
    steps = reader.steps()
    reader.take_scalar(UNKNOWN)
    reader.read_up_to(text[end + len(after) :])
    reference = reader.top.get("$schema")
    return None if steps is None else Place(steps, before, after, reference if isinstance(reference, str) else "")


def _rest_of_value(before: str, suffix: str) -> str | None:
    """What of a value stands behind the gap; None where another value stands there."""
    if before.startswith('"'):
        string = _STRING_AT.match(before + suffix)
        is_closed = string is not None and string["closed"] and _VALUE_ENDS.match(before + suffix, string.end())
        return string[0][len(before) :] if string is not None and is_closed else ""
    if not before:
        return None if _VALUE_STANDS_THERE.match(suffix) else ""
    word = _WORD_AT.match(suffix)
    return "" if word is None else word[0]


class _Reader:
    """Reads JSON as far as it makes sense.

    Attributes:
        frames: what is open, outermost first.
        top: members of the object that the document is.
    """

    def __init__(self) -> None:
        self.frames = [_Frame("document")]
        self.top: dict[str, Any] = {}

    def read_up_to(self, text: str) -> str | None:
        """Reads a text; returns what of a scalar it ends in, "" for nothing, and None where it ends in a comment."""
        for token in _TOKEN.finditer(text):
            is_last = token.end() == len(text)
            if token["comment"]:
                is_open = token[0].startswith("//") or not token[0].endswith("*/")
                if is_last and is_open:
                    return None
            elif token["string"]:
                if is_last and not token["closed"]:
                    return token[0]
                self._take_string(token[0])
            elif token[0] in "{[":
                self._open("object" if token[0] == "{" else "array")
            elif token[0] in "}]":
                self._close("object" if token[0] == "}" else "array")
            elif token[0] in ":,":
                self._take_mark(token[0])
            elif is_last:
                return token[0]
            elif self.frames[-1].expects == "value":
                self.take_scalar(_decoded(token[0]))
        return ""

    def steps(self) -> tuple[Step, ...] | None:
        """The way to the value that comes next; None if it is not known."""
        found = []
        for frame in self.frames[1:]:
            if frame.key is None:
                return None
            found.append(Step(frame.key, frame.members))
        return tuple(found)

    def take_scalar(self, value: Any) -> None:
        """Takes a value without anything in it."""
        frame = self.frames[-1]
        if isinstance(frame.key, str):
            frame.members[frame.key] = value
        frame.expects = "comma"

    def _take_string(self, token: str) -> None:
        frame = self.frames[-1]
        if frame.kind == "object" and frame.expects in ("key", "comma"):
            key = _decoded(token)
            frame.key, frame.expects = key if isinstance(key, str) else None, "colon"
        elif frame.expects == "value":
            self.take_scalar(_decoded(token))

    def _take_mark(self, mark: str) -> None:
        frame = self.frames[-1]
        if mark == ":":
            frame.expects = "value" if frame.expects == "colon" else frame.expects
        elif frame.kind == "object":
            frame.key, frame.expects = None, "key"
        elif isinstance(frame.key, int):
            frame.key, frame.expects = frame.key + 1, "value"

    def _open(self, kind: str) -> None:
        if self.frames[-1].expects != "value":
            self.frames[-1].key = None
        self.take_scalar(UNKNOWN)
        is_object = kind == "object"
        frame = _Frame(kind, "key" if is_object else "value", None if is_object else 0)
        if is_object and len(self.frames) == 1:
            frame.members = self.top
        self.frames.append(frame)

    def _close(self, kind: str) -> None:
        for depth in range(len(self.frames) - 1, 0, -1):
            if self.frames[depth].kind == kind:
                del self.frames[depth:]
                return


def _decoded(token: str) -> Any:
    """The scalar that a token stands for."""
    try:
        return json.loads(token)
    except ValueError:
        return UNKNOWN
