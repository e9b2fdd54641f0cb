"""Strings as JSON texts: patterns, formats and lengths as regular expressions over what stands between the quotes.

A string of any content may use every escape of JSON. Where a pattern or format decides about characters, a character is
written as `json.dumps(..., ensure_ascii=False)` writes it.
"""

import json
import re
from collections.abc import Callable
from typing import Any

from lacuna_model.constraints.preset_literals import (
    AFTER_PATH,
    DATE,
    EMAIL,
    IPV4,
    IPV6,
    LABEL,
    OFFSET,
    PATH_CHARACTER,
    TIME,
    UUID,
)
from lacuna_model.constraints.schema_patterns import (
    ANY,
    Alternation,
    Characters,
    Concatenation,
    Intervals,
    Node,
    Repetition,
    difference,
    parse,
    searched,
)
from lacuna_model.errors import ConstraintError

_ANY_CHARACTER = (
    r'(?:[^"\\\x00-\x1f]|\\["\\/bfnrt]|\\u(?:[0-9A-Ca-cE-Fe-f][0-9A-Fa-f]{3}|[Dd][0-7][0-9A-Fa-f]{2})'
    r"|\\u[Dd][89ABab][0-9A-Fa-f]{2}\\u[Dd][C-Fc-f][0-9A-Fa-f]{2})"
)
"""One code point; a lone half of a surrogate pair is none."""

_ESCAPED: Intervals = ((0x00, 0x1F), (0x22, 0x22), (0x5C, 0x5C))
SURROGATES: Intervals = ((0xD800, 0xDFFF),)

CharacterWriter = Callable[[Intervals], str | None]
"""Writes any character of a set as a regular expression; None where a text can have none of them."""

_SHORT_LABEL = "[A-Za-z0-9](?:-?[A-Za-z0-9]){0,30}"
_NO_COLON = PATH_CHARACTER.replace(":@", "@")
_USER = PATH_CHARACTER.replace("@", "")
_UNQUOTED = PATH_CHARACTER.replace("'", "")
_AUTHORITY_PATH = rf"//(?:{_USER}*@)?{LABEL}(?:\.{LABEL})*(?::[0-9]{{1,4}})?(?:/{PATH_CHARACTER}*)*"
_SEGMENTS = f"{PATH_CHARACTER}+(?:/{PATH_CHARACTER}*)*"
_ABSOLUTE_PATH = f"/(?:{_SEGMENTS})?"

FORMATS: dict[str, str] = {
    "date": DATE,
    "time": TIME + OFFSET,
    "date-time": f"{DATE}T{TIME}{OFFSET}",
    "uuid": UUID,
    "email": EMAIL,
    "hostname": rf"{_SHORT_LABEL}(?:\.{_SHORT_LABEL}){{0,3}}",
    "ipv4": IPV4,
    "ipv6": IPV6,
    "uri": rf"[A-Za-z][A-Za-z0-9+.-]*:(?:{_AUTHORITY_PATH}|{_ABSOLUTE_PATH}|{_SEGMENTS}){AFTER_PATH}",
    "uri-reference": rf"(?:{_AUTHORITY_PATH}|{_ABSOLUTE_PATH}|{_NO_COLON}+(?:/{PATH_CHARACTER}*)*)?{AFTER_PATH}",
    "uri-template": rf"(?:{_UNQUOTED}|[/?#]|\{{[+#./;?&]?[A-Za-z0-9_]+(?:,[A-Za-z0-9_]+)*\}})*",
    "json-pointer": r"(?:/(?:[^/~]|~[01])*)*",
}
"""Formats of strings; what they accept is a part of what the standards allow."""


def string(patterns: tuple[str, ...], least: int, most: int | None) -> str | None:
    """A string, with its quotes.

    Args:
        patterns: regular expressions of JSON Schema, of which each is found in the string; one at most.
        least: fewest characters.
        most: most characters; None: any number.

    Returns:
        The regular expression; None if there is no such string.

    Raises:
        ConstraintError: a pattern cannot be used, or not with these lengths.
    """
    body = characters(patterns, least, most, _json_character)
    return None if body is None else f'"{body}"'


def characters(patterns: tuple[str, ...], least: int, most: int | None, write: CharacterWriter) -> str | None:
    """A string's characters, without quotes; all else as of `string`."""
    if len(patterns) > 1:
        raise ConstraintError("two patterns or formats for one string are not supported")
    node = searched(parse(patterns[0])) if patterns else Repetition(ANY, 0, None)
    bounded = _bounded(node, least, most)
    return None if bounded is None else _written(bounded, write)


def literal(value: Any) -> str:
    """The text of a given value, as json.dumps writes it, as a regular expression.

    Raises:
        ConstraintError: it has no text in JSON.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        if re.search("[\ud800-\udfff]", text):
            text = json.dumps(value)
    except ValueError as error:
        raise ConstraintError("infinity and not-a-number cannot be written in JSON") from error
    return re.escape(text).replace("\\ ", " ")


def lengths(node: Node) -> tuple[int, int | None]:
    """Fewest and most characters of a tree's texts; None: no bound."""
    match node:
        case Characters():
            return 1, 1
        case Repetition(item, least, most):
            low, high = lengths(item)
            no_bound = high is None or (most is None and high > 0)
            return low * least, None if no_bound else (high or 0) * (most or 0)
        case Concatenation(items):
            low, high = 0, 0
            for each_low, each_high in map(lengths, items):
                low += each_low
                high = None if high is None or each_high is None else high + each_high
            return low, high
        case Alternation(options):
            every = [lengths(option) for option in options]
            highs = [high for _, high in every if high is not None]
            return min(low for low, _ in every), max(highs) if len(highs) == len(every) else None
    raise AssertionError(node)


def _bounded(node: Node, least: int, most: int | None) -> Node | None:
    """The texts of a tree that have from `least` to `most` characters; None if there are none.

    Raises:
        ConstraintError: more than one part of a concatenation can take up the slack.
    """
    low, high = lengths(node)
    if low >= least and (most is None or (high is not None and high <= most)):
        return node
    if (high is not None and high < least) or (most is not None and low > most):
        return None
    match node:
        case Repetition(item, fewest, greatest) if len(set(lengths(item))) == 1:
            size = lengths(item)[0]
            fewest = max(fewest, -(-least // size))
            room = None if most is None else most // size
            greatest = room if greatest is None else greatest if room is None else min(greatest, room)
            return None if greatest is not None and fewest > greatest else Repetition(item, fewest, greatest)
        case Repetition(item, 0, 1):
            return _bounded(Alternation((item, Concatenation())), least, most)
        case Alternation(options):
            kept = [bounded for option in options if (bounded := _bounded(option, least, most)) is not None]
            return Alternation(tuple(kept)) if kept else None
        case Concatenation(items):
            return _bounded_concatenation(items, least, most)
    raise ConstraintError("its pattern or format cannot be combined with these lengths (minLength, maxLength)")


def _bounded_concatenation(items: tuple[Node, ...], least: int, most: int | None) -> Node | None:
    loose = [index for index, item in enumerate(items) if len(set(lengths(item))) > 1]
    if len(loose) > 1:
        for index in loose:
            match items[index]:
                case Concatenation(inner):
                    spread: tuple[Node, ...] = (Concatenation((*items[:index], *inner, *items[index + 1 :])),)
                case Alternation(options):
                    spread = tuple(Concatenation((*items[:index], each, *items[index + 1 :])) for each in options)
                case Repetition(item, 0, 1):
                    spread = tuple(
                        Concatenation((*items[:index], *each, *items[index + 1 :])) for each in ((), (item,))
                    )
                case _:
                    continue
            return _bounded(Alternation(spread), least, most)
        raise ConstraintError("its pattern or format cannot be combined with these lengths (minLength, maxLength)")
    index = loose[0]
    fixed = sum(lengths(item)[0] for position, item in enumerate(items) if position != index)
    inner_item = _bounded(items[index], max(least - fixed, 0), None if most is None else most - fixed)
    return None if inner_item is None else Concatenation((*items[:index], inner_item, *items[index + 1 :]))


def _written(node: Node, write: CharacterWriter) -> str | None:
    """The regular expression of a tree's texts, character by character; None if it has none."""
    match node:
        case Characters(intervals):
            return write(intervals)
        case Repetition(item, least, most):
            inner = _written(item, write)
            if inner is None or most == 0:
                return "" if least == 0 else None
            return f"(?:{inner}){_count(least, most)}"
        case Concatenation(items):
            parts = [_written(item, write) for item in items]
            return None if None in parts else "".join(map(str, parts))
        case Alternation(options):
            written = [text for option in options if (text := _written(option, write)) is not None]
            return f"(?:{'|'.join(dict.fromkeys(written))})" if written else None
    raise AssertionError(node)


def _count(least: int, most: int | None) -> str:
    if most is None:
        return {0: "*", 1: "+"}.get(least, f"{{{least},}}")
    if (least, most) == (0, 1):
        return "?"
    return f"{{{least},{most}}}" if least != most else f"{{{least}}}" if least != 1 else ""


def _json_character(intervals: Intervals) -> str | None:
    return _ANY_CHARACTER if intervals == ANY.intervals else quoted_character(intervals, SURROGATES)


def quoted_character(intervals: Intervals, unwritten: Intervals) -> str | None:
    """A character between double quotes, with the escapes that JSON needs; no text has one of `unwritten`."""
    plain = difference(difference(intervals, _ESCAPED), unwritten)
    escaped = [code for first, last in intervals for code in range(first, min(last, 0x5C) + 1) if _is_escaped(code)]
    found = character_class(plain)
    options = ([] if found is None else [found]) + [re.escape(json.dumps(chr(code))[1:-1]) for code in escaped]
    return f"(?:{'|'.join(options)})" if len(options) > 1 else options[0] if options else None


def character_class(intervals: Intervals) -> str | None:
    """A character as it is; None if there is none."""
    ranges = "".join(_point(first) + (f"-{_point(last)}" if last > first else "") for first, last in intervals)
    return f"[{ranges}]" if ranges else None


def _is_escaped(code: int) -> bool:
    return any(first <= code <= last for first, last in _ESCAPED)


def _point(code: int) -> str:
    """A code point in a character class."""
    if chr(code).isascii() and chr(code).isalnum():
        return chr(code)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
