import gzip
import io
import json
import tarfile
import zipfile
from pathlib import Path

import pytest

from lacuna_model.errors import ConfigError, InputError
from lacuna_model.evaluation.documents import Document, read_documents
from lacuna_model.training.corpus import PACKAGE_LIST, build_corpus
from lacuna_model.training.corpus_duplicates import Contamination, DuplicateIndex
from lacuna_model.training.corpus_filters import decode, is_test, refusal, refusal_of_path, strip_legal_header
from lacuna_model.training.corpus_packages import (
    PERMISSIVE_LICENCES,
    Package,
    declared_licence_of_npm,
    declared_licence_of_wheel,
    is_permissive,
    read_packages,
)
from lacuna_model.training.vocabulary import train_on

PROBLEM = {
    "prompt": 'def spread(values: list[int]) -> int:\n    """Distance of the largest from the smallest value."""\n',
    "canonical_solution": "    smallest = min(values)\n    largest = max(values)\n    return largest - smallest\n",
}


def source(name: str, num_functions: int = 12) -> str:
    """A Python file in which no line is found in another such file."""
    return "\n\n".join(
        f"def {name}_{chr(97 + number)}(value, other):\n    {name}_total_{chr(97 + number)} = value * other\n"
        f"    return {name}_total_{chr(97 + number)} + other"
        for number in range(num_functions)
    )


def script(name: str) -> str:
    return "".join(
        f"export function {name}{letter}(first, second) {{\n  return {name}.{letter}(second);\n}}\n"
        for letter in "abcd"
    )


def write_wheel(root: Path, name: str, files: dict[str, str], licence: str = "MIT") -> None:
    folder = root / "archives" / "python" / f"{name}-1.0"
    folder.mkdir(parents=True)
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{name}-1.0.dist-info/METADATA", f"Name: {name}\nLicense-Expression: {licence}\n\nText.\n")
        for path, content in files.items():
            wheel.writestr(path, content)


def write_npm(root: Path, name: str, files: dict[str, str], manifest: str = '{"license": "MIT"}') -> None:
    folder = root / "archives" / "npm" / f"{name}-1.0"
    folder.mkdir(parents=True)
    files = files | {"package.json": manifest}
    with tarfile.open(folder / f"{name}-1.0.tgz", "w:gz") as tarball:
        for path, content in files.items():
            member = tarfile.TarInfo(f"package/{path}")
            member.size = len(content.encode())
            tarball.addfile(member, io.BytesIO(content.encode()))


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Four packages that lie there already, so that nothing is fetched."""
    root = tmp_path / "corpus"
    write_wheel(
        root,
        "alpha",
        {
            "alpha/one.py": "# Copyright 2001 Somebody\n# All rights reserved.\n\n" + source("one"),
            "alpha/two.py": source("two"),
            "alpha/same.py": source("two").replace("    ", "\t"),
            "alpha/seen.py": source("held") + "\n\nEXTRA_CONSTANT = 'nothing new'",
            "alpha/_vendor/six.py": source("six"),
            "alpha/quote.py": source("quote") + "\n\n" + PROBLEM["prompt"] + PROBLEM["canonical_solution"],
            "alpha/broken.py": "def f(:\n" + source("broken"),
            "alpha/data.json": json.dumps({letter: letter * 9 for letter in "abcdefghijklm"}, indent=1),
        },
    )
    write_wheel(root, "copyleft", {"copyleft/one.py": source("copyleft")}, licence="GPL-3.0-only")
    write_wheel(root, "held", {"held/one.py": source("held")})
    write_npm(
        root,
        "gamma",
        {
            "src/one.ts": script("one"),
            "src/two.js": script("two"),
            "src/index.d.ts": script("types"),
            "dist/gamma.js": script("built"),
        },
    )
    return root


@pytest.fixture
def package_list(tmp_path: Path) -> Path:
    path = tmp_path / "packages.toml"
    path.write_text(
        '[python.train]\nalpha = { version = "1.0", licence = "MIT" }\n'
        'copyleft = { version = "1.0", licence = "MIT" }\n'
        '[python.valid]\nheld = { version = "1.0", licence = "MIT" }\n'
        '[npm.train]\ngamma = { version = "1.0", licence = "MIT", folders = ["src"] }\n',
        encoding="utf-8",
    )
    return path


def test_a_corpus_is_built_from_archives(
    directory: Path, package_list: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lacuna_model.training.corpus_shares._MAX_SHARE_OF_PACKAGE", 0.9)
    monkeypatch.setattr("lacuna_model.training.corpus_shares._MAX_SHARE_OF_LANGUAGE", {"json": 0.5})
    benchmark = tmp_path / "benchmark.jsonl.gz"
    benchmark.write_bytes(gzip.compress(json.dumps(PROBLEM).encode()))
    messages: list[str] = []
    manifest = build_corpus(directory, package_list=package_list, exclude=[benchmark], jobs=2, report=messages.append)

    train = {document.path: document for document in read_documents(directory / "train.jsonl.gz")}
    assert set(train) == {"alpha/one.py", "alpha/same.py", "alpha/data.json", "src/one.ts", "src/two.js"}
    assert train["alpha/one.py"] == Document(source("one"), "python", "alpha", "alpha/one.py")
    assert [train[path].language for path in ("src/one.ts", "src/two.js")] == ["typescript", "javascript"]
    assert [document.package for document in read_documents(directory / "valid.jsonl.gz")] == ["held"]
    assert manifest == json.loads((directory / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["dropped"] == {
        "exact duplicate": 1,
        "near duplicate": 1,
        "vendored, built or translated": 1,
        "quotes a benchmark": 1,
        "does not parse": 1,
        "outside the source folders": 2,
        "declaration, bundle or lock file": 1,
    }
    packages = manifest["packages"]
    assert isinstance(packages, list)
    assert [(package["name"], package["split"], package["files"]) for package in packages] == [
        ("gamma", "train", 2),
        ("alpha", "train", 3),
        ("held", "valid", 1),
    ]
    assert {package["declared_licence"] for package in packages} == {"MIT"}
    assert "left out: copyleft 1.0: its metadata says 'GPL-3.0-only'" in messages
    assert not list(directory.glob("*.partial"))


def test_the_same_seed_gives_the_same_corpus(directory: Path, package_list: Path) -> None:
    def build(seed: int) -> bytes:
        build_corpus(directory, package_list=package_list, seed=seed, report=lambda message: None)
        return (directory / "train.jsonl.gz").read_bytes()

    assert build(3) == build(3)
    orders = {tuple(document.path for document in read_corpus(build(seed))) for seed in range(8)}
    assert len(orders) > 1


def read_corpus(content: bytes) -> list[Document]:
    return [Document(**json.loads(row)) for row in gzip.decompress(content).splitlines()]


def test_no_kind_of_document_exceeds_its_share(
    directory: Path, package_list: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_wheel(directory, "tested", {f"tests/test_{letter * 3}.py": source(letter * 3) for letter in "bcdefghijk"})
    package_list.write_text(
        package_list.read_text(encoding="utf-8").replace(
            "[python.valid]", 'tested = { version = "1.0", licence = "MIT" }\n[python.valid]'
        ),
        encoding="utf-8",
    )
    monkeypatch.setattr("lacuna_model.training.corpus_shares._MAX_SHARE_OF_PACKAGE", 0.9)
    monkeypatch.setattr("lacuna_model.training.corpus_shares._MAX_SHARE_OF_LANGUAGE", {"json": 0.04, "python": 0.9})
    manifest = build_corpus(directory, package_list=package_list, report=lambda message: None)
    documents = list(read_documents(directory / "train.jsonl.gz"))
    python = [document for document in documents if document.language == "python"]
    tests = [document for document in python if is_test(document.path)]
    assert 0 < sum(document.num_bytes for document in tests) <= sum(document.num_bytes for document in python) / 4
    assert not any(document.language == "json" for document in documents)
    dropped = manifest["dropped"]
    assert isinstance(dropped, dict)
    assert dropped["over its share: tests"] == 10 - len(tests)
    assert dropped["over its share: json"] == 1


def test_a_package_that_cannot_be_read_is_left_out(directory: Path, package_list: Path) -> None:
    next((directory / "archives" / "python" / "alpha-1.0").iterdir()).write_bytes(b"PK not a zip")
    messages: list[str] = []
    build_corpus(directory, package_list=package_list, report=messages.append)
    assert [message for message in messages if "damaged archive" in message and "alpha" in message]
    assert {document.package for document in read_documents(directory / "train.jsonl.gz")} == {"gamma"}


def test_the_shipped_list_is_sound() -> None:
    packages = read_packages(PACKAGE_LIST)
    assert len(packages) > 150
    assert {package.licence for package in packages} <= PERMISSIVE_LICENCES
    held_out = [package.registry for package in packages if package.split == "valid"]
    assert held_out.count("python") >= 6
    assert held_out.count("npm") >= 4


@pytest.mark.parametrize(
    "text",
    [
        "[python.train]\nx = 1\n",
        '[python.train]\nx = { version = "1" }\n',
        '[python.train]\nx = { version = "1", licence = "GPL-3.0-only" }\n',
        "[python",
        '[python.train]\nx = { version = "1", licence = "MIT" }\n[npm.valid]\nx = { version = "1", licence = "MIT" }\n',
    ],
)
def test_a_wrong_package_list_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "packages.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError):
        read_packages(tmp_path / "packages.toml")


def test_licences_that_metadata_declares() -> None:
    def check(metadata: str, licence: str, permissive: bool) -> None:
        assert declared_licence_of_wheel(metadata) == licence
        assert is_permissive(licence) is permissive

    check("License-Expression: MIT\nLicense: other\n", "MIT", True)
    check("Classifier: License :: OSI Approved :: BSD License\nLicense: see file\n", "BSD", True)
    check("Classifier: License :: OSI Approved\nLicense: Apache 2.0\n", "Apache-2.0", True)
    check("Classifier: License :: OSI Approved :: GNU General Public License (GPL)\n", "copyleft or proprietary", False)
    check("License: LGPLv2.1+\n", "copyleft or proprietary", False)
    check("Name: x\n", "", False)
    assert declared_licence_of_npm({"license": {"type": "ISC"}}) == "ISC"
    assert declared_licence_of_npm({"licenses": [{"type": "MIT"}, {"type": "GPL-2.0"}]}) == "MIT OR GPL-2.0"
    assert declared_licence_of_npm({}) == ""


@pytest.mark.parametrize(
    ("expression", "permissive"),
    [
        ("MIT", True),
        ("(MIT OR GPL-3.0-only)", True),
        ("MIT AND GPL-3.0-only", False),
        ("Apache-2.0 AND (MIT OR MPL-2.0)", True),
        ("BSD-3-Clause WITH something", False),
        ("", False),
    ],
)
def test_licence_expressions(expression: str, permissive: bool) -> None:
    assert is_permissive(expression) is permissive


def test_folder_names_of_scoped_packages_have_no_slash() -> None:
    assert Package("@scope/name", "1.0", "MIT", "npm", "train").key == "@scope__name-1.0"


def test_paths_that_are_not_wanted() -> None:
    def check(path: str, reason: str | None, *folders: str) -> None:
        assert refusal_of_path(path, folders) == reason

    check("package/core.py", None)
    check("package/_vendor/core.py", "vendored, built or translated")
    check("app/migrations/0001_initial.py", "vendored, built or translated")
    check("human_eval/data.py", "vendored, built or translated")
    check("dist/index.js", "vendored, built or translated")
    check("dist/index.js", None, "dist")
    check("lib/index.js", "outside the source folders", "src")
    check("srcs/index.js", "outside the source folders", "src")
    check("lib/index.min.js", "declaration, bundle or lock file")
    check("lib/index.d.ts", "declaration, bundle or lock file")
    check("package-lock.json", "declaration, bundle or lock file")


@pytest.mark.parametrize(
    "path", ["tests/a.py", "a/test_b.py", "a/b_test.py", "conftest.py", "src/a.spec.ts", "a.test.js"]
)
def test_test_files_are_recognised(path: str) -> None:
    assert is_test(path)


@pytest.mark.parametrize("path", ["latest/a.py", "a/attest.py", "contest_b.py", "src/inspect.ts"])
def test_other_files_are_not_tests(path: str) -> None:
    assert not is_test(path)


def test_texts_that_are_not_wanted() -> None:
    def check(text: str, language: str, reason: str | None) -> None:
        assert refusal(text, language) == reason

    check(source("good"), "python", None)
    check(script("good"), "typescript", None)
    check("x = 1\n", "python", "too small")
    check(source("big", 26) * 200, "python", "too large")
    check(json.dumps(["word"] * 4000, indent=0), "json", "too large")
    check("var " + ",".join(["alpha"] * 300) + ";", "javascript", "long lines or minified")
    check(("x" * 119 + "\n") * 9, "javascript", "long lines or minified")
    check("# This file was generated by a tool. Do not edit.\n" + source("made"), "python", "generated")
    check('Object.defineProperty(exports, "__esModule", {});\n' + script("made"), "javascript", "compiled")
    check("table = [\n" + "  102, 339, 482, 591,\n" * 20 + "]\n", "python", "table of numbers")
    check("print 'two'\n" + source("old"), "python", "does not parse")


def test_only_utf8_text_is_read() -> None:
    assert decode("\ufeffé\r\nb\rc".encode()) == "é\nb\nc"
    assert decode(b"\xff\xfe") is None
    assert decode(b"a\0b") is None


def test_legal_headers_are_removed() -> None:
    def check(text: str, language: str, expected: str) -> None:
        assert strip_legal_header(text, language) == expected

    check("#!/usr/bin/env python\n# Copyright me\n\nimport os\n", "python", "#!/usr/bin/env python\nimport os\n")
    check("# Sorts a list.\nimport os\n", "python", "# Sorts a list.\nimport os\n")
    check("/*\n * Copyright me\n */\n\nlet a;\n", "javascript", "let a;\n")
    check("// SPDX-License-Identifier: MIT\n/** Adds. */\nlet a;\n", "typescript", "/** Adds. */\nlet a;\n")
    check('{"license": "Copyright"}', "json", '{"license": "Copyright"}')


def test_copies_are_recognised() -> None:
    index = DuplicateIndex()
    text = source("first")
    assert index.seen(text) is None
    assert index.seen(text.replace("\n", "\n\n")) == "exact duplicate"
    assert index.seen(text.replace("first_total_a", "renamed")) == "near duplicate"
    assert index.seen(source("second")) is None


def test_quotes_of_a_benchmark_are_recognised() -> None:
    benchmark = Contamination(iter([PROBLEM["prompt"] + PROBLEM["canonical_solution"]]))
    signature = PROBLEM["prompt"].splitlines()[0]
    assert benchmark.touches(f"import os\n\n\n{signature}\n    ...\n")
    assert benchmark.touches(f"class A:\n\n{PROBLEM['canonical_solution']}".replace("\n", "\n\n    "))
    assert not benchmark.touches("def spread(values):\n    smallest = min(values)\n    return smallest\n")


def test_a_benchmark_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"question": "?"}\n', encoding="utf-8")
    with pytest.raises(InputError, match="rows"):
        Contamination.load(tmp_path / "rows.jsonl")


def test_a_vocabulary_has_exactly_the_size_asked_for() -> None:
    texts = [source(letter * 4) for letter in "abcdefgh"]
    tokenizer = train_on(texts, 300)
    assert tokenizer.get_vocab_size() == 300
    assert tokenizer.token_to_id("<mask>") == 4
    with pytest.raises(ConfigError, match="too small"):
        train_on(texts, 8192)


@pytest.mark.parametrize("manifest", ["{", "[]", '"text"'])
def test_a_malformed_manifest_costs_its_package_only(directory: Path, package_list: Path, manifest: str) -> None:
    archive = next((directory / "archives" / "npm" / "gamma-1.0").iterdir())
    archive.unlink()
    archive.parent.rmdir()
    write_npm(directory, "gamma", {"src/one.ts": script("one")}, manifest=manifest)
    messages: list[str] = []
    build_corpus(directory, package_list=package_list, report=messages.append)
    assert [message for message in messages if message.startswith("left out: gamma")]
