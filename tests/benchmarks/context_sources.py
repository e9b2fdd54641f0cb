"""Fills the same held-out gaps with and without each source of context, and says what changed.

Neighbours come from the other files of a gap's package: imports may lead to any of them, and those that lie closest
count as open documents. Recent edits are not measured: a package does not tell how it was written.

    .venv/bin/python tests/benchmarks/context_sources.py --held-out FILE.jsonl.gz [--limit 50] [--budget 1500]

The rows of the file are JSON with the keys text, language, package and path. The set that comes with Lacuna has too few
files of each package to say much.
"""

import argparse
import math
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from posixpath import commonpath, dirname
from typing import Any

from rich.console import Console

from lacuna_model.evaluation.documents import Document, read_documents
from lacuna_model.evaluation.filler import Filling, Gap, ModelFiller
from lacuna_model.evaluation.heldout import HeldoutReport, HeldoutRow, evaluate_heldout
from lacuna_model.evaluation.report import percent, render_table
from lacuna_model.infill import Infiller
from lacuna_model.request import InfillOptions
from lacuna_server.context import Context, build_context
from lacuna_server.neighbours.document import Document as Neighbouring
from lacuna_server.neighbours.search import Budgets, find_neighbours

NUM_OPEN = 20


@dataclass(frozen=True)
class Source:
    """What is placed ahead of the prefix: neighbours, and whether the document's own path is named."""

    name: str
    budgets: Budgets = field(default_factory=Budgets)
    says_path: bool = False


class ContextFiller:
    """Fills with a model that is shown what a language server would show it."""

    def __init__(self, filler: ModelFiller, documents: Sequence[Document], source: Source) -> None:
        self.name = source.name
        self.filler = filler
        self.source = source
        self.owner = {document.text: document for document in documents}
        self.packages: dict[str, dict[str, Document]] = defaultdict(dict)
        for document in documents:
            self.packages[document.package][document.path] = document
        self.num_shown = 0

    @property
    def settings(self) -> Mapping[str, Any]:
        """Those of the model's filler."""
        return self.filler.settings

    def fill(self, gap: Gap) -> Filling:
        """Fills one gap."""
        prefix, suffix = self.context(gap).segments
        return self.filler.fill(Gap(prefix, gap.middle, suffix, gap.language))

    def context(self, gap: Gap) -> Context:
        """What the model is shown; the gap's own text is in none of it."""
        owner = self.owner[gap.prefix + gap.middle + gap.suffix]
        files = self.packages[owner.package]
        document = Neighbouring(owner.path, owner.path, owner.language, gap.prefix + gap.suffix)
        cursor = (len(gap.prefix), len(gap.prefix))
        neighbours = find_neighbours(
            document,
            cursor,
            budgets=self.source.budgets,
            read=lambda path: files[path].text if path in files else None,
            others=[Neighbouring(each.path, each.path, each.language, each.text) for each in _closest(owner, files)],
        )
        self.num_shown += bool(neighbours)
        path = owner.path if self.source.says_path else None
        return build_context(document.text, [cursor], language=owner.language, path=path, neighbours=neighbours)


def _closest(owner: Document, files: Mapping[str, Document]) -> list[Document]:
    """Files of the package in the same language that share most folders with one of them."""

    def distance(other: Document) -> tuple[int, str]:
        return -len(commonpath([dirname(f"/{owner.path}"), dirname(f"/{other.path}")])), other.path

    others = [each for each in files.values() if each.path != owner.path and each.language == owner.language]
    return sorted(others, key=distance)[:NUM_OPEN]


def sign_test(num_won: int, num_lost: int) -> float:
    """How probable so uneven a split is, or a more uneven one, if both sides are equally likely."""
    total = num_won + num_lost
    tail = sum(math.comb(total, k) for k in range(min(num_won, num_lost) + 1))
    return min(1.0, tail / 2.0 ** (total - 1))


def row(report: HeldoutReport, base: HeldoutReport, num_shown: int) -> list[str]:
    """A source's figures beside those without any."""
    summary = HeldoutRow.of("all", report.results)
    pairs = [(mine.exact, other.exact) for mine, other in zip(report.results, base.results, strict=True)]
    won, lost = pairs.count((True, False)), pairs.count((False, True))
    return [
        report.filler,
        percent(num_shown / len(pairs)),
        percent(summary.exact_match),
        percent(summary.first_line),
        percent(summary.parse_rate),
        f"+{won} -{lost}",
        f"{sign_test(won, lost):.2f}",
        f"{summary.cost.p50_ms:.0f}",
    ]


def main() -> int:
    """Measures and prints; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--held-out", type=Path, help="files to cut gaps from; the shipped held-out set otherwise")
    parser.add_argument("--limit", type=int, default=50, help="gaps of each kind")
    parser.add_argument("--budget", type=int, default=1500, help="characters that each source may add")
    parser.add_argument("--max-tokens", type=int, default=48, help="most tokens of a fill")
    parser.add_argument("--checkpoint", type=Path, help="directory of the model; the embedded one otherwise")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--seed", type=int, default=0, help="of the choice of gaps")
    arguments = parser.parse_args()
    documents = read_documents(arguments.held_out)
    infiller = Infiller.load(arguments.checkpoint, arguments.device)
    filler = ModelFiller(infiller, InfillOptions(max_tokens=arguments.max_tokens))
    budget = arguments.budget
    sources = (
        Source("nothing"),
        Source("path", says_path=True),
        Source("imports", Budgets(imports=budget)),
        Source("similar", Budgets(similar=budget)),
        Source("all", Budgets(imports=budget, similar=budget), says_path=True),
    )
    rows, base = [], None
    for source in sources:
        shown = ContextFiller(filler, documents, source)
        report = evaluate_heldout(shown, documents, num=arguments.limit, seed=arguments.seed)
        base = report if base is None else base
        rows.append(row(report, base, shown.num_shown))
        print(f"{source.name}: done", file=sys.stderr)
    assert base is not None
    render_table(
        Console(),
        f"{len(base.results)} held-out gaps",
        ("ahead of the prefix", "neighbours", "exact", "first line", "parses", "won, lost", "p", "p50 ms"),
        rows,
        [
            f"at most {budget} characters of each source; seed {arguments.seed}; latency with a cold prefix",
            "neighbours: share of gaps with any; won, lost: gaps filled exactly only with them, only without",
            "p: two-sided sign test of won against lost",
        ],
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
