r"""The regular expressions of JSON Schema's `pattern`, read as trees.

Only what ECMA-262 and Python's `re` agree on is read; where the two differ in the characters that a class means (`\w`,
`.`), the tree means those that are right for both.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce

from lacuna_model.errors import ConstraintError

Intervals = tuple[tuple[int, int], ...]
"""Code points, as rising intervals that do not touch; both ends are included."""

LAST = 0x10FFFF


@dataclass(frozen=True, slots=True)
class Characters:
    """One character out of a set."""

    intervals: Intervals


@dataclass(frozen=True, slots=True)
class Concatenation:
    """One tree after the other."""

    items: tuple["Node", ...] = ()


@dataclass(frozen=True, slots=True)
class Alternation:
    """One of several trees."""

    options: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Repetition:
    """A tree, so many times; `most` is None where there is no bound."""

    item: "Node"
    least: int
    most: int | None


@dataclass(frozen=True, slots=True)
class Anchor:
    """The start or the end of the text."""

    is_start: bool


Node = Characters | Concatenation | Alternation | Repetition | Anchor

ANY = Characters(((0, LAST),))
_ANYTHING = Repetition(ANY, 0, None)


def union(*sets: Intervals) -> Intervals:
    """Code points of any of the sets."""
    merged: list[tuple[int, int]] = []
    for first, last in sorted(interval for intervals in sets for interval in intervals):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return tuple(merged)


def complement(intervals: Intervals) -> Intervals:
    """Every other code point."""
    starts = [0, *(last + 1 for _, last in intervals)]
    ends = [*(first - 1 for first, _ in intervals), LAST]
    return tuple((first, last) for first, last in zip(starts, ends, strict=True) if first <= last)


def difference(intervals: Intervals, removed: Intervals) -> Intervals:
    """The first set without the second."""
    return complement(union(complement(intervals), removed))


def _of(*characters: str) -> Intervals:
    return union(*(((ord(text[0]), ord(text[-1])),) for text in characters))


_ABOVE_ASCII: Intervals = ((0x80, LAST),)
_WORD = _of("az", "AZ", "09", "_")
_BLANK = _of("\t\r", " ")
_BLANK_ANYWHERE = union(_BLANK, _of("\x1c\x1f", "\x85", "\xa0", "\u1680", "\u2000\u200a", "\u2028\u2029", "\u202f"))
_CLASSES: dict[str, tuple[Intervals, Intervals]] = {
    "d": (_of("09"), union(_of("09"), _ABOVE_ASCII)),
    "w": (_WORD, union(_WORD, _ABOVE_ASCII)),
    "s": (_BLANK, union(_BLANK_ANYWHERE, _of("\u205f", "\u3000", "\ufeff"))),
}
"""What a class means in both dialects, and all that it may mean in one of them."""

_DOT = complement(_of("\n", "\r", "\u2028\u2029"))
_CONTROLS = {"t": "\t", "n": "\n", "r": "\r", "f": "\f", "v": "\v", "0": "\0"}
_COUNT = re.compile(r"\{([0-9]+)(?:(,)([0-9]*))?\}")
_MAX_COUNT = 10_000


def parse(pattern: str) -> Node:
    """Reads a regular expression.

    Raises:
        ConstraintError: it is wrong, or uses look-around, back-references, word boundaries or named groups.
    """
    parser = _Parser(pattern)
    node = parser.alternation()
    if parser.position < len(pattern):
        raise parser.error("unbalanced parenthesis")
    return node


def searched(node: Node) -> Node:
    """The tree of all texts in which `node` is found somewhere, without anchors: JSON Schema searches.

    Raises:
        ConstraintError: an anchor stands where text comes before the start or after the end.
    """
    return _searched(node, opens=True, closes=True)


def _searched(node: Node, *, opens: bool, closes: bool) -> Node:
    if isinstance(node, Alternation):
        return Alternation(tuple(_searched(option, opens=opens, closes=closes) for option in node.options))
    items = list(_flat(node))
    while items and items[0] == Anchor(is_start=True):
        del items[0]
        opens = False
    while items and items[-1] == Anchor(is_start=False):
        del items[-1]
        closes = False
    for index in {0, len(items) - 1} if items else ():
        if _has_anchor(items[index]):
            before, after = items[:index], items[index + 1 :]
            options = (Concatenation((*before, option, *after)) for option in _options(items[index]))
            return _searched(Alternation(tuple(options)), opens=opens, closes=closes)
    if any(map(_has_anchor, items)):
        raise ConstraintError("an anchor (^ or $) in the middle of a pattern is not supported")
    return Concatenation((*[_ANYTHING] * opens, *items, *[_ANYTHING] * closes))


def _flat(node: Node) -> Iterator[Node]:
    if isinstance(node, Concatenation):
        for item in node.items:
            yield from _flat(item)
    else:
        yield node


def _options(node: Node) -> tuple[Node, ...]:
    match node:
        case Alternation(options):
            return options
        case Repetition(item, 0, 1):
            return item, Concatenation()
    raise ConstraintError("an anchor (^ or $) that is repeated or in the middle of a pattern is not supported")


def _has_anchor(node: Node) -> bool:
    match node:
        case Anchor():
            return True
        case Concatenation(items) | Alternation(items):
            return any(map(_has_anchor, items))
        case Repetition(item):
            return _has_anchor(item)
    return False


class _Parser:
    """A recursive-descent parser; `position` is the next character's."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self.position = 0

    def error(self, reason: str) -> ConstraintError:
        return ConstraintError(f"the pattern {self._pattern!r} cannot be used: {reason} at position {self.position}")

    def alternation(self) -> Node:
        options = [self._concatenation()]
        while self._takes("|"):
            options.append(self._concatenation())
        return options[0] if len(options) == 1 else Alternation(tuple(options))

    def _concatenation(self) -> Node:
        items = []
        while self._next() not in ("", "|", ")"):
            items.append(self._quantified(self._atom()))
        return items[0] if len(items) == 1 else Concatenation(tuple(items))

    def _quantified(self, atom: Node) -> Node:
        symbol = self._next()
        least, most = 0, None
        if counted := _COUNT.match(self._pattern, self.position):
            least = int(counted[1])
            most = least if counted[2] is None else int(counted[3]) if counted[3] else None
            if max(least, most or 0) > _MAX_COUNT or (most is not None and most < least):
                raise self.error("a repetition that is too large or the wrong way round")
            self.position = counted.end()
        elif symbol and symbol in "*+?":
            least, most = {"*": (0, None), "+": (1, None), "?": (0, 1)}[symbol]
            self.position += 1
        else:
            return atom
        self._takes("?")  # as few as possible: the same texts
        if (self._next() or "|") in "*+?" or _COUNT.match(self._pattern, self.position):
            raise self.error("two quantifiers")
        return Repetition(atom, least, most)

    def _atom(self) -> Node:
        match self._take():
            case "^":
                return Anchor(is_start=True)
            case "$":
                return Anchor(is_start=False)
            case ".":
                return Characters(_DOT)
            case "(":
                if self._takes("?") and not self._takes(":"):
                    raise self.error("look-around or a special group")
                node = self.alternation()
                if not self._takes(")"):
                    raise self.error("missing parenthesis")
                return node
            case "[":
                return Characters(self._set())
            case "\\":
                return Characters(self._escape(in_set=False, is_negated=False))
            case "*" | "+" | "?":
                raise self.error("nothing to repeat before this")
            case "{" if self._next() == "," or _COUNT.match(self._pattern, self.position - 1):
                raise self.error("a repetition of nothing")
            case character:
                return Characters(_of(character))

    def _set(self) -> Intervals:
        is_negated = self._takes("^")
        if self._next() == "]":
            raise self.error("an empty class")
        parts: list[Intervals] = []
        while not self._takes("]"):
            first = self._member(is_negated)
            if self._next() == "-" and self._pattern[self.position + 1 : self.position + 2] not in ("]", ""):
                self._take()
                last = self._member(is_negated)
                if _size(first) > 1 or _size(last) > 1 or first > last:
                    raise self.error("not a range of characters")
                first = ((first[0][0], last[0][0]),)
            parts.append(first)
        found = reduce(union, parts)
        return complement(found) if is_negated else found

    def _member(self, is_negated: bool) -> Intervals:
        character = self._take()
        return self._escape(in_set=True, is_negated=is_negated) if character == "\\" else _of(character)

    def _escape(self, *, in_set: bool, is_negated: bool) -> Intervals:
        character = self._take()
        if character in _CLASSES:
            return _CLASSES[character][is_negated]
        if character.lower() in _CLASSES:
            return complement(_CLASSES[character.lower()][not is_negated])
        if character in _CONTROLS and not (character == "0" and self._next().isdigit()):
            return _of(_CONTROLS[character])
        if character == "b" and in_set:
            return _of("\b")
        if character in ("x", "u"):
            digits = self._pattern[self.position : self.position + (2 if character == "x" else 4)]
            if re.fullmatch("[0-9A-Fa-f]{2}|[0-9A-Fa-f]{4}", digits) and not 0xD800 <= int(digits, 16) <= 0xDFFF:
                self.position += len(digits)
                return ((int(digits, 16), int(digits, 16)),)
        elif character.isascii() and not character.isalnum():
            return _of(character)
        raise self.error(f"the escape \\{character}")

    def _next(self) -> str:
        return self._pattern[self.position : self.position + 1]

    def _take(self) -> str:
        if self.position == len(self._pattern):
            raise self.error("it ends too early")
        self.position += 1
        return self._pattern[self.position - 1]

    def _takes(self, character: str) -> bool:
        if self._next() != character:
            return False
        self.position += 1
        return True


def _size(intervals: Intervals) -> int:
    return sum(last - first + 1 for first, last in intervals)
