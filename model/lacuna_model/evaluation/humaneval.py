"""HumanEval-Infilling (Bavarian et al., 2022): fill a gap in a solution, then run the solution's tests."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from rich.console import Console

from lacuna_model.errors import InputError
from lacuna_model.evaluation.execution import Limits, Outcome, run_programs
from lacuna_model.evaluation.filler import Filler, Filling, Gap
from lacuna_model.evaluation.parsing import parses
from lacuna_model.evaluation.report import (
    COST_COLUMNS,
    Cost,
    Progress,
    describe,
    is_exact,
    mean,
    percent,
    render_table,
)
from lacuna_model.evaluation.rows import read_rows

_FIELDS = ("task_id", "entry_point", "prompt", "suffix", "canonical_solution", "test")


@dataclass(frozen=True, slots=True)
class Task:
    """A solution with a gap.

    Attributes:
        task_id: its first part, up to a slash, names the kind of gap.
        gap: prompt, canonical solution and suffix.
        test: source that defines `check`.
        entry_point: the function to be checked.
    """

    task_id: str
    gap: Gap
    test: str
    entry_point: str

    @property
    def kind(self) -> str:
        """Kind of gap, such as "SingleLineInfilling"."""
        return self.task_id.partition("/")[0]

    def solution(self, middle: str) -> str:
        """The solution with its gap filled."""
        return self.gap.prefix + middle + self.gap.suffix

    def program(self, middle: str) -> str:
        """A program that ends without an exception if and only if the filled solution is right."""
        return f"{self.solution(middle)}\n{self.test}\ncheck({self.entry_point})\n"


@dataclass(frozen=True, slots=True)
class TaskResult:
    """How one task went.

    Attributes:
        exact: see `is_exact`.
        parses: the filled solution is Python.
        outcome: of its tests.
    """

    task: Task
    filling: Filling
    exact: bool
    parses: bool
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class HumanEvalRow:
    """Figures of one kind of gap; shares lie between 0 and 1."""

    kind: str
    num_tasks: int
    pass_at_1: float
    exact_match: float
    parse_rate: float
    cost: Cost

    @classmethod
    def of(cls, kind: str, results: Sequence[TaskResult]) -> "HumanEvalRow":
        """Summarises at least one result."""
        return cls(
            kind=kind,
            num_tasks=len(results),
            pass_at_1=mean([result.outcome.passed for result in results]),
            exact_match=mean([result.exact for result in results]),
            parse_rate=mean([result.parses for result in results]),
            cost=Cost.of([result.filling for result in results]),
        )


@dataclass(frozen=True, slots=True)
class HumanEvalReport:
    """Figures of a filler on HumanEval-Infilling, one fill a task, the length of the middle unknown to it."""

    filler: str
    settings: Mapping[str, Any]
    data: str
    results: tuple[TaskResult, ...]

    @property
    def rows(self) -> list[HumanEvalRow]:
        """Figures by kind of gap, in the order of the file."""
        kinds = dict.fromkeys(result.task.kind for result in self.results)
        return [HumanEvalRow.of(kind, [each for each in self.results if each.task.kind == kind]) for kind in kinds]

    def as_json(self) -> dict[str, Any]:
        """Everything, every fill included, ready for `json.dumps`."""
        return {
            "filler": self.filler,
            "settings": dict(self.settings),
            "data": self.data,
            "rows": [asdict(row) for row in self.rows],
            "tasks": [
                {
                    "task_id": result.task.task_id,
                    "middle": result.filling.text,
                    "passed": result.outcome.passed,
                    "reason": result.outcome.reason,
                    "exact": result.exact,
                    "parses": result.parses,
                    "ms": 1000 * result.filling.seconds,
                }
                for result in self.results
            ],
        }

    def render(self, console: Console) -> None:
        """Prints the table."""
        render_table(
            console,
            f"{self.data}, filler: {self.filler}",
            ("kind of gap", "tasks", "pass@1", "exact", "parses", *COST_COLUMNS),
            [
                [
                    row.kind,
                    str(row.num_tasks),
                    percent(row.pass_at_1),
                    percent(row.exact_match),
                    percent(row.parse_rate),
                    *row.cost.cells(),
                ]
                for row in self.rows
            ],
            [describe(self.settings), "The length of the middle is unknown to the filler; latency with a cold prefix."],
        )


def read_tasks(path: Path, limit: int | None = None) -> list[Task]:
    """Reads the first tasks of a file in the benchmark's format, plain or compressed.

    Raises:
        InputError: the file cannot be read, a row is wrong, or there is none.
    """
    tasks = [
        Task(
            row["task_id"],
            Gap(row["prompt"], row["canonical_solution"], row["suffix"], "python"),
            row["test"],
            row["entry_point"],
        )
        for row in islice(read_rows(path, _FIELDS), limit)
    ]
    if not tasks:
        raise InputError(f"{path} holds no tasks.")
    return tasks


def evaluate_humaneval(
    filler: Filler,
    path: Path,
    *,
    limit: int | None = None,
    num_workers: int | None = None,
    timeout: float = 3.0,
    progress: Progress | None = None,
) -> HumanEvalReport:
    """Fills the gap of every task once and runs the tests.

    Fills are made one after the other and alone, so that their latencies mean something; the tests run side by side
    afterwards.

    Args:
        filler: what is evaluated.
        path: tasks, `.jsonl` or `.jsonl.gz`.
        limit: only so many tasks, the first ones; None: all.
        num_workers: programs that run at a time; None: one for each processor.
        timeout: seconds a program may take.
        progress: told of every fill and of every graded program, so twice for each task.

    Raises:
        InputError: the tasks cannot be read.
        LacunaError: programs cannot be run safely on this platform.
    """
    tasks = read_tasks(path, limit)
    fillings = []
    for number, task in enumerate(tasks, start=1):
        fillings.append(filler.fill(task.gap))
        if progress is not None:
            progress(number, 2 * len(tasks))
    programs = [task.program(filling.text) for task, filling in zip(tasks, fillings, strict=True)]
    results = []
    outcomes = run_programs(programs, Limits(seconds=timeout), num_workers)
    for task, filling, outcome in zip(tasks, fillings, outcomes, strict=True):
        exact = is_exact(task.gap, filling.text)
        is_sound = bool(parses(task.solution(filling.text), "python"))
        results.append(TaskResult(task, filling, exact, is_sound, outcome))
        if progress is not None:
            progress(len(tasks) + len(results), 2 * len(tasks))
    return HumanEvalReport(filler.name, filler.settings, path.name, tuple(results))
