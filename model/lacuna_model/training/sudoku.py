"""Makes Sudoku puzzles to tune on: `python -m lacuna_model.training.sudoku DIRECTORY --puzzles N --blanks N`.

A puzzle is a full grid from which cells were taken one by one, in random order, as long as only one solution is left.
Each puzzle found that way is told many times: exchanging digits, rows of a band, bands and their likes, and rows with
columns changes neither its solution's validity nor that there is but one.
"""

import argparse
import json
import random
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from lacuna_model.training.corpus_documents import write_atomically

SIDE = 9
BOX = 3
BLANK = 0
PREFIX = "Sudoku\n"
SHARE_HELD_OUT = 0.05

Grid = list[int]
"""The digits of 81 cells, row by row; BLANK for an empty one."""


def solutions(grid: Sequence[int], draw: random.Random) -> Iterator[Grid]:
    """Yields the solutions of a puzzle, in random order: depth first, the cell with the fewest digits left first."""
    cell, digits = _hardest_cell(grid)
    if cell is None:
        yield list(grid)
        return
    for digit in draw.sample(digits, len(digits)):
        yield from solutions([*grid[:cell], digit, *grid[cell + 1 :]], draw)


def is_solved(grid: Sequence[int]) -> bool:
    """Whether every row, column and box holds every digit."""
    return all(sorted(grid[cell] for cell in unit) == list(range(1, SIDE + 1)) for unit in _UNITS)


def make_puzzle(num_blanks: int, draw: random.Random) -> tuple[Grid, Grid]:
    """A puzzle and its only solution, with as many blanks as were asked for, or as many as its grid allows."""
    solution = next(solutions([BLANK] * SIDE**2, draw))
    puzzle = list(solution)
    for cell in draw.sample(range(SIDE**2), SIDE**2):
        if puzzle.count(BLANK) == num_blanks:
            break
        puzzle[cell] = BLANK
        found = solutions(puzzle, draw)
        next(found)
        if next(found, None) is not None:
            puzzle[cell] = solution[cell]
    return puzzle, solution


def retold(puzzle: Grid, solution: Grid, draw: random.Random) -> tuple[Grid, Grid]:
    """The same puzzle with other digits in another place."""
    digits = [BLANK, *draw.sample(range(1, SIDE + 1), SIDE)]
    rows, columns = _shuffled_lines(draw), _shuffled_lines(draw)
    cells = [SIDE * row + column for row in rows for column in columns]
    if draw.random() < 0.5:
        cells = [SIDE * row + column for column in columns for row in rows]
    return [digits[puzzle[cell]] for cell in cells], [digits[solution[cell]] for cell in cells]


def text_of(grid: Sequence[int]) -> str:
    """Nine lines of nine digits, a dot for a blank."""
    cells = "".join(str(digit) if digit else "." for digit in grid)
    return "\n".join(cells[start : start + SIDE] for start in range(0, SIDE**2, SIDE))


def write_puzzles(directory: Path, num_puzzles: int, num_blanks: int, num_tellings: int, seed: int) -> None:
    """Writes train.jsonl and held-out.jsonl; no telling of a held-out puzzle is trained on."""
    draw = random.Random(seed)
    directory.mkdir(parents=True, exist_ok=True)
    num_found = -(-num_puzzles // num_tellings)
    puzzles = [make_puzzle(num_blanks, draw) for _ in range(num_found + max(1, round(SHARE_HELD_OUT * num_found)))]
    training = [retold(*puzzle, draw) for puzzle in puzzles[:num_found] for _ in range(num_tellings)][:num_puzzles]
    for name, rows in (("train", training), ("held-out", puzzles[num_found:])):
        lines = (
            json.dumps({"prefix": PREFIX, "givens": text_of(puzzle), "canvas": text_of(solution)}) + "\n"
            for puzzle, solution in rows
        )
        write_atomically(directory / f"{name}.jsonl", "".join(lines).encode())


def main(arguments: Sequence[str] | None = None) -> None:
    """Writes puzzles from the command line."""
    parser = argparse.ArgumentParser(prog="python -m lacuna_model.training.sudoku", description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--puzzles", type=int, default=20_000, help="lines of train.jsonl")
    parser.add_argument("--blanks", type=int, default=30, help="cells left empty, at most")
    parser.add_argument("--tellings", type=int, default=20, help="how often each puzzle is told")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    write_puzzles(given.directory, given.puzzles, given.blanks, given.tellings, given.seed)


def _shuffled_lines(draw: random.Random) -> list[int]:
    bands = draw.sample(range(BOX), BOX)
    return [BOX * band + line for band in bands for line in draw.sample(range(BOX), BOX)]


def _hardest_cell(grid: Sequence[int]) -> tuple[int | None, list[int]]:
    """The blank with the fewest digits left to it, and those; None where there is no blank."""
    hardest: int | None = None
    fewest: list[int] = []
    for cell, digit in enumerate(grid):
        if digit == BLANK:
            taken = {grid[peer] for peer in _PEERS[cell]}
            left = [each for each in range(1, SIDE + 1) if each not in taken]
            if hardest is None or len(left) < len(fewest):
                hardest, fewest = cell, left
            if len(left) < 2:
                break
    return hardest, fewest


_UNITS = (
    *([SIDE * row + column for column in range(SIDE)] for row in range(SIDE)),
    *([SIDE * row + column for row in range(SIDE)] for column in range(SIDE)),
    *(
        [SIDE * (top + row) + left + column for row in range(BOX) for column in range(BOX)]
        for top in range(0, SIDE, BOX)
        for left in range(0, SIDE, BOX)
    ),
)
_PEERS = [sorted({*chain(*(unit for unit in _UNITS if cell in unit))} - {cell}) for cell in range(SIDE**2)]


if __name__ == "__main__":
    main()
