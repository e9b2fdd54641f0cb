"""Gaps to fit confidence on: where editors ask by themselves, in two halves of the files that share no package."""

import random
import re
from collections.abc import Sequence
from typing import NamedTuple

from lacuna_model.errors import InputError
from lacuna_model.evaluation.documents import Document
from lacuna_model.evaluation.filler import Gap
from lacuna_model.evaluation.gaps import KINDS, GapKind, sample_gaps

NOTHING = "nothing"
"""The kind of the places where nothing is missing: the ends of complete lines."""

_END_OF_LINE = re.compile(r"[ \t]*[)>}\]\"'`]*[ \t]*[:{;,]?[ \t]*(?:\n|\Z)")
_DRAWS_PER_WORD = 20
_TRIES_PER_GAP = 50


class HeldGap(NamedTuple):
    """A gap, its kind, and which half of the files it was cut out of, 0 or 1."""

    kind: str
    half: int
    gap: Gap


def cut_halves(documents: Sequence[Document], num: int, seed: int) -> list[HeldGap]:
    """Cuts gaps of every kind out of both halves, all with no more than closers behind them in their line.

    The same arguments give the same gaps.

    Args:
        documents: source files.
        num: gaps of each kind from both halves together; an odd one is added.
        seed: of the choice.

    Raises:
        InputError: there are no two packages or files that gaps can be cut out of.
    """
    num_each = -(-num // 2)
    cut = []
    for half, files in enumerate(split(documents)):
        for kind in KINDS if files else ():
            cut += [HeldGap(kind, half, gap) for gap in _at_ends(files, kind, num_each, seed)]
        cut += [HeldGap(NOTHING, half, gap) for gap in sample_complete(files, num_each, seed)]
    if {each.half for each in cut} != {0, 1}:
        raise InputError("Confidence is fitted to one part of the files and tried on another; give more files.")
    return cut


def split(documents: Sequence[Document]) -> tuple[list[Document], list[Document]]:
    """Two halves of about as many files each that share no package; a single package is split by its files."""
    has_packages = len({document.package for document in documents}) > 1
    groups: dict[str, list[Document]] = {}
    for document in documents:
        groups.setdefault(document.package if has_packages else document.path, []).append(document)
    halves: tuple[list[Document], list[Document]] = ([], [])
    for name in sorted(groups, key=lambda name: (-len(groups[name]), name)):
        min(halves, key=len).extend(groups[name])
    return halves


def sample_complete(documents: Sequence[Document], num: int, seed: int = 0) -> list[Gap]:
    """Draws cursors at the ends of complete lines; fewer where the documents have fewer lines."""
    draw = random.Random(f"{seed} {NOTHING}")
    gaps: dict[tuple[int, int], Gap] = {}
    for _ in range(_TRIES_PER_GAP * num if documents else 0):
        if len(gaps) == num:
            break
        index = draw.randrange(len(documents))
        text = documents[index].text
        lines = text.split("\n")
        number = draw.randrange(len(lines))
        if lines[number].strip():
            end = len("\n".join([*lines[:number], lines[number].rstrip()]))
            gaps[index, end] = Gap(text[:end], "", text[end:], documents[index].language)
    return list(gaps.values())


def _at_ends(documents: Sequence[Document], kind: GapKind, num: int, seed: int) -> list[Gap]:
    """Gaps at the ends of their lines; those of most kinds are, but few words end one."""
    drawn = sample_gaps(documents, kind, num * _DRAWS_PER_WORD if kind == "mid_word" else num, seed)
    return [gap for gap in drawn if _END_OF_LINE.match(gap.suffix)][:num]
