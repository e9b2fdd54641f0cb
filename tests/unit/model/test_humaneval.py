import gzip
import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from lacuna_model.config import GenerationConfig
from lacuna_model.errors import InputError
from lacuna_model.evaluation.filler import EmptyFiller, Filling, Gap, GoldFiller, ModelFiller
from lacuna_model.evaluation.humaneval import evaluate_humaneval, read_tasks
from lacuna_model.infill import Infiller
from lacuna_model.request import InfillOptions
from lacuna_model.tokenizer import Tokenizer
from lacuna_model.transformer.denoiser import Denoiser

TASKS = Path(__file__).parents[2] / "fixtures" / "humaneval" / "tasks.jsonl"
PASSES_EMPTY = {"SingleLineInfilling/HumanEval/20/L0"}
TIMEOUT = 20.0  # the tests must not fail on a busy machine


def test_gold_fills_pass_match_and_parse() -> None:
    report = evaluate_humaneval(GoldFiller(), TASKS, timeout=TIMEOUT)
    assert [row.kind for row in report.rows] == ["SingleLineInfilling", "RandomSpanInfillingLight"]
    assert [row.num_tasks for row in report.rows] == [7, 3]
    for row in report.rows:
        assert (row.pass_at_1, row.exact_match, row.parse_rate) == (1.0, 1.0, 1.0)


def test_empty_fills_pass_only_where_the_line_was_not_needed() -> None:
    report = evaluate_humaneval(EmptyFiller(), TASKS, timeout=TIMEOUT)
    assert {result.task.task_id for result in report.results if result.outcome.passed} == PASSES_EMPTY
    assert all(row.exact_match == 0 for row in report.rows)


class WithoutLastBreak:
    name = "gold without its last line break"
    settings: Mapping[str, Any] = {}

    def fill(self, gap: Gap) -> Filling:
        return Filling(gap.middle.rstrip())


def test_a_lost_line_break_is_no_exact_match() -> None:
    report = evaluate_humaneval(WithoutLastBreak(), TASKS, timeout=TIMEOUT)
    ends = [result.task.gap.middle.endswith("\n") for result in report.results]
    assert set(ends) == {True, False}
    assert [result.exact for result in report.results] == [not end for end in ends]


def test_a_fill_that_leaves_the_program_early_is_graded_as_failed(tmp_path: Path) -> None:
    row = json.loads(TASKS.read_text().splitlines()[0])
    row |= {"canonical_solution": "    raise SystemExit(0)\n", "suffix": ""}
    path = tmp_path / "task.jsonl"
    path.write_text(json.dumps(row))
    assert evaluate_humaneval(GoldFiller(), path).rows[0].pass_at_1 == 0


def test_limit_progress_and_compressed_input(tmp_path: Path) -> None:
    path = tmp_path / "tasks.jsonl.gz"
    path.write_bytes(gzip.compress(TASKS.read_bytes()))
    seen: list[tuple[int, int]] = []
    report = evaluate_humaneval(EmptyFiller(), path, limit=2, progress=lambda done, total: seen.append((done, total)))
    assert len(report.results) == 2
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_model_is_graded_and_the_report_is_complete(
    tiny_denoiser: Callable[..., Denoiser], byte_tokenizer: Tokenizer
) -> None:
    infiller = Infiller(tiny_denoiser(), byte_tokenizer, GenerationConfig(num_denoising_steps=4))
    report = evaluate_humaneval(ModelFiller(infiller, InfillOptions(max_tokens=8)), TASKS, limit=2)
    content = json.loads(json.dumps(report.as_json()))
    assert content["settings"]["max_tokens"] == 8 and content["settings"]["max_lines"] is None
    assert content["rows"][0]["cost"]["forwards"] >= 1
    assert all(task["ms"] > 0 for task in content["tasks"])
    console = Console(width=160, record=True, file=io.StringIO())
    report.render(console)
    text = console.export_text()
    assert "pass@1" in text and "max_tokens 8" in text and "max_lines none" in text
    assert "latency with a cold prefix" in text


def test_the_length_of_the_middle_is_not_in_the_request(
    tiny_denoiser: Callable[..., Denoiser], byte_tokenizer: Tokenizer
) -> None:
    filler = ModelFiller(Infiller(tiny_denoiser(), byte_tokenizer, GenerationConfig(num_denoising_steps=4)))
    fills = {filler.fill(Gap("x = ", middle, "\n", "python")).text for middle in ("1", "f(x, y)\n" * 9)}
    assert len(fills) == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "line 1: not JSON"),
        (b'{"task_id": "a"}', "no text under entry_point, prompt"),
        (b"[1]", "line 1: no text under task_id"),
        (b"\n\n", "holds no tasks"),
        (b"\xff\xfe", "cannot be read"),
        (gzip.compress(b"{}" * 99)[:-9], "cannot be read"),
        (gzip.compress(b"{}")[:10] + b"\xff" * 20, "damaged|cannot be read"),
    ],
)
def test_wrong_files_give_one_clear_error(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "tasks.jsonl"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_tasks(path)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_tasks(tmp_path / "nothing.jsonl")
