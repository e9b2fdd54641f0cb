import json
import random
from pathlib import Path

from lacuna_model.training.sudoku import BLANK, is_solved, main, make_puzzle, retold, solutions, text_of


def test_a_puzzle_has_one_solution_and_the_blanks_asked_for() -> None:
    draw = random.Random(0)
    for num_blanks in (1, 20, 40):
        puzzle, solution = make_puzzle(num_blanks, draw)
        assert puzzle.count(BLANK) == num_blanks
        assert is_solved(solution)
        assert list(solutions(puzzle, draw)) == [solution]


def test_a_grid_that_repeats_a_digit_is_not_solved() -> None:
    _, solution = make_puzzle(0, random.Random(1))
    broken = [*solution]
    broken[0], broken[1] = broken[1], broken[0]  # the row and the box stay whole, two columns do not
    assert not is_solved(broken)
    assert not is_solved([BLANK, *solution[1:]])


def test_a_retold_puzzle_is_another_one_with_one_solution() -> None:
    draw = random.Random(2)
    puzzle, solution = make_puzzle(30, draw)
    told = [retold(puzzle, solution, draw) for _ in range(8)]
    assert len({tuple(other) for other, _ in told} | {tuple(puzzle)}) == 9
    for other, answer in told:
        assert is_solved(answer)
        assert list(solutions(other, draw)) == [answer]


def test_files_hold_what_was_asked_for_and_repeat_with_the_seed(tmp_path: Path) -> None:
    for name in ("one", "other"):
        main([str(tmp_path / name), "--puzzles", "25", "--blanks", "12", "--tellings", "10", "--seed", "3"])
    train, held_out = (
        [json.loads(line) for line in (tmp_path / "one" / f"{name}.jsonl").read_text().splitlines()]
        for name in ("train", "held-out")
    )
    assert (tmp_path / "one" / "train.jsonl").read_bytes() == (tmp_path / "other" / "train.jsonl").read_bytes()
    assert (len(train), len(held_out)) == (25, 1)
    for row in (*train, *held_out):
        assert row["givens"].count(".") == 12
        assert all(given in (".", right) for given, right in zip(row["givens"], row["canvas"], strict=True))


def test_text_has_nine_lines_of_nine() -> None:
    assert text_of([BLANK, *range(1, 10), *[5] * 71]).split("\n")[:2] == [".12345678", "955555555"]
