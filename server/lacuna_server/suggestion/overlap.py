"""Fills that run into the lines below them."""

from collections import Counter

from lacuna_server.suggestion.repetition import has_word
from lacuna_server.syntax.lines import line_before, next_lines

TOLERANCE = 0.05
"""Edit distance, as a share of the length, up to which texts count as the same."""

MAX_COMPARED = 4_000
"""Characters; longer texts must be equal."""


def repeats_next_lines(text: str, prefix: str, suffix: str) -> bool:
    """Whether the lines that a fill completes are nearly those below it; brackets alone may be."""
    lines = [line.strip() for line in (line_before(prefix) + text).split("\n") if line.strip()]
    below = [line.strip() for line in next_lines(suffix, len(lines))]
    return any(map(has_word, lines)) and len(lines) == len(below) and is_near("\n".join(lines), "\n".join(below))


def end_before_next_lines(text: str, suffix: str) -> int:
    """Where a fill's last lines begin if they are the first lines below it; the last of them may be cut short."""
    starts = [0]
    while (start := text.find("\n", starts[-1]) + 1) > 0:
        starts.append(start)
    below = [line.strip() for line in next_lines(suffix, len(starts))]
    for start in starts[1:]:
        lines = [line.strip() for line in text[start:].split("\n") if line.strip()]
        is_same = lines[:-1] == below[: len(lines) - 1] and len(lines) <= len(below)
        if lines and is_same and below[len(lines) - 1].startswith(lines[-1]) and has_word(lines[0]):
            return start - 1
    return len(text)


def is_near(one: str, other: str) -> bool:
    """Whether the edit distance (Levenshtein) of two texts is at most 5 % of the longer one."""
    length = max(len(one), len(other))
    limit = int(TOLERANCE * length)
    if one == other or length > MAX_COMPARED:
        return one == other
    one, other = _differing(one, other)
    extra, missing = Counter(one) - Counter(other), Counter(other) - Counter(one)
    if not limit or max(extra.total(), missing.total()) > limit:  # a lower bound, and cheap
        return False
    row = {j: j for j in range(limit + 1)}  # distances of the diagonal band of this width; the others are greater
    for i, character in enumerate(one, start=1):
        new: dict[int, int] = {}
        for j in range(max(0, i - limit), min(len(other), i + limit) + 1):
            distance = min(row.get(j, limit), new.get(j - 1, limit)) + 1
            if j and j - 1 in row:
                distance = min(distance, row[j - 1] + (character != other[j - 1]))
            new[j] = distance
        row = new
    return row.get(len(other), limit + 1) <= limit


def num_common(one: str, other: str) -> int:
    """Length of what two texts begin with."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(one), len(other)))


def _differing(one: str, other: str) -> tuple[str, str]:
    """Two texts without what both begin and end with."""
    start = num_common(one, other)
    one, other = one[start:], other[start:]
    end = num_common(one[::-1], other[::-1])
    return one[: len(one) - end], other[: len(other) - end]
