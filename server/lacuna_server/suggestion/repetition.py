"""Text that repeats itself or what stands above it."""

from lacuna_server.syntax.lines import line_before, previous_lines

MIN_PERIODS = 4
MIN_PERIODIC = 16
"""Characters; shorter repetitions are usual in code."""


def is_periodic(text: str) -> bool:
    """Whether at least half of a text, up to its end, is one piece repeated four times or more.

    A line without letters and brackets may be: it underlines a title, parts a table, or lists numbers.
    """
    if not any(character.isalpha() or character in "\n()[]{}" for character in text.strip()):
        return False
    reverse = text.strip()[::-1]
    borders = [0] * len(reverse)  # longest proper prefix of each prefix that is its suffix too (Knuth, Morris, Pratt)
    for i in range(1, len(reverse)):
        k = borders[i - 1]
        while k and reverse[i] != reverse[k]:
            k = borders[k - 1]
        borders[i] = k + (reverse[i] == reverse[k])
        length, period = i + 1, i + 1 - borders[i]
        if length >= max(MIN_PERIODIC, MIN_PERIODS * period, len(reverse) / 2):
            return True
    return False


def repeats_previous_lines(text: str, prefix: str) -> bool:
    """Whether the lines that a fill completes are those above it once more, at the same indentation.

    Brackets alone may be, and so may a word that ends an outer block after an inner one.
    """
    lines = [line.rstrip() for line in (line_before(prefix) + text).split("\n") if line.strip()]
    return any(map(has_word, lines)) and lines == [line.rstrip() for line in previous_lines(prefix, len(lines))]


def end_of_new_lines(text: str) -> int:
    """Where the first line of a text stands that has words and is the same as the line before it."""
    end = -1
    last = ""
    for part in text.split("\n"):
        start, end = end + 1, end + 1 + len(part)
        if part == last and has_word(part):
            return max(0, start - 1)
        last = part
    return len(text)


def has_word(text: str) -> bool:
    """Whether a text has a letter or a digit in it."""
    return any(character.isalnum() for character in text)
