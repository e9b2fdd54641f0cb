"""Where a fill begins to be worth showing: behind blank lines, and behind what the line at the cursor has already."""

import re

from lacuna_server.suggestion.indentation import MAKEFILES, Indentation
from lacuna_server.syntax.lines import indent_width, leading_space, line_before, next_lines, previous_lines

MIN_REPEATED = 3
"""Characters; a shorter word may well begin with itself."""

MAX_REPEATED = 100
"""Characters; longer words are data."""

_COMMENT = re.compile(r"\s*(?:#|//|/\*|--)")
_LAST_WORD = re.compile(r"\w+\Z")
_WORD = re.compile(r"\w+")
_OPENERS = (":", "{", "(", "[")


def beginning(text: str, prefix: str, suffix: str, language: str, indentation: Indentation) -> int:
    """Characters of a fill to leave out at its beginning."""
    line = line_before(prefix)
    first = len(text) - len(text.lstrip())
    last_break = text.rfind("\n", 0, first)
    if line.strip():
        if last_break >= 0:
            return last_break  # the fill goes on in the next line, with no blank line between
        return _num_repeated(text, line) or int(line[-1].isspace() and text[:1] == " " and not _COMMENT.match(text))
    blanks = leading_space(text[last_break + 1 :])
    if last_break >= 0:  # its line takes the place of the cursor's
        return last_break + 1 + (len(line) if blanks.startswith(line) else len(blanks))
    if not line and language in MAKEFILES:
        return 0  # with a tab it is a command of the rule above, which does not show by any other sign
    return len(blanks) if indent_width(line, indentation.size) >= _expected_width(prefix, suffix, indentation) else 0


def _expected_width(prefix: str, suffix: str, indentation: Indentation) -> int:
    """How far the line at the cursor is indented if it belongs to the lines around it, in columns."""
    above, below = previous_lines(prefix, 1), next_lines(suffix, 1)
    widths = [indent_width(line, indentation.size) for line in below]
    for line in above:
        level = indentation.size if line.rstrip().endswith(_OPENERS) else 0
        widths.append(indent_width(line, indentation.size) + level)
    return max(widths, default=0)


def _num_repeated(text: str, line: str) -> int:
    """Length of what a fill begins with again: the whole line at the cursor, or the word at its end."""
    whole = line.lstrip()
    if len(whole) >= MIN_REPEATED and text.lstrip(" \t").startswith(whole):
        return len(leading_space(text)) + len(whole)
    word, new = _LAST_WORD.search(line[-MAX_REPEATED:]), _WORD.match(text)
    if word is not None and new is not None and len(word[0]) >= MIN_REPEATED and new[0].startswith(word[0]):
        return len(word[0])
    return 0
