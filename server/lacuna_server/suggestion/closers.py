"""Fitting the end of a fill to what stands behind the cursor, brackets and quotes above all."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from lacuna_server.suggestion.repetition import has_word
from lacuna_server.syntax.brackets import scan
from lacuna_server.syntax.lines import line_after, line_before, next_lines, window_before

WINDOW_BEFORE = 8_000
WINDOW_AFTER = 4_000
"""Characters around a fill in which its brackets' partners are looked for."""

MAX_CLOSERS = 8
"""Closers in a row behind the cursor that are dealt with."""

_CLOSERS = ")]}\"'`"
_LEADING_CLOSERS = re.compile(rf"\s*[{re.escape(_CLOSERS)}]{{1,{MAX_CLOSERS}}}")
_ANGLE = re.compile(r"(?<![-=])>")


class Fit(NamedTuple):
    """How a fill meets the suffix: characters of the fill that are kept, and of the suffix that it replaces."""

    num_kept: int
    num_replaced: int


def fitted(text: str, prefix: str, suffix: str, language: str) -> Fit:
    """The fit that repeats nothing and leaves the fewest brackets and quotes without a partner.

    A fill need not end with what the rest of the line begins with. Whether it ends with the same closers by chance, the
    balance of all brackets around tells. A surplus closer in its middle is met by replacing the one behind the cursor.
    """
    before, after = window_before(prefix, WINDOW_BEFORE), suffix[:WINDOW_AFTER]
    rest = line_after(after).rstrip()
    repeated = _num_repeated(text, rest.lstrip(), line_before(before))
    if repeated:
        return _without_end(text, repeated, rest)
    aligned, others = _line_cuts(text, line_before(before), suffix)
    fits = [*aligned, *_cuts(text, rest), Fit(len(text), 0), *others, *_replacements(text, rest)]
    if len(fits) == 1:
        return fits[0]
    is_whole = len(before) + len(after) == len(prefix) + len(suffix)
    around = scan(before, language)
    if around.in_string:  # which the suffix ends; quotes are alike, so that counting them does not tell
        for fit in _cuts(text, rest):
            if scan(before + text[: fit.num_kept], language).open == around.open:
                return fit
    line = line_before(before) if around.in_string or around.in_comment else None

    def num_single(fit: Fit) -> int:
        kept, behind = text[: fit.num_kept], after[fit.num_replaced :]
        inner = 0 if line is None else _num_single(line + kept + line_after(behind), "text", True)
        return inner + _num_single(before + kept + behind, language, is_whole)

    return min(fits, key=num_single)


def is_subsequence(part: str, whole: str) -> bool:
    """Whether the characters of one text occur in another in their order."""
    characters = iter(whole)
    return all(character in characters for character in part)


def _without_end(text: str, length: int, rest: str) -> Fit:
    """A fill without its last characters, and without blanks at its end where the rest begins with some."""
    end = len(text) - length
    return Fit(len(text[:end].rstrip(" \t")) if rest[:1].isspace() else end, 0)


def _num_single(text: str, language: str, is_whole: bool) -> int:
    """Brackets and quotes without a partner. That of a brace may lie beyond a text that is not the whole."""
    found = scan(text, language)
    return found.num_unmatched + sum(is_whole or opened.mark != "{" for opened in found.open)


def _num_repeated(text: str, rest: str, line: str) -> int:
    """Length of the longest end of a fill that is the beginning of the rest and more than brackets and quotes."""
    for length in range(min(len(text), len(rest)), 0, -1):
        repeated = rest[:length]
        if repeated.strip(_CLOSERS + "([{") and text.endswith(repeated) and not _splits_word(text, rest, length):
            return 0 if repeated.strip(_CLOSERS) == ">" and _needs_angle(line + text + rest) else length
    return 0


def _splits_word(text: str, rest: str, length: int) -> bool:
    """Whether a word goes on at either end of what is repeated."""
    edges = (text[: len(text) - length][-1:] + rest[0], rest[length - 1] + rest[length : length + 1])
    return any(len(edge) == 2 and edge.replace("_", "a").isalnum() for edge in edges)


def _needs_angle(line: str) -> bool:
    """Whether no angle bracket is closed that was not opened."""
    return line.count("<") >= len(_ANGLE.findall(line))


def _line_cuts(text: str, line: str, suffix: str) -> tuple[list[Fit], list[Fit]]:
    """Fills without last lines of closers that stand in the lines below: those that are indented alike, and others."""
    aligned: list[Fit] = []
    others: list[Fit] = []
    below = [] if line_after(suffix).strip() else [each.rstrip() for each in next_lines(suffix, MAX_CLOSERS)]
    for start in [0, *(match.end() for match in re.finditer("\n", text))]:
        lines = ((line if start == 0 else "") + text[start:]).split("\n")
        same = below[: len(lines)]
        if not has_word(text[start:]) and [each.strip() for each in lines] == [each.strip() for each in same]:
            (aligned if lines == same else others).append(Fit(max(0, start - 1), 0))
    return aligned, others


def _cuts(text: str, rest: str) -> Iterator[Fit]:
    """Fills without closers at their end that stand behind the cursor, the shortest fill first."""
    closers = rest.lstrip()[:MAX_CLOSERS]
    for length in range(len(closers), 0, -1):
        if text.endswith(closers[:length]) and not closers[:length].strip(_CLOSERS):
            yield _without_end(text, length, rest)


def _replacements(text: str, rest: str) -> Iterator[Fit]:
    """Fills that take the place of closers behind the cursor, as editors allow it: all of these occur in the fill."""
    closers = _LEADING_CLOSERS.match(rest)
    for end in range(1, 0 if closers is None else closers.end() + 1):
        if rest[:end].strip() and is_subsequence(rest[:end], text):
            yield Fit(len(text), end)
