r"""Numbers, dates, addresses, versions and string literals as regular expressions."""

INTEGER = "[+-]?(?:0|[1-9][0-9]*)"
FLOAT = r"[+-]?(?:(?:0|[1-9][0-9]*)\.[0-9]+(?:[eE][+-]?[0-9]{1,2})?|(?:0|[1-9][0-9]*)[eE][+-]?[0-9]{1,2})"

_YEAR = "(?:[0-9]{3}[1-9]|[0-9]{2}[1-9]0|[0-9][1-9]00|[1-9]000)"
_LEAP_YEAR = "(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00)"
DATE = (
    f"(?:{_YEAR}-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)"
    f"|{_LEAP_YEAR}-02-29)"
)
"""A day of the Gregorian calendar, from year 1 on."""

TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,6})?"
OFFSET = "(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"

UUID = "[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"

_NUMERIC = "(?:0|[1-9][0-9]*)"
_PRERELEASE = "(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_BUILD = "[0-9A-Za-z-]+"
SEMVER = (
    rf"{_NUMERIC}\.{_NUMERIC}\.{_NUMERIC}"
    rf"(?:-{_PRERELEASE}(?:\.{_PRERELEASE})*)?(?:\+{_BUILD}(?:\.{_BUILD})*)?"
)
"""The grammar of semver.org 2.0.0."""

LABEL = "[A-Za-z0-9]+(?:-+[A-Za-z0-9]+)*"
"""A part of a host name; of any length, which keeps automata small."""

_ATOM = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
EMAIL = rf"{_ATOM}(?:\.{_ATOM})*@(?:{LABEL}\.){{1,3}}[A-Za-z]{{2,12}}"

PATH_CHARACTER = "(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})"
"""Of RFC 3986."""

AFTER_PATH = rf"(?:\?(?:{PATH_CHARACTER}|[/?])*)?(?:#(?:{PATH_CHARACTER}|[/?])*)?"
URL = rf"(?:https?|ftp)://{LABEL}(?:\.{LABEL}){{0,4}}(?::[1-9][0-9]{{0,3}})?(?:/{PATH_CHARACTER}*)*{AFTER_PATH}"

_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
IPV4 = rf"{_OCTET}(?:\.{_OCTET}){{3}}"

_GROUP = "[0-9A-Fa-f]{1,4}"
_LAST_TWO = f"(?:{_GROUP}:{_GROUP}|{IPV4})"
_IPV6_WAYS = (
    f"(?:{_GROUP}:){{6}}{_LAST_TWO}",
    f"::(?:{_GROUP}:){{5}}{_LAST_TWO}",
    *(f"(?:(?:{_GROUP}:){{0,{index}}}{_GROUP})?::(?:{_GROUP}:){{{4 - index}}}{_LAST_TWO}" for index in range(5)),
    f"(?:(?:{_GROUP}:){{0,5}}{_GROUP})?::{_GROUP}",
    f"(?:(?:{_GROUP}:){{0,6}}{_GROUP})?::",
)
IPV6 = f"(?:{'|'.join(_IPV6_WAYS)})"
"""The grammar of RFC 3986, which is that of RFC 4291."""

_PRINTABLE_BUT = r"[^{}\\\x00-\x08\x0a-\x1f\x7f\u0085\u2028\u2029]"
_ESCAPES = {
    "python": r"""\\(?:[\\'"abfnrtv]|x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4})""",
    "javascript": r"""\\(?:[\\'"bfnrtv]|x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4})""",
    "json": r"""\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4})""",
    "rust": r"""\\(?:[\\'"nrt0]|x[0-7][0-9A-Fa-f])""",
    "": r"""\\[\\'"nrt]""",
}
_SAME_ESCAPES = {"typescript": "javascript", "javascriptreact": "javascript", "typescriptreact": "javascript"}
_WITH_SINGLE_QUOTES = frozenset({"python", "javascript", "bash", "shellscript", "lua", "css", "html", "php", "ruby"})


def quoted_string(language: str) -> str:
    """A string literal on one line; in an unknown language one in double quotes with the commonest escapes."""
    language = _SAME_ESCAPES.get(language, language)
    escape = _ESCAPES.get(language, _ESCAPES[""])
    if language == "json":
        return rf'"(?:[^"\\\x00-\x1f]|{escape})*"'
    quotes = "\"'" if language in _WITH_SINGLE_QUOTES else '"'
    return "(?:" + "|".join(f"{quote}(?:{_PRINTABLE_BUT.format(quote)}|{escape})*{quote}" for quote in quotes) + ")"
