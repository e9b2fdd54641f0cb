"""Writes down a typing session: how a person might type parts of a file that are missing.

Nobody was recorded. The keys are those that the parts need, and a seeded generator draws the rest. Intervals between
keys are log-normal; their mean is that of the 52 words a minute that Dhakal et al. found with 168,000 people
("Observations on Typing from 136 Million Keystrokes", CHI 2018). How long people think, how often they mistype a key,
notice it one key later and correct it, and how often they take back a word and type it again was set by us. Return
indents the next line, and a bracket that is closed in the same line brings its closer along, as in most editors.

    PYTHONPATH=tests .venv/bin/python tests/benchmarks/make_session.py FILE FIRST-LAST [...] [--seed 0] >SESSION

FIRST and LAST are numbers of lines that are missing at the start and are typed in the session, from top to bottom.
"""

import argparse
import math
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.keystrokes import Session

KEY_MEDIAN, KEY_SIGMA = 0.21, 0.45
"""Seconds between two keys, and the standard deviation of their logarithm: 12 / 52 seconds on average."""

LINE_PAUSE, WORD_PAUSE, PAUSE_SIGMA = 1.0, 0.5, 0.6
"""Seconds of thought before a line and before some words, and the standard deviation of their logarithm."""

WORD_PAUSE_RATE = 0.12
TYPO_RATE = 0.02
SECOND_THOUGHT_RATE = 0.15
"""Of lines, the last word of which is taken back and typed again."""

ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
CLOSERS = {"(": ")", "[": "]", "{": "}"}

Event = dict[str, Any]


class Typist:
    """Draws what a person does."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def write(self, lines: list[str], first: int) -> Iterator[Event]:
        """Types lines in the place of an empty one, whose number from 0 is given."""
        yield {"after": self._pause(LINE_PAUSE), "move": [first, 0]}
        for number, line in enumerate(lines):
            content = line.lstrip()
            yield self._insert(("\n" if number else "") + line[: len(line) - len(content)])
            yield self._look(LINE_PAUSE)
            yield from self._write_line(content)
            words = content.split()
            if len(words) > 1 and self._random.random() < SECOND_THOUGHT_RATE:
                yield from self._write_again(words[-1])

    def _write_line(self, content: str) -> Iterator[Event]:
        closed = _closed_brackets(content)
        for place, key in enumerate(content):
            if place in closed and key in CLOSERS:
                yield self._insert(key) | {"behind": CLOSERS[key]}
            elif place in closed:
                yield {"after": self._key(), "step": 1}
            elif key in "".join(ROWS) and self._random.random() < TYPO_RATE:
                yield from self._mistype(key, content[place + 1 : place + 2])
            else:
                yield self._insert(key)
            if key == " " and self._random.random() < WORD_PAUSE_RATE:
                yield self._look(WORD_PAUSE)

    def _mistype(self, key: str, following: str) -> Iterator[Event]:
        row = next(row for row in ROWS if key in row)
        place = row.index(key)
        wrong = self._random.choice(row[max(0, place - 1) : place] + row[place + 1 : place + 2])
        typed = wrong + following if following.isalpha() else wrong
        for each in typed:
            yield self._insert(each)
        for number in range(len(typed)):
            yield {"after": self._pause(WORD_PAUSE) if number == 0 else self._key(), "delete": 1}
        yield self._insert(key)

    def _write_again(self, word: str) -> Iterator[Event]:
        yield self._look(LINE_PAUSE)
        for _ in word:
            yield {"after": round(self._key() / 2, 3), "delete": 1}
        yield self._look(WORD_PAUSE)
        for key in word:
            yield self._insert(key)

    def _insert(self, text: str) -> Event:
        return {"after": self._key(), "insert": text}

    def _look(self, median: float) -> Event:
        return {"after": self._pause(median), "look": True}

    def _key(self) -> float:
        return self._drawn(KEY_MEDIAN, KEY_SIGMA)

    def _pause(self, median: float) -> float:
        return self._drawn(median, PAUSE_SIGMA)

    def _drawn(self, median: float, sigma: float) -> float:
        return round(median * math.exp(self._random.gauss(0, sigma)), 3)


def _closed_brackets(line: str) -> set[int]:
    """Places of the brackets that open and close within a line."""
    opened: list[int] = []
    closed: set[int] = set()
    for place, mark in enumerate(line):
        if mark in CLOSERS:
            opened.append(place)
        elif opened and mark == CLOSERS[line[opened[-1]]]:
            closed |= {opened.pop(), place}
    return closed


def session_of(path: Path, spans: list[tuple[int, int]], seed: int) -> Session:
    """The session that types spans of lines, first and last numbers from 1, of a file."""
    text = path.read_text(encoding="utf-8")
    lines = text.split("\n")
    typist, events, opened = Typist(seed), list[Event](), lines.copy()
    for first, last in spans:
        events += typist.write(lines[first - 1 : last], first - 1)
    for first, last in reversed(spans):
        opened[first - 1 : last] = [""]
    shown = ", ".join(f"{first}-{last}" for first, last in spans)
    origin = f"generated by make_session.py, not recorded; types lines {shown} of {path} with seed {seed}"
    session = Session(origin, path.name, "python", "\n".join(opened), tuple(events))
    assert session.final_text == text
    return session


def _span(argument: str) -> tuple[int, int]:
    first, _, last = argument.partition("-")
    return int(first), int(last)


def main() -> int:
    """Prints a session; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("spans", type=_span, nargs="+", metavar="FIRST-LAST")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    sys.stdout.write(session_of(arguments.file, arguments.spans, arguments.seed).written())
    return 0


if __name__ == "__main__":
    sys.exit(main())
