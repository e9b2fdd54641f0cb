"""Which spans of a text become gaps.

The mixture follows what made small infilling models work: mostly nodes of the syntax tree and lines, as completions
are, and some spans that begin at a random character, without which completion inside a word fails altogether. Few of
them end at a random character too: where people type, what stands behind the cursor begins with a word, not in one,
and a model that must expect any end anywhere thinks the shortest fill the likeliest.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from tree_sitter import Node

from lacuna_model.constraints.syntax_grammars import parsers_of

_REST_OF_WORD = re.compile(r"\w*")
_NUM_TRIES = 4

Span = tuple[int, int]
"""First character of a gap and the one after its last."""


@dataclass(frozen=True, slots=True)
class SpanMixture:
    """Shares of the kinds of gaps; what remains are spans from a random character on.

    Attributes:
        empty: gaps with nothing in them: the model must learn to stay silent.
        syntax: nodes of the syntax tree and runs of them.
        lines: the rest of a line, or whole lines.
        random_end: share of the spans from a random character on that end at one too; the others end with a word or
            with a line.
        max_characters: longest gap.
    """

    empty: float = 0.08
    syntax: float = 0.35
    lines: float = 0.42
    random_end: float = 0.2
    max_characters: int = 240

    def __post_init__(self) -> None:
        if min(self.empty, self.syntax, self.lines) < 0 or self.empty + self.syntax + self.lines > 1:
            raise ValueError("the shares of a span mixture must be positive and sum to at most 1")
        if not 0 <= self.random_end <= 1:
            raise ValueError(f"random_end is a share between 0 and 1, not {self.random_end}")


def choose_spans(
    text: str, language: str, num_spans: int, mixture: SpanMixture, random: np.random.Generator
) -> list[Span]:
    """Draws disjoint spans of a text, in order; fewer than asked for where they do not fit."""
    nodes = _syntax_nodes(text, language)
    line_starts = [0, *(match.end() for match in re.finditer("\n", text))]
    chosen: list[Span] = []
    for _ in range(3 * num_spans):
        if len(chosen) == num_spans:
            break
        span = _draw(text, nodes, line_starts, mixture, random)
        if span is not None and not any(span[0] <= end and start <= span[1] for start, end in chosen):
            chosen.append(span)
    return sorted(chosen)


def _draw(
    text: str, nodes: Sequence[Span], line_starts: Sequence[int], mixture: SpanMixture, random: np.random.Generator
) -> Span | None:
    kind = random.random()
    if kind < mixture.empty:
        place = int(random.integers(len(text) + 1))
        if random.random() < 0.5:
            place = _line_of(text, place)[1]
        return place, place
    kind -= mixture.empty
    if kind < mixture.syntax and nodes:
        span = _node(nodes, random) if random.random() < 0.5 else _aligned(nodes, len(text), mixture, random)
    elif kind < mixture.syntax + mixture.lines:
        span = _rest_of_line(text, random) if random.random() < 0.5 else _whole_lines(text, line_starts, random)
    else:
        span = _from_anywhere(text, mixture, random)
    start, end = span
    return (start, min(end, len(text))) if end - start <= mixture.max_characters else None


def _length(longest: int, random: np.random.Generator) -> int:
    """A length between 1 and `longest`, log-uniform: short gaps are common, long ones not rare."""
    return int(np.exp(random.uniform(0, np.log(longest + 1))))


def _node(nodes: Sequence[Span], random: np.random.Generator) -> Span:
    """One of a few random nodes, the larger the likelier."""
    some = [nodes[i] for i in random.integers(len(nodes), size=8)]
    sizes = np.array([end - start for start, end in some], dtype=float).clip(1, 120)
    chosen: Span = some[int(random.choice(len(some), p=sizes / sizes.sum()))]
    return chosen


def _aligned(nodes: Sequence[Span], length: int, mixture: SpanMixture, random: np.random.Generator) -> Span:
    """A random range of characters, moved to the nearest beginning and end of nodes."""
    start = int(random.integers(length))
    end = start + _length(mixture.max_characters, random)
    start = min((node[0] for node in nodes), key=lambda place: abs(place - start))
    ends = [node[1] for node in nodes if node[1] > start]
    return start, min(ends, key=lambda place: abs(place - end))


def _from_anywhere(text: str, mixture: SpanMixture, random: np.random.Generator) -> Span:
    start = int(random.integers(len(text)))
    end = min(start + _length(mixture.max_characters, random), len(text))
    if random.random() < mixture.random_end:
        return start, end
    if random.random() < 0.4:
        return start, _line_of(text, end)[1]
    rest_of_word = _REST_OF_WORD.match(text, end) if _is_in_word(text, end) else None
    return start, rest_of_word.end() if rest_of_word else end


def _is_in_word(text: str, place: int) -> bool:
    return place > 0 and (text[place - 1].isalnum() or text[place - 1] == "_")


def _rest_of_line(text: str, random: np.random.Generator) -> Span:
    start, end = _line_of(text, int(random.integers(len(text))))
    indented = start + len(text[start:end]) - len(text[start:end].lstrip())
    return int(random.integers(indented, end + 1)), end


def _whole_lines(text: str, line_starts: Sequence[int], random: np.random.Generator) -> Span:
    """One to four lines, with or without their indentation and their last line break; few begin with a blank one."""
    for _ in range(_NUM_TRIES):
        first = int(random.integers(len(line_starts)))
        if text[slice(*_line_of(text, line_starts[first]))].strip():
            break
    last = min(first + int(random.choice([0, 0, 0, 1, 2, 3])), len(line_starts) - 1)
    start = line_starts[first]
    _, end = _line_of(text, line_starts[last])
    if random.random() < 0.5:
        start += len(text[start:end]) - len(text[start:end].lstrip(" \t"))
    if random.random() < 0.4 and end < len(text):
        end += 1
    return start, end


def _line_of(text: str, place: int) -> Span:
    start = text.rfind("\n", 0, place) + 1
    end = text.find("\n", place)
    return start, len(text) if end < 0 else end


def _syntax_nodes(text: str, language: str) -> list[Span]:
    """Named nodes of a text that its parser did not have to guess."""
    parser = next(iter(parsers_of(language)), None)
    if parser is None:
        return []
    encoded = text.encode()
    offsets = None if len(encoded) == len(text) else _character_offsets(text)
    spans: list[Span] = []
    pending: list[Node] = [parser.parse(encoded).root_node]
    while pending:
        node = pending.pop()
        if node.is_named and not node.is_error and node.end_byte > node.start_byte and node.parent is not None:
            start, end = node.start_byte, node.end_byte
            spans.append((start, end) if offsets is None else (offsets[start], offsets[end]))
        pending.extend(node.children)
    return spans


def _character_offsets(text: str) -> list[int]:
    """For every byte of the text in UTF-8, and its end, the character it belongs to."""
    offsets = [index for index, character in enumerate(text) for _ in character.encode()]
    return [*offsets, len(text)]
