import gzip
import io
import json
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from lacuna_model.config import GenerationConfig
from lacuna_model.errors import InputError
from lacuna_model.evaluation.documents import SHIPPED, Document, read_documents
from lacuna_model.evaluation.filler import EmptyFiller, Filling, Gap, GoldFiller, ModelFiller
from lacuna_model.evaluation.gaps import KINDS, GapKind, sample_gaps
from lacuna_model.evaluation.heldout import GapResult, evaluate_heldout
from lacuna_model.evaluation.parsing import parses
from lacuna_model.evaluation.ranking import compare_rankings
from lacuna_model.evaluation.report import is_exact, normalize, percentile, render_table
from lacuna_model.evaluation.rows import read_rows
from lacuna_model.evaluation.shipped import MAX_BYTES, NOTICE, build
from lacuna_model.infill import Infiller
from lacuna_model.tokenizer import Tokenizer
from lacuna_model.transformer.denoiser import Denoiser

PYTHON = '''import os


def first(names, default=None):
    """The first name."""
    for name in names:
        if name:
            return name

    return default


class Counter:
    def count(self, values):
        total = 0
        for value in values:
            total += value
        return total
'''
SCRIPT = "function add(left, right) {\n  const sum = left + right;\n  return sum;\n}\n"
DOCUMENTS = [
    Document(PYTHON, "python", "names", "names.py"),
    Document(SCRIPT, "javascript", "add", "add.js"),
]


@pytest.fixture
def infiller(tiny_denoiser: Callable[..., Denoiser], byte_tokenizer: Tokenizer) -> Infiller:
    return Infiller(tiny_denoiser(), byte_tokenizer, GenerationConfig(num_denoising_steps=4))


@pytest.mark.parametrize("kind", KINDS)
def test_gaps_are_cut_without_loss_and_repeatably(kind: GapKind) -> None:
    gaps = sample_gaps(DOCUMENTS, kind, 8, seed=3)
    assert gaps == sample_gaps(DOCUMENTS, kind, 8, seed=3)
    assert gaps != sample_gaps(DOCUMENTS, kind, 8, seed=4)
    assert len({(gap.prefix, gap.middle) for gap in gaps}) == len(gaps) >= 3
    for gap in gaps:
        assert gap.prefix + gap.middle + gap.suffix in (PYTHON, SCRIPT)
        assert gap.middle.strip()


def test_each_kind_is_what_it_says() -> None:
    for gap in sample_gaps(DOCUMENTS, "line_rest", 20):
        last = gap.prefix.rpartition("\n")[2]
        assert last.strip() and gap.suffix.startswith("\n") and "\n" not in gap.middle
    for gap in sample_gaps(DOCUMENTS, "line", 20):
        assert gap.prefix.endswith("\n") or not gap.prefix
        assert gap.suffix.startswith("\n") and "\n" not in gap.middle
    for gap in sample_gaps(DOCUMENTS, "mid_word", 20):
        assert gap.prefix[-1].isidentifier() and gap.middle.replace("_", "a").isalnum()
        assert not gap.suffix[0].isalnum()


def test_blocks_are_whole_suites_of_two_to_five_lines() -> None:
    blocks = {gap.middle for gap in sample_gaps(DOCUMENTS, "block", 30)}
    assert blocks == {
        "        if name:\n            return name",
        "        total = 0\n        for value in values:\n            total += value\n        return total",
        "    def count(self, values):\n        total = 0\n        for value in values:\n            total += value\n"
        "        return total",
        "  const sum = left + right;\n  return sum;",
    }


def test_gold_is_exact_everywhere_and_empty_nowhere() -> None:
    for row in evaluate_heldout(GoldFiller(), DOCUMENTS, num=6).rows:
        assert (row.exact_match, row.first_line, row.parse_rate) == (1.0, 1.0, 1.0)
        assert row.empty_parse_rate is not None and row.empty_parse_rate < 1
    for row in evaluate_heldout(EmptyFiller(), DOCUMENTS, num=6).rows:
        assert row.exact_match == 0.0
        assert row.parse_rate == row.empty_parse_rate


def test_rows_are_kinds_then_languages_then_all() -> None:
    report = evaluate_heldout(GoldFiller(), DOCUMENTS, num=6)
    assert [row.group for row in report.rows] == [*KINDS, "javascript", "python", "all"]
    assert sum(row.num_gaps for row in report.rows[:4]) == report.rows[-1].num_gaps == len(report.results)


@pytest.mark.parametrize(
    ("fill", "exact", "first_line", "does_parse"),
    [
        ("x = 1\ny = 2", True, True, True),
        ("x = 1  \ny = 2\t", True, True, True),
        ("x = 1\ny = 2\n", False, True, True),
        ("x = 1\ny = 3", False, True, True),
        ("  x = 1\ny = 2", False, False, False),
    ],
)
def test_grading(fill: str, exact: bool, first_line: bool, does_parse: bool) -> None:
    result = GapResult.of("block", Gap("", "x = 1\ny = 2", "\n", "python"), Filling(fill))
    assert (result.exact, result.first_line, result.parses) == (exact, first_line, does_parse)


def test_line_breaks_and_blanks_inside_a_line_count() -> None:
    whole_line = Gap("if x:\n", "    f(x)\n", "g(x)\n", "python")
    assert is_exact(whole_line, whole_line.middle)
    assert not is_exact(whole_line, whole_line.middle.rstrip())
    word = Gap("pri", "nt", "(x)\n", "python")
    assert is_exact(word, "nt") and not is_exact(word, "nt ")


def test_what_did_not_parse_before_is_not_judged() -> None:
    result = GapResult.of("line", Gap("if:\n", "x", "\n", "python"), Filling("x"))
    assert result.exact and result.parses is None and result.empty_parses is None


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("def f():\n    pass\n", "python", True),
        ("def f():\npass\n", "python", False),
        ("x = '\0'", "python", False),
        ("(" * 5000, "python", False),
        ("let x: number = 1;", "typescript", True),
        ("let x = ;", "javascript", False),
        ('{"a": [1]}', "json", True),
        ('{"a": [1}', "json", False),
        ("anything", "text", None),
    ],
)
def test_parsing(text: str, language: str, expected: bool | None) -> None:
    assert parses(text, language) is expected


def test_model_report(infiller: Infiller) -> None:
    report = evaluate_heldout(ModelFiller(infiller), DOCUMENTS, num=2, kinds=("line_rest", "mid_word"))
    content = json.loads(json.dumps(report.as_json()))
    assert content["rows"][-1]["num_gaps"] == 4
    assert content["rows"][-1]["cost"]["forwards"] >= 1
    console = Console(width=200, record=True, file=io.StringIO())
    report.render(console)
    text = console.export_text()
    assert "line_rest" in text and "empty: parses" in text and "max_tokens 32" in text
    assert "latency with a cold prefix" in text


def test_every_fill_is_cold_and_leaves_the_cache_alone(infiller: Infiller) -> None:
    filler = ModelFiller(infiller)
    gap = sample_gaps(DOCUMENTS, "line", 1)[0]
    assert [filler.fill(gap).num_cached_tokens for _ in range(2)] == [0, 0]
    assert infiller.cache.num_bytes == 0


def test_rankings_see_the_same_candidates(infiller: Infiller) -> None:
    calls: list[tuple[int, int]] = []
    report = compare_rankings(
        infiller, DOCUMENTS, num=2, num_candidates=3, progress=lambda done, total: calls.append((done, total))
    )
    single, *policies = report.rows
    assert single.num_candidates == 1 and single.oracle == single.exact_match
    assert len({(row.oracle, row.num_candidates) for row in policies}) == 1
    judge, _, confidence = policies
    assert judge.forwards > confidence.forwards >= 1
    assert calls[-1] == (4 * report.num_gaps, 4 * report.num_gaps)
    report.render(Console(file=io.StringIO()))
    assert json.dumps(report.as_json())


def test_documents_from_a_directory_a_file_and_rows(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\n")
    (tmp_path / "b.ts").write_text("let x = 1;\n")
    (tmp_path / "binary.py").write_bytes(b"\xff\x00")
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules" / "c.js").write_text("1")
    assert [(document.path, document.language) for document in read_documents(tmp_path)] == [
        ("a.py", "python"),
        ("b.ts", "typescript"),
    ]
    assert read_documents(tmp_path / "a.py")[0].text == "x = 1\n"
    rows = tmp_path / "rows.jsonl.gz"
    rows.write_bytes(gzip.compress(json.dumps({"text": "1", "language": "json", "package": "p", "path": "q"}).encode()))
    assert read_documents(rows) == [Document("1", "json", "p", "q")]


def test_documents_that_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing.py", tmp_path):
        with pytest.raises(InputError):
            read_documents(path)


def test_too_small_documents_are_an_error() -> None:
    with pytest.raises(InputError, match="too small"):
        evaluate_heldout(GoldFiller(), [Document("\n", "python", "", "")])


def test_percentile_is_the_nearest_rank() -> None:
    values = [5.0, 1.0, 4.0, 2.0, 3.0, 6.0, 7.0, 8.0, 9.0, 10.0]
    assert (percentile(values, 0.5), percentile(values, 0.9), percentile([7.0], 0.9)) == (5.0, 9.0, 7.0)


def test_normalize_keeps_indentation_and_inner_lines() -> None:
    assert normalize("  a \n\n  b\t\n \n") == "  a\n\n  b\n\n"


def test_names_from_files_are_neither_markup_nor_emoji() -> None:
    console = Console(width=120, record=True, file=io.StringIO())
    name = "[bold]a[/bold]:smile:.jsonl"
    render_table(console, f"title {name}", ("",), [[f"cell {name}"]], [f"note {name}"])
    text = console.export_text()
    assert all(f"{place} {name}" in text for place in ("title", "cell", "note"))


def test_shipped_set_is_small_sound_and_attributed() -> None:
    assert SHIPPED.stat().st_size <= MAX_BYTES
    documents = read_documents()
    assert {document.language for document in documents} >= {"python", "javascript", "typescript"}
    assert all(parses(document.text, document.language) for document in documents)
    assert all(len(sample_gaps(documents, kind, 50)) == 50 for kind in KINDS)
    notice = NOTICE.read_text(encoding="utf-8")
    for row in read_rows(SHIPPED, ("package", "version", "licence")):
        assert f"\n{row['package']} {row['version']} ({row['licence']})\n" in notice


def test_building_the_set_leaves_out_packages_without_a_licence_text(tmp_path: Path) -> None:
    names = {"sound": "python", "bare": "python", "@scope/script": "npm", "trained": "npm"}
    packages = [
        {
            "name": name,
            "version": "1.0",
            "licence": "MIT",
            "registry": registry,
            "split": "train" if name == "trained" else "valid",
        }
        for name, registry in names.items()
    ]
    (tmp_path / "manifest.json").write_text(json.dumps({"packages": packages}))
    rows = [
        {"text": "x = 1\n" * size, "language": "python", "package": name, "path": f"{size}.py"}
        for name in ("sound", "bare", "@scope/script")
        for size in (1, 150, 200)
    ]
    (tmp_path / "valid.jsonl.gz").write_bytes(gzip.compress("\n".join(map(json.dumps, rows)).encode()))
    for name, file in (("sound", "sound-1.0.dist-info/licenses/LICENSE"), ("bare", "bare/LICENSE.py")):
        folder = tmp_path / "archives" / "python" / f"{name}-1.0"
        folder.mkdir(parents=True)
        with zipfile.ZipFile(folder / "package.whl", "w") as wheel:
            wheel.writestr(file, f"Copyright of {name}")
    folder = tmp_path / "archives" / "npm" / "@scope__script-1.0"
    folder.mkdir(parents=True)
    with tarfile.open(folder / "package.tgz", "w:gz") as tarball:
        member = tarfile.TarInfo("package/LICENCE.md")
        member.size = 9
        tarball.addfile(member, io.BytesIO(b"Copyright"))

    target, notice = tmp_path / "heldout.jsonl.gz", tmp_path / "notice.txt"
    assert build(tmp_path, target, notice) == 4
    assert {document.package for document in read_documents(target)} == {"sound", "@scope/script"}
    text = notice.read_text(encoding="utf-8")
    assert "Copyright of sound" in text and "@scope/script 1.0 (MIT)" in text and "bare" not in text
