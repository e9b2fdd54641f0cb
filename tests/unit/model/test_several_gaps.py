import io
import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from rich.console import Console

from lacuna_model.config import DenoiserConfig, GenerationConfig
from lacuna_model.errors import InputError
from lacuna_model.evaluation.documents import Document, read_documents
from lacuna_model.evaluation.gapped import SPREADS, GappedDocument, Spread, cut_documents
from lacuna_model.evaluation.several_gaps import (
    METHODS,
    FileResult,
    Method,
    SeveralGapsReport,
    evaluate_several_gaps,
    fill_file,
)
from lacuna_model.infill import Infiller
from lacuna_model.request import InfillOptions, InfillRequest
from lacuna_model.tokenizer import Tokenizer
from lacuna_model.transformer.denoiser import Denoiser

LINES = "".join(f"value_{number} = compute(number, {number})  \n" for number in range(150))
DOCUMENTS = [Document(LINES, "python", "values", "values.py"), Document("1\n2\n", "python", "values", "short.py")]
GAPPED = GappedDocument(("a = ", "\nb = ", "\n"), ("one", "two"), "python", "near")


@pytest.fixture
def infiller(
    tiny_config: Callable[..., DenoiserConfig], tiny_denoiser: Callable[..., Denoiser], byte_tokenizer: Tokenizer
) -> Infiller:
    denoiser = tiny_denoiser(tiny_config(canvas_length=64))
    return Infiller(denoiser, byte_tokenizer, GenerationConfig(num_denoising_steps=4), max_prefix_tokens=128)


def graded(method: Method, *exact: bool, num_forwards: int = 1) -> FileResult:
    return FileResult(GAPPED, method, 2, ("x",) * len(exact), exact, num_forwards, 0.5)


@pytest.mark.parametrize("spread", SPREADS)
@pytest.mark.parametrize("num_gaps", [2, 5])
def test_gaps_are_cut_without_loss_and_as_far_apart_as_asked(spread: Spread, num_gaps: int) -> None:
    cut = cut_documents(DOCUMENTS, num_gaps, spread, 20, seed=3)
    assert cut == cut_documents(DOCUMENTS, num_gaps, spread, 20, seed=3)
    assert cut != cut_documents(DOCUMENTS, num_gaps, spread, 20, seed=4)
    assert len({(gapped.segments, gapped.middles) for gapped in cut}) == len(cut) == 20
    for gapped in cut:
        assert len(gapped.middles) == num_gaps
        numbers: list[int] = []
        for number, middle in enumerate(gapped.middles):
            gap = gapped.gap(number)
            assert gap.prefix + gap.middle + gap.suffix == LINES and gap.middle == middle
            assert middle.isidentifier() or (gap.suffix.startswith("  \n") and middle[0].isalpha())
            numbers.append(gap.prefix.count("\n"))
        distances = [later - earlier for earlier, later in pairwise(numbers)]
        assert all(1 <= each <= 3 if spread == "near" else 10 <= each <= 40 for each in distances)


def test_the_shipped_files_are_enough() -> None:
    documents = read_documents()
    for num_gaps in (2, 3, 5):
        for spread in SPREADS:
            assert len(cut_documents(documents, num_gaps, spread, 75)) == 75


def test_methods_differ_in_what_they_show_the_model(infiller: Infiller, monkeypatch: pytest.MonkeyPatch) -> None:
    segments = ("a = ", "\n" + "#" * 60 + "\nb = ", "\nc = ", "\n")
    gapped = GappedDocument(segments, ("one", "two", "three"), "python", "far")
    asked: list[InfillRequest] = []
    run = Infiller._run_group

    def recorded(self: Infiller, request: InfillRequest, cancelled: Callable[[], bool]) -> Any:
        asked.append(request)
        return run(self, request, cancelled)

    monkeypatch.setattr(Infiller, "_run_group", recorded)
    filled = {}
    for method in METHODS:
        asked.clear()
        filled[method] = fill_file(infiller, gapped, method, InfillOptions(max_tokens=6))
        first = filled[method].texts[0]
        parts = [request.segments for request in asked[1:]]  # the first one warms the cache
        a, b, c, end = segments
        if method == "joint":
            assert parts[-1] == (a + first + b, c, end) and filled[method].num_canvases == 2
        else:
            assert parts[0] == (a, b + c + end) and filled[method].num_canvases == 3
        if method == "one by one":
            assert parts[-1] == (a + first + b + filled[method].texts[1] + c, end)
        if method == "alone":
            assert parts[1] == (a + b, c + end) and parts[-1] == (a + b + c, end)
    assert filled["alone"].texts[0] == filled["one by one"].texts[0]


def test_rows_compare_with_the_joint_fills_of_the_same_files() -> None:
    results = (
        graded("joint", True, False, num_forwards=3),
        graded("one by one", True, True, num_forwards=7),
        graded("alone", False, False),
        graded("joint", True, True, num_forwards=5),
        graded("one by one", True, False, num_forwards=8),
        graded("alone", True, True),
    )
    rows = SeveralGapsReport({}, 0, results).rows
    assert [(row.spread, row.method) for row in rows] == [(spread, m) for spread in ("near", "all") for m in METHODS]
    joint, one_by_one, alone = rows[:3]
    assert (joint.gap_exact, joint.file_exact, joint.num_gained, joint.num_lost) == (0.75, 0.5, 0, 0)
    assert (one_by_one.gap_exact, one_by_one.num_gained, one_by_one.num_lost) == (0.75, 1, 1)
    assert (alone.gap_exact, alone.file_exact, alone.num_gained, alone.num_lost) == (0.5, 0.5, 0, 1)
    assert (joint.forwards, one_by_one.forwards, joint.num_files, joint.p50_ms) == (4.0, 7.5, 2, 500.0)


@pytest.mark.parametrize("truth", [True, False])
def test_each_gap_is_graded_with_the_others_right(infiller: Infiller, truth: bool) -> None:
    options = InfillOptions(max_tokens=4)
    texts = fill_file(infiller, GAPPED, "one by one", options).texts
    middles = (texts[0] if truth else "else", "else" if truth else texts[1])
    result = fill_file(infiller, GappedDocument(GAPPED.segments, middles, "python", "near"), "one by one", options)
    assert result.texts == texts and result.exact == (truth, not truth)


def test_report(infiller: Infiller) -> None:
    calls: list[tuple[int, int]] = []
    report = evaluate_several_gaps(
        infiller,
        DOCUMENTS,
        nums_gaps=(2, 3),
        num=3,
        options=InfillOptions(max_tokens=4),
        progress=lambda done, total: calls.append((done, total)),
    )
    assert calls[-1] == (6, 6) and infiller.cache.num_bytes == 0
    content = json.loads(json.dumps(report.as_json()))
    assert [row["num_files"] for row in content["rows"][::3]] == [2, 1, 3] * 2
    assert {row["method"] for row in content["rows"]} == set(METHODS)
    assert len(content["files"]) == 6 * len(METHODS)
    console = Console(width=200, record=True, file=io.StringIO())
    report.render(console)
    text = console.export_text()
    assert "one by one" in text and "file exact" in text and "max_tokens 4" in text


def test_too_small_documents_are_an_error(infiller: Infiller) -> None:
    with pytest.raises(InputError, match="too small"):
        evaluate_several_gaps(infiller, DOCUMENTS[1:], num=2)
