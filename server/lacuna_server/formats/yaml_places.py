"""The value at a place in a YAML document: the path to it, and what of it is there already.

A word is put into the gap, and the parser tells what it becomes part of. Its events come one by one: a mistake behind
the gap does no harm, one in front of it hides the place.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from lacuna_server.formats.places import UNKNOWN, Place, Step

_WORD = "word"
_QUOTES = "\"'"
_BEFORE_FIRST = -1
_PARSER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""PyYAML's wheels have the fast one."""

_SCHEMA_COMMENT = re.compile(r"^[ \t]*#[ \t]*yaml-language-server[ \t]*:.*?\$schema=(\S+)", re.MULTILINE)


def yaml_place_at(text: str, start: int, end: int) -> Place | None:
    """The value that a gap of a document is or belongs to.

    Args:
        text: the document.
        start: of the gap.
        end: of the gap.

    Returns:
        None where the gap is no scalar in one line, nor part of one; where it is a key; and in the lines below a key,
        where people write values in several lines.
    """
    line = text[:start].rpartition("\n")[2]
    for quote in ("", *(mark for mark in _QUOTES if mark in line)):  # that is still to be closed
        reader = _Reader(text[:start] + _WORD + quote + text[end:], start, start + len(_WORD))
        found = reader.found
        if found is None or (quote and found.quote != quote):
            continue
        if reader.is_broken and not _Reader(text[:start] + text[end:], 0, 0).is_broken:
            return None  # the word has broken it
        if (not found.before and found.after) or found.is_below_key or not found.steps:
            return None
        comment = _SCHEMA_COMMENT.search(text)
        reference = reader.top.get("$schema") if comment is None else comment[1]
        return Place(
            found.steps,
            found.before,
            found.after.removeprefix(quote),
            reference if isinstance(reference, str) else "",
            found.is_flow,
        )
    return None


@dataclass(frozen=True, slots=True)
class _Found:
    """The scalar that the word has become part of: what of it precedes the word, what follows, and where it stands."""

    quote: str
    before: str
    after: str
    steps: tuple[Step, ...]
    is_flow: bool
    is_below_key: bool


@dataclass(slots=True)
class _Frame:
    """A mapping or a sequence that is open; `key` is a name, the number of an item, or None where it is neither."""

    is_mapping: bool
    is_flow: bool
    key: str | int | None
    expects_key: bool = True
    members: dict[str, Any] = field(default_factory=dict)


class _Reader:
    """Reads a document as far as it can be read.

    Attributes:
        found: the scalar that covers a span of the text.
        top: members of the mapping that the document is.
        is_broken: whether there is a mistake in it.
    """

    def __init__(self, text: str, first: int, last: int) -> None:
        self.found: _Found | None = None
        self.top: dict[str, Any] = {}
        self.is_broken = False
        self._text, self._first, self._last = text, first, last
        self._frames: list[_Frame] = []
        try:
            for event in self._events():
                self._take(event)
        except (yaml.YAMLError, ValueError):
            self.is_broken = True

    def _events(self) -> Iterator[yaml.Event]:
        """The events of the documents up to the end of the one that has the span."""
        for event in yaml.parse(self._text, Loader=_PARSER):
            if isinstance(event, yaml.DocumentEndEvent) and self.found is not None:
                return
            yield event

    def _take(self, event: yaml.Event) -> None:
        match event:
            case yaml.DocumentStartEvent():
                self.top = {}
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                self._take_node(UNKNOWN)
                is_mapping = isinstance(event, yaml.MappingStartEvent)
                frame = _Frame(is_mapping, event.flow_style, None if is_mapping else _BEFORE_FIRST)
                self.top = self.top if self._frames else frame.members
                self._frames.append(frame)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self._frames.pop()
            case yaml.AliasEvent():
                self._take_node(UNKNOWN)
            case yaml.ScalarEvent():
                is_key = bool(self._frames) and self._frames[-1].is_mapping and self._frames[-1].expects_key
                is_it = event.start_mark.index <= self._first < self._last <= event.end_mark.index and not is_key
                value = event.value if is_key or event.style else _decoded(event.value)
                self._take_node(UNKNOWN if is_it else value)
                if is_it:
                    self.found = self._found_in(event)

    def _take_node(self, value: Any) -> None:
        """Takes a key, or what else stands in a mapping or a sequence."""
        if not self._frames:
            return
        frame = self._frames[-1]
        if isinstance(frame.key, int):
            frame.key += 1
        elif frame.expects_key:
            frame.key, frame.expects_key = value if isinstance(value, str) else None, False
        else:
            frame.expects_key = True
            if frame.key is not None:
                frame.members[frame.key] = value

    def _found_in(self, scalar: yaml.ScalarEvent) -> _Found | None:
        """What a scalar says; None of one that has several lines, an anchor or a tag, or whose path has no names."""
        begin, end = scalar.start_mark, scalar.end_mark
        steps = tuple(Step(frame.key, frame.members) for frame in self._frames if frame.key is not None)
        is_marked = scalar.anchor is not None or scalar.tag is not None
        if begin.line != end.line or is_marked or len(steps) < len(self._frames):
            return None
        is_flow = bool(self._frames) and self._frames[-1].is_flow
        return _Found(
            quote=scalar.style or "",
            before=self._text[begin.index : self._first],
            after=self._text[self._last : end.index],
            steps=steps,
            is_flow=is_flow,
            is_below_key=not is_flow and not self._text[: begin.index].rpartition("\n")[2].strip(),
        )


def _decoded(scalar: str) -> Any:
    """The scalar that a word without quotes stands for, to YAML 1.2."""
    if not scalar:
        return None
    try:
        return json.loads(scalar)
    except ValueError:
        return scalar
