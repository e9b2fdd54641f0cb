"""Compares the ranking policies on held-out gaps: which one picks the right candidate, and at what cost."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from rich.console import Console

from lacuna_model.errors import InputError
from lacuna_model.evaluation.documents import Document
from lacuna_model.evaluation.filler import Gap
from lacuna_model.evaluation.gaps import KINDS, sample_gaps
from lacuna_model.evaluation.report import Progress, is_exact, mean, percent, render_table
from lacuna_model.infill import Infiller
from lacuna_model.layout import MIN_SUFFIX_TOKENS
from lacuna_model.ranking import EncoderJudge, MeanConfidence, Ranking, RemaskedScore
from lacuna_model.request import InfillOptions, InfillRequest
from lacuna_model.result import InfillResult

_MAX_TOKENS = 32


@dataclass(frozen=True, slots=True)
class RankingRow:
    """Figures of one policy.

    Attributes:
        exact_match: share of gaps whose chosen fill is what was there.
        oracle: share of gaps for which any candidate is: what a perfect ranking would reach.
        num_candidates: distinct candidates a gap, on average.
        forwards: passes a fill, on average.
        rank_ms: time a ranking takes, on average.
    """

    policy: str
    exact_match: float
    oracle: float
    num_candidates: float
    forwards: float
    rank_ms: float


@dataclass(frozen=True, slots=True)
class RankingReport:
    """The policies side by side, on the same candidates of the same gaps, after a row without any choice."""

    num_gaps: int
    seed: int
    rows: tuple[RankingRow, ...]

    def as_json(self) -> dict[str, Any]:
        """Everything, ready for `json.dumps`."""
        return asdict(self)

    def render(self, console: Console) -> None:
        """Prints the table."""
        render_table(
            console,
            f"Ranking policies, {self.num_gaps} held-out gaps",
            ("policy", "exact", "oracle", "candidates", "forwards/fill", "ranking ms"),
            [
                [
                    row.policy,
                    percent(row.exact_match),
                    percent(row.oracle),
                    f"{row.num_candidates:.1f}",
                    f"{row.forwards:.1f}",
                    f"{row.rank_ms:.1f}",
                ]
                for row in self.rows
            ],
            [f"seed {self.seed}; oracle: some candidate is right, whichever was chosen"],
        )


def compare_rankings(
    infiller: Infiller,
    documents: Sequence[Document],
    *,
    num: int = 25,
    num_candidates: int = 4,
    seed: int = 0,
    progress: Progress | None = None,
) -> RankingReport:
    """Fills the same gaps under every policy; one seed makes the candidates the same under all of them.

    Gaps get no more slots than one canvas has: a second canvas would continue each policy's own choice.

    Args:
        infiller: gives the model; its own ranking is not used.
        documents: held-out files.
        num: gaps of each kind.
        num_candidates: rows of every batch.
        seed: of the gaps and of the candidates.
        progress: told after every fill.

    Raises:
        InputError: the documents hold no gaps.
    """
    gaps = [gap for kind in KINDS for gap in sample_gaps(documents, kind, num, seed)]
    if not gaps:
        raise InputError("The files are too small to cut gaps out of them.")
    max_tokens = min(_MAX_TOKENS, infiller.denoiser.config.canvas_length - MIN_SUFFIX_TOKENS)
    many = InfillOptions(max_tokens=max_tokens, num_candidates=num_candidates, seed=seed)
    trials: list[tuple[str, Ranking, InfillOptions]] = [
        ("a single candidate", MeanConfidence(), replace(many, num_candidates=1)),
        ("encoder as judge", EncoderJudge(), many),
        ("re-masked score", RemaskedScore(), many),
        ("mean confidence", MeanConfidence(), many),
    ]
    rows = []
    num_done = 0
    for policy, ranking, options in trials:
        ranked = infiller.fresh()
        ranked.ranking = ranking
        results = []
        for gap in gaps:
            results.append(ranked.infill(InfillRequest((gap.prefix, gap.suffix), gap.language, options)))
            num_done += 1
            if progress is not None:
                progress(num_done, len(trials) * len(gaps))
        rows.append(_summarize(policy, gaps, results))
    return RankingReport(len(gaps), seed, tuple(rows))


def _summarize(policy: str, gaps: Sequence[Gap], results: Sequence[InfillResult]) -> RankingRow:
    right = [[is_exact(gap, fill.texts[0]) for fill in result.fills] for gap, result in zip(gaps, results, strict=True)]
    return RankingRow(
        policy=policy,
        exact_match=mean([fills[0] for fills in right]),
        oracle=mean([any(fills) for fills in right]),
        num_candidates=mean([len(fills) for fills in right]),
        forwards=mean([result.num_forwards for result in results]),
        rank_ms=mean([result.timing.rank_ms for result in results]),
    )
