"""Exact match on held-out source files, by kind of gap and by language."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console

from lacuna_model.errors import InputError
from lacuna_model.evaluation.documents import Document
from lacuna_model.evaluation.filler import Filler, Filling, Gap
from lacuna_model.evaluation.gaps import KINDS, GapKind, sample_gaps
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


@dataclass(frozen=True, slots=True)
class GapResult:
    """How one gap was filled.

    Attributes:
        exact: see `is_exact`.
        first_line: the first line is what was there, blanks at its end aside.
        parses: the document parses with the fill; None if it did not before the gap was cut, or if nobody can tell.
        empty_parses: the same of the document with the gap left empty.
    """

    kind: GapKind
    gap: Gap
    filling: Filling
    exact: bool
    first_line: bool
    parses: bool | None
    empty_parses: bool | None

    @classmethod
    def of(cls, kind: GapKind, gap: Gap, filling: Filling) -> "GapResult":
        """Grades a fill."""
        can_judge = parses(gap.prefix + gap.middle + gap.suffix, gap.language)
        return cls(
            kind=kind,
            gap=gap,
            filling=filling,
            exact=is_exact(gap, filling.text),
            first_line=_first_line(filling.text) == _first_line(gap.middle),
            parses=parses(gap.prefix + filling.text + gap.suffix, gap.language) if can_judge else None,
            empty_parses=parses(gap.prefix + gap.suffix, gap.language) if can_judge else None,
        )


@dataclass(frozen=True, slots=True)
class HeldoutRow:
    """Figures of a group of gaps; shares lie between 0 and 1, None where nothing could be judged.

    An empty fill is never an exact match, since no gap is empty.
    """

    group: str
    num_gaps: int
    exact_match: float
    first_line: float
    parse_rate: float | None
    empty_parse_rate: float | None
    cost: Cost

    @classmethod
    def of(cls, group: str, results: Sequence[GapResult]) -> "HeldoutRow":
        """Summarises at least one result."""
        return cls(
            group=group,
            num_gaps=len(results),
            exact_match=mean([result.exact for result in results]),
            first_line=mean([result.first_line for result in results]),
            parse_rate=_share([result.parses for result in results]),
            empty_parse_rate=_share([result.empty_parses for result in results]),
            cost=Cost.of([result.filling for result in results]),
        )


@dataclass(frozen=True, slots=True)
class HeldoutReport:
    """Figures of a filler on held-out gaps."""

    filler: str
    settings: Mapping[str, Any]
    seed: int
    results: tuple[GapResult, ...]

    @property
    def rows(self) -> list[HeldoutRow]:
        """Figures by kind of gap, then by language, then of all."""
        kinds = dict.fromkeys(result.kind for result in self.results)
        languages = sorted({result.gap.language for result in self.results})
        return [
            *(HeldoutRow.of(kind, [each for each in self.results if each.kind == kind]) for kind in kinds),
            *(HeldoutRow.of(name, [each for each in self.results if each.gap.language == name]) for name in languages),
            HeldoutRow.of("all", self.results),
        ]

    def as_json(self) -> dict[str, Any]:
        """Everything, every fill beside what was there, ready for `json.dumps`."""
        return {
            "filler": self.filler,
            "settings": dict(self.settings),
            "seed": self.seed,
            "rows": [asdict(row) for row in self.rows],
            "gaps": [
                {
                    "kind": result.kind,
                    "language": result.gap.language,
                    "middle": result.gap.middle,
                    "fill": result.filling.text,
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
            f"Held-out gaps, filler: {self.filler}",
            ("gaps", "number", "exact", "first line", "parses", "empty: exact", "empty: parses", *COST_COLUMNS),
            [
                [
                    row.group,
                    str(row.num_gaps),
                    percent(row.exact_match),
                    percent(row.first_line),
                    percent(row.parse_rate),
                    percent(0.0),
                    percent(row.empty_parse_rate),
                    *row.cost.cells(),
                ]
                for row in self.rows
            ],
            [
                describe(self.settings),
                f"seed {self.seed}; latency with a cold prefix; empty: the same gaps left empty",
            ],
        )


def evaluate_heldout(
    filler: Filler,
    documents: Sequence[Document],
    *,
    num: int = 50,
    seed: int = 0,
    kinds: Sequence[GapKind] = KINDS,
    progress: Progress | None = None,
) -> HeldoutReport:
    """Fills gaps cut out of documents.

    Args:
        filler: what is evaluated.
        documents: files that no model in question was trained on.
        num: gaps of each kind.
        seed: of the choice of gaps.
        kinds: which kinds of gaps.
        progress: told after every fill.

    Raises:
        InputError: the documents hold no gap of these kinds.
    """
    cut = [(kind, gap) for kind in kinds for gap in sample_gaps(documents, kind, num, seed)]
    if not cut:
        raise InputError("The files are too small to cut gaps out of them.")
    results = []
    for kind, gap in cut:
        results.append(GapResult.of(kind, gap, filler.fill(gap)))
        if progress is not None:
            progress(len(results), len(cut))
    return HeldoutReport(filler.name, filler.settings, seed, tuple(results))


def _first_line(text: str) -> str:
    return text.partition("\n")[0].rstrip()


def _share(judged: Sequence[bool | None]) -> float | None:
    known = [each for each in judged if each is not None]
    return mean(known) if known else None
