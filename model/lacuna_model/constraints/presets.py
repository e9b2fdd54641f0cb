r"""Named formats as regular expressions, in the dialect of Rust's regex-automata and Python's `re` alike.

A preset never accepts what is not of its format; of formats that are not regular, or that would make large automata, it
accepts a part: identifiers are ASCII, JSON values nest two levels deep, expressions have two levels of brackets.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lacuna_model.constraints import preset_expressions, schema
from lacuna_model.constraints.preset_literals import (
    DATE,
    EMAIL,
    FLOAT,
    INTEGER,
    IPV4,
    IPV6,
    OFFSET,
    SEMVER,
    TIME,
    URL,
    UUID,
    quoted_string,
)
from lacuna_model.errors import ConstraintError


@dataclass(frozen=True, slots=True)
class Preset:
    """A named format.

    Attributes:
        description: one line for people.
        pattern: gives the regular expression for a language.
    """

    description: str
    pattern: Callable[[str], str]


def _same(pattern: str) -> Callable[[str], str]:
    return lambda language: pattern


PRESETS: Mapping[str, Preset] = {
    "identifier": Preset("a name that is no keyword of the language", preset_expressions.identifier),
    "integer": Preset("a whole number in decimal digits", _same(INTEGER)),
    "float": Preset("a decimal number with a point or an exponent", _same(FLOAT)),
    "quoted-string": Preset("a string literal of the language", quoted_string),
    "iso-date": Preset("a day that exists, such as 2024-02-29", _same(DATE)),
    "iso-datetime": Preset("a day and time, with or without an offset", _same(f"{DATE}T{TIME}(?:{OFFSET})?")),
    "uuid": Preset("a UUID with hyphens", _same(UUID)),
    "semver": Preset("a semantic version 2.0.0, such as 1.4.0-rc.1+build.5", _same(SEMVER)),
    "e-mail": Preset("an e-mail address", _same(EMAIL)),
    "url": Preset("an http, https or ftp address", _same(URL)),
    "ipv4": Preset("an IPv4 address", _same(IPV4)),
    "ipv6": Preset("an IPv6 address", _same(IPV6)),
    "hex-colour": Preset(
        "a colour of 3, 4, 6 or 8 hexadecimal digits after #", _same("#(?:[0-9A-Fa-f]{3,4}|(?:[0-9A-Fa-f]{2}){3,4})")
    ),
    "file-path": Preset(
        "an absolute or relative path with slashes, without spaces",
        _same(r"(?:~/|/)?(?:[A-Za-z0-9._@%+-]+/)*[A-Za-z0-9._@%+-]+/?|/"),
    ),
    "json-value": Preset(
        "any JSON value on one line, two levels deep", lambda language: schema.regex_of_schema({}, max_depth=4)
    ),
    "python-expression": Preset("a Python expression on one line", _same(preset_expressions.PYTHON)),
    "javascript-expression": Preset("a JavaScript expression on one line", _same(preset_expressions.JAVASCRIPT)),
}
"""Every preset by its name."""


def pattern_of_preset(name: str, language: str) -> str:
    """The regular expression of a preset.

    Args:
        name: of the preset.
        language: of the file, as editors name it; only identifiers and string literals differ between languages.

    Raises:
        ConstraintError: there is no preset of this name.
    """
    if name not in PRESETS:
        raise ConstraintError(f"There is no preset {name!r}; there are {', '.join(PRESETS)}.")
    return PRESETS[name].pattern(language)
