"""Strings that YAML reads as such without quotes: words of which the first begins with a letter and is not reserved."""

import re

from lacuna_model.constraints.schema_patterns import Intervals, difference, union
from lacuna_model.constraints.schema_strings import character_class

RESERVED = frozenset(("null", "true", "false", "yes", "no", "on", "off", "y", "n"))
"""What is no string, in one case or another, to some version of YAML."""

_LONGEST = max(map(len, RESERVED))


def _cased(letters: str) -> Intervals:
    """Letters in both cases."""
    return union(*(((ord(letter), ord(letter)),) for letter in letters + letters.upper()))


def _class(intervals: Intervals) -> str:
    found = character_class(intervals)
    assert found is not None
    return found


_LETTERS = _cased("abcdefghijklmnopqrstuvwxyz")
_INITIALS = _cased("".join(word[0] for word in RESERVED))
_IN_WORDS = union(_LETTERS, *(((ord(text[0]), ord(text[-1])),) for text in ("-9", "_", "@", "+")))  # - . / and digits
_ANY = _class(_IN_WORDS)
_WORDS = re.compile(f"{_class(_LETTERS)}(?: ?{_ANY})*")


def is_words(text: str) -> bool:
    """Whether a text is a string without quotes."""
    return _WORDS.fullmatch(text) is not None and text.lower() not in RESERVED


def words(least: int, most: int | None) -> str | None:
    """A regular expression of such texts; of several words only where any number of characters will do.

    Args:
        least: fewest characters.
        most: most characters; None: any number.
    """
    least = max(least, 1)
    other, initial = _class(difference(_LETTERS, _INITIALS)), _class(_INITIALS)
    options = [_differing("", least, _LONGEST if most is None else min(most, _LONGEST))]
    if most is None and least == 1:
        options += [f"{other}(?: ?{_ANY})*", f"{initial}(?: ?{_ANY}){{{_LONGEST},}}"]
    else:
        longer = max(least, _LONGEST + 1)
        options += [f"{other}{_count(least - 1, most)}" if most is None or most >= least else ""]
        options += [f"{initial}{_count(longer - 1, most)}" if most is None or most >= longer else ""]
    found = [option for option in options if option]
    return f"(?:{'|'.join(found)})" if found else None


def _count(least: int, most: int | None) -> str:
    return f"{_ANY}{{{least},{'' if most is None else most - 1}}}"


def _differing(begun: str, least: int, most: int) -> str:
    """How a word goes on behind the beginning of a reserved one without becoming one; "" where it cannot."""
    if least > most:
        return ""
    following = "".join(sorted({word[len(begun)] for word in RESERVED if word.startswith(begun) and word != begun}))
    options = []
    if len(begun) < most:
        for letter in following:
            rest = _differing(begun + letter, least, most)
            options += [f"{_class(_cased(letter))}{rest}"] if rest else []
        if begun:
            other = _class(difference(_IN_WORDS, _cased(following)))
            options.append(f"{other}{_count(max(least - len(begun), 1) - 1, most - len(begun))}")
    if begun and begun not in RESERVED and least <= len(begun) <= most:
        options.append("")
    return f"(?:{'|'.join(options)})" if options else ""
