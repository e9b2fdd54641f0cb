"""Several gaps in one file: filled jointly, one after the other, or each alone."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, get_args

from rich.console import Console

from lacuna_model.chaining import group_gaps
from lacuna_model.errors import InputError
from lacuna_model.evaluation.documents import Document
from lacuna_model.evaluation.gapped import SPREADS, GappedDocument, cut_documents
from lacuna_model.evaluation.report import (
    Progress,
    describe,
    is_exact,
    mean,
    percent,
    percentile,
    render_table,
)
from lacuna_model.infill import Infiller
from lacuna_model.request import InfillOptions, InfillRequest

Method = Literal["joint", "one by one", "alone"]
"""How the gaps of a file are filled:

- joint: as many in one canvas as fit, canvas after canvas;
- one by one: what an editor does that knows one gap only, and what beams do. From left to right each gap gets a canvas
  of its own, with the earlier fills in the prefix and the later gaps left out of the suffix;
- alone: each gap as if nobody had filled any other, all others left out.

All three use the same model, options and prefix cache, and see the same text beside the gaps.
"""

METHODS: tuple[Method, ...] = get_args(Method)


@dataclass(frozen=True, slots=True)
class FileResult:
    """How the gaps of one file were filled.

    Attributes:
        num_canvases: canvases laid out, a gap's further ones not counted.
        texts: the fill of each gap.
        exact: of each gap, see `is_exact`; the other gaps count as right.
        num_forwards: forward passes, those of ranking included.
        seconds: wall-clock time; the text before the first gap had been read.
    """

    gapped: GappedDocument
    method: Method
    num_canvases: int
    texts: tuple[str, ...]
    exact: tuple[bool, ...]
    num_forwards: int
    seconds: float


@dataclass(frozen=True, slots=True)
class SeveralGapsRow:
    """Figures of one method on files with equally many gaps; shares lie between 0 and 1.

    Attributes:
        spread: near or far, or all.
        gap_exact: share of gaps filled with what was there.
        file_exact: share of files with all gaps filled so.
        num_gained: gaps that are exact here but not when filled jointly.
        num_lost: gaps that are exact when filled jointly but not here.
        canvases: a file, on average.
        forwards: forward passes a file, on average.
        p50_ms: median time a file.
    """

    num_gaps: int
    spread: str
    method: Method
    num_files: int
    gap_exact: float
    file_exact: float
    num_gained: int
    num_lost: int
    canvases: float
    forwards: float
    p50_ms: float

    @classmethod
    def of(cls, spread: str, results: Sequence[FileResult], joint: Sequence[FileResult]) -> "SeveralGapsRow":
        """Summarises one method's results on at least one file, beside the joint ones on the same files."""
        exact = [each for result in results for each in result.exact]
        joint_exact = [each for result in joint for each in result.exact]
        return cls(
            num_gaps=len(results[0].texts),
            spread=spread,
            method=results[0].method,
            num_files=len(results),
            gap_exact=mean(exact),
            file_exact=mean([all(result.exact) for result in results]),
            num_gained=sum(here and not there for here, there in zip(exact, joint_exact, strict=True)),
            num_lost=sum(there and not here for here, there in zip(exact, joint_exact, strict=True)),
            canvases=mean([result.num_canvases for result in results]),
            forwards=mean([result.num_forwards for result in results]),
            p50_ms=percentile([1000 * result.seconds for result in results], 0.5),
        )


@dataclass(frozen=True, slots=True)
class SeveralGapsReport:
    """Figures of all methods on files with several gaps."""

    settings: Mapping[str, Any]
    seed: int
    results: tuple[FileResult, ...]

    @property
    def rows(self) -> list[SeveralGapsRow]:
        """Figures by number of gaps, then by spread, then by method."""
        rows = []
        for num_gaps in dict.fromkeys(len(result.texts) for result in self.results):
            for spread in (*SPREADS, "all"):
                of_method: dict[Method, list[FileResult]] = {method: [] for method in METHODS}
                for result in self.results:
                    if len(result.texts) == num_gaps and spread in (result.gapped.spread, "all"):
                        of_method[result.method].append(result)
                rows += [SeveralGapsRow.of(spread, each, of_method["joint"]) for each in of_method.values() if each]
        return rows

    def as_json(self) -> dict[str, Any]:
        """Everything, every fill beside what was there, ready for `json.dumps`."""
        return {
            "settings": dict(self.settings),
            "seed": self.seed,
            "rows": [asdict(row) for row in self.rows],
            "files": [
                {
                    "num_gaps": len(result.texts),
                    "spread": result.gapped.spread,
                    "language": result.gapped.language,
                    "method": result.method,
                    "middles": result.gapped.middles,
                    "fills": result.texts,
                    "exact": result.exact,
                    "canvases": result.num_canvases,
                    "forwards": result.num_forwards,
                    "ms": 1000 * result.seconds,
                }
                for result in self.results
            ],
        }

    def render(self, console: Console) -> None:
        """Prints the table."""
        columns = ("gaps", "spread", "method", "files", "gap exact", "file exact", "+", "-", "canvases", "forwards")
        render_table(
            console,
            "Several gaps in one file",
            (*columns, "p50 ms"),
            [
                [
                    str(row.num_gaps),
                    row.spread,
                    row.method,
                    str(row.num_files),
                    percent(row.gap_exact),
                    percent(row.file_exact),
                    str(row.num_gained),
                    str(row.num_lost),
                    f"{row.canvases:.1f}",
                    f"{row.forwards:.1f}",
                    f"{row.p50_ms:.0f}",
                ]
                for row in self.rows
            ],
            [
                describe(self.settings),
                f"seed {self.seed}; canvases, forwards and milliseconds a file, the text before its first gap known",
                "+ and -: gaps exact with this method only, and with the joint one only",
            ],
        )


def evaluate_several_gaps(
    infiller: Infiller,
    documents: Sequence[Document],
    *,
    nums_gaps: Sequence[int] = (2, 3, 5),
    num: int = 50,
    seed: int = 0,
    options: InfillOptions = InfillOptions(max_tokens=48),  # noqa: B008 - frozen
    progress: Progress | None = None,
) -> SeveralGapsReport:
    """Fills several gaps of each file in every way.

    Args:
        infiller: the model; its cache is left alone.
        documents: files that it was not trained on.
        nums_gaps: how many gaps to cut out of a file.
        num: files of each number of gaps, half of them with gaps near each other, as far as there are any.
        seed: of the choice of gaps.
        options: of every request.
        progress: told after every file.

    Raises:
        InputError: the documents are too small.
    """
    cut = [
        gapped
        for num_gaps in nums_gaps
        for spread, share in zip(SPREADS, (num - num // 2, num // 2), strict=True)
        for gapped in cut_documents(documents, num_gaps, spread, share, seed)
    ]
    if not cut:
        raise InputError("The files are too small to cut several gaps out of them.")
    infiller = infiller.fresh()
    results: list[FileResult] = []
    for number, gapped in enumerate(cut, start=1):
        results += [fill_file(infiller, gapped, method, options) for method in METHODS]
        if progress is not None:
            progress(number, len(cut))
    return SeveralGapsReport(asdict(options), seed, tuple(results))


def fill_file(infiller: Infiller, gapped: GappedDocument, method: Method, options: InfillOptions) -> FileResult:
    """Fills the gaps of a file with one method and grades them. Only the text before the first gap is in the cache."""
    request = InfillRequest(gapped.segments, gapped.language, options)
    before, behind = gapped.segments[0], "".join(gapped.segments[1:])
    infiller.infill(replace(request, segments=(before, behind), options=InfillOptions(max_tokens=1, max_forwards=1)))
    one_each = [range(gap, gap + 1) for gap in range(request.num_gaps)]
    groups = group_gaps(request, infiller.tokenizer, infiller.denoiser.config) if method == "joint" else one_each
    started = time.perf_counter()
    if method == "alone":
        results = [infiller.infill(_alone(request, gap)) for gap in range(request.num_gaps)]
    else:
        results = [infiller.infill(request, groups=groups)]
    seconds = time.perf_counter() - started
    texts = tuple(text for result in results for text in result.fills[0].texts)
    return FileResult(
        gapped=gapped,
        method=method,
        num_canvases=len(groups),
        texts=texts,
        exact=tuple(is_exact(gapped.gap(number), text) for number, text in enumerate(texts)),
        num_forwards=sum(result.num_forwards for result in results),
        seconds=seconds,
    )


def _alone(request: InfillRequest, gap: int) -> InfillRequest:
    """The request for one gap with the others left out."""
    return replace(request, segments=("".join(request.segments[: gap + 1]), "".join(request.segments[gap + 1 :])))
