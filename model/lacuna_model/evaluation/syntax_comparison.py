"""Compares fills with and without regard to syntax on the same held-out gaps: how many parse, and at what cost."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from rich.console import Console

from lacuna_model.errors import InputError
from lacuna_model.evaluation.documents import Document
from lacuna_model.evaluation.filler import ModelFiller
from lacuna_model.evaluation.gaps import KINDS, GapKind, sample_gaps
from lacuna_model.evaluation.heldout import GapResult, HeldoutRow
from lacuna_model.evaluation.parsing import parses
from lacuna_model.evaluation.report import COST_COLUMNS, Progress, percent, render_table
from lacuna_model.infill import Infiller
from lacuna_model.request import InfillOptions


@dataclass(frozen=True, slots=True)
class SyntaxReport:
    """Rows in pairs, without and with regard to syntax, by language and kind of gap."""

    seed: int
    rows: tuple[HeldoutRow, ...]

    def as_json(self) -> dict[str, Any]:
        """Everything, ready for `json.dumps`."""
        return asdict(self)

    def render(self, console: Console) -> None:
        """Prints the table."""
        render_table(
            console,
            "Held-out gaps with and without the syntax constraint",
            ("gaps", "number", "parses", "exact", *COST_COLUMNS),
            [
                [row.group, str(row.num_gaps), percent(row.parse_rate), percent(row.exact_match), *row.cost.cells()]
                for row in self.rows
            ],
            [f"seed {self.seed}; gaps of files that parse as they are"],
        )


def compare_syntax(
    infiller: Infiller,
    documents: Sequence[Document],
    *,
    num: int = 25,
    kinds: Sequence[GapKind] = KINDS,
    options: InfillOptions = InfillOptions(max_tokens=48),  # noqa: B008 - frozen
    seed: int = 0,
    progress: Progress | None = None,
) -> SyntaxReport:
    """Fills the same gaps twice.

    Args:
        infiller: the model.
        documents: held-out files; those that do not parse are left out.
        num: gaps of each language and kind.
        kinds: which kinds of gaps.
        options: of every request.
        seed: of the choice of gaps.
        progress: told after every fill.

    Raises:
        InputError: no document parses, or none holds a gap.
    """
    sound = [document for document in documents if parses(document.text, document.language)]
    cut = [
        (f"{language} {kind}", kind, gap)
        for language in dict.fromkeys(document.language for document in sound)
        for kind in kinds
        for gap in sample_gaps([document for document in sound if document.language == language], kind, num, seed)
    ]
    if not cut:
        raise InputError("The files hold no gaps whose syntax can be judged.")
    fillers = {
        "without": ModelFiller(infiller, replace(options, syntax=False)),
        "with": ModelFiller(infiller, replace(options, syntax=True)),
    }
    results: dict[tuple[str, str], list[GapResult]] = {}
    num_done = 0
    for group, kind, gap in cut:
        for name, filler in fillers.items():
            results.setdefault((group, name), []).append(GapResult.of(kind, gap, filler.fill(gap)))
            num_done += 1
            if progress is not None:
                progress(num_done, len(fillers) * len(cut))
    return SyntaxReport(seed, tuple(HeldoutRow.of(f"{group}, {name}", each) for (group, name), each in results.items()))
