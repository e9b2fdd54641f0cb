"""Values of a JSON Schema as YAML in one line: scalars as people write them, and all else in brackets.

Every text means the same to YAML 1.1 and 1.2, which do not agree on all of JSON: to the one `1e5` is a string, a line
may end at U+2028, and half a surrogate pair is no character. So numbers have no exponents, and such characters are
escaped or left out.
"""

import json
import re
from typing import Any

from lacuna_model.constraints.schema_patterns import ANY, Intervals, complement, difference
from lacuna_model.constraints.schema_strings import character_class, characters, quoted_character
from lacuna_model.constraints.yaml_words import is_words, words
from lacuna_model.errors import ConstraintError

_PRINTED: Intervals = (
    (0x20, 0x7E),
    (0xA0, 0x2027),
    (0x202A, 0xD7FF),
    (0xE000, 0xFEFE),
    (0xFF00, 0xFFFD),
    (0x10000, 0x10FFFF),
)
_UNPRINTED = complement(_PRINTED)
_PRINTED_TEXT = re.compile(f"{character_class(_PRINTED)}*")
_APOSTROPHE: Intervals = ((0x27, 0x27),)
_ESCAPE = r'\\["\\bfnrt]|\\u(?:[0-9A-Ca-cE-Fe-f][0-9A-Fa-f]{3}|[Dd][0-7][0-9A-Fa-f]{2})'

_MAX_NAME_LENGTH = 40
"""Of a name that the schema does not give: what has more than 1024 characters is no name to a parser."""


class Yaml:
    """The notation."""

    has_exponents = False

    def string(self, patterns: tuple[str, ...], least: int, most: int | None) -> str | None:
        """A string between quotes of both kinds, and without where it may be any."""
        double = characters(patterns, least, most, _double_quoted_character)
        single = characters(patterns, least, most, _single_quoted_character)
        options = [
            None if double is None else f'"{double}"',
            None if single is None else f"'{single}'",
            None if patterns else words(least, most),
        ]
        found = [option for option in options if option is not None]
        return f"(?:{'|'.join(found)})" if found else None

    def literal(self, value: Any) -> str:
        """A given value, a string in every way that can be read."""
        texts = [_text(value)]
        if isinstance(value, str):
            texts += [value] if is_words(value) else []
            texts += ["'" + value.replace("'", "''") + "'"] if _PRINTED_TEXT.fullmatch(value) else []
        return f"(?:{'|'.join(map(_escaped, texts))})"

    def name(self, text: str) -> str:
        """A member's name, without quotes if it can be read."""
        return _escaped(text if is_words(text) else _quoted(text))

    def any_name(self) -> str:
        """Short words."""
        found = words(1, _MAX_NAME_LENGTH)
        assert found is not None
        return found


def _escaped(text: str) -> str:
    return re.escape(text).replace("\\ ", " ")


def _text(value: Any) -> str:
    """A given value, with quotes around every string."""
    match value:
        case str():
            return _quoted(value)
        case list():
            return f"[{', '.join(map(_text, value))}]"
        case dict():
            return f"{{{', '.join(f'{_quoted(key)}: {_text(each)}' for key, each in value.items())}}}"
    try:
        return re.sub(r"^(-?[0-9]+)e", r"\1.0e", json.dumps(value, allow_nan=False))
    except ValueError as error:
        raise ConstraintError("infinity and not-a-number cannot be written in JSON") from error


def _quoted(text: str) -> str:
    return f'"{"".join(map(_quoted_one, text))}"'


def _quoted_one(character: str) -> str:
    code = ord(character)
    if 0xD800 <= code < 0xE000:
        raise ConstraintError("half a surrogate pair cannot be written in YAML")
    if code > 0x7E and _PRINTED_TEXT.fullmatch(character):
        return character
    return json.dumps(character)[1:-1] if code != 0x7F else r"\x7f"


def _double_quoted_character(intervals: Intervals) -> str | None:
    found = quoted_character(intervals, _UNPRINTED)
    return f"(?:{found}|{_ESCAPE})" if intervals == ANY.intervals else found


def _single_quoted_character(intervals: Intervals) -> str | None:
    found = character_class(difference(difference(intervals, _UNPRINTED), _APOSTROPHE))
    options = ([] if found is None else [found]) + ([] if difference(_APOSTROPHE, intervals) else ["''"])
    return f"(?:{'|'.join(options)})" if options else None
