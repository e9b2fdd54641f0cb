"""Builds the training corpus from the pinned packages.

The steps are: fetch, check the licence, filter file by file, drop duplicates and benchmark text, keep every kind of
document within its share, shuffle, write. The same list and seed give the same corpus.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from lacuna_model.errors import ConfigError
from lacuna_model.evaluation.documents import LANGUAGE_OF_SUFFIX, Document
from lacuna_model.training.corpus_archives import ArchiveError, declared_licence, fetch_all, read_archive
from lacuna_model.training.corpus_documents import write_atomically, write_documents
from lacuna_model.training.corpus_duplicates import Contamination, DuplicateIndex
from lacuna_model.training.corpus_filters import (
    decode,
    refusal,
    refusal_of_path,
    strip_legal_header,
)
from lacuna_model.training.corpus_packages import Package, Split, is_permissive, read_packages
from lacuna_model.training.corpus_shares import draw, within_shares

PACKAGE_LIST = Path(__file__).with_name("packages.toml")

Report = Callable[[str], None]


def build_corpus(
    directory: Path,
    *,
    package_list: Path = PACKAGE_LIST,
    exclude: Iterable[Path] = (),
    jobs: int = 4,
    seed: int = 0,
    report: Report = print,
) -> dict[str, object]:
    """Writes train.jsonl.gz, valid.jsonl.gz and manifest.json into `directory` and returns the manifest.

    Archives are kept in `directory`/archives, so that a build that was interrupted goes on where it stopped. A package
    that cannot be fetched or whose licence does not hold is reported and left out.

    Args:
        directory: where everything goes; made if it does not exist.
        package_list: the pinned packages.
        exclude: benchmarks in HumanEval's format that no document may quote.
        jobs: packages fetched at a time.
        seed: of the order and of the choice among documents over their share.
        report: takes one line per package.

    Raises:
        ConfigError: if the package list or a benchmark cannot be read, or no package could be used.
    """
    benchmarks = list(exclude)
    if not benchmarks:
        report("No benchmark is excluded: figures on one that these packages quote would mean nothing.")
    contamination = [Contamination.load(path) for path in benchmarks]
    packages = sorted(read_packages(package_list), key=lambda package: package.split == "train")
    index = DuplicateIndex()  # held-out packages come first: what repeats them is dropped from the training half
    dropped: Counter[str] = Counter()
    licences: dict[Package, str] = {}
    documents: dict[Split, list[Document]] = {"train": [], "valid": []}
    for package, archive in fetch_all(packages, directory / "archives", jobs):
        try:
            if isinstance(archive, ArchiveError):
                raise archive
            licence = declared_licence(package, archive)
            if not is_permissive(licence):
                raise ArchiveError(f"{package.name} {package.version}: its metadata says {licence or 'no licence'!r}")
            found = list(_documents(package, archive, index, contamination, dropped))
        except ArchiveError as error:
            report(f"left out: {error}")
            continue
        licences[package] = licence
        documents[package.split] += found
        report(f"{package.name} {package.version}: {len(found)} files, {_megabytes(found):.2f} MB")
    if not licences:
        raise ConfigError("no package of the list could be used")

    directory.mkdir(parents=True, exist_ok=True)
    for split, found in documents.items():
        if split == "train":
            found = within_shares(found, seed, dropped)
        documents[split] = sorted(found, key=lambda document: draw(document, seed))
        write_documents(directory / f"{split}.jsonl.gz", documents[split])
    manifest: dict[str, object] = {"excluded": sorted(path.name for path in benchmarks)}
    manifest |= _manifest(licences, documents, dropped, seed)
    write_atomically(directory / "manifest.json", (json.dumps(manifest, indent=2) + "\n").encode())
    for split, found in documents.items():
        report(f"{split}: {len(found)} files, {_megabytes(found):.1f} MB")
    return manifest


def _documents(
    package: Package, archive: Path, index: DuplicateIndex, contamination: list[Contamination], dropped: Counter[str]
) -> Iterator[Document]:
    for file in read_archive(archive, tuple(LANGUAGE_OF_SUFFIX)):
        language = LANGUAGE_OF_SUFFIX[Path(file.path).suffix]
        reason = refusal_of_path(file.path, package.folders)
        text = None if reason else decode(file.content)
        if text is not None:
            text = strip_legal_header(text, language)
            reason = refusal(text, language)
            if reason is None and any(benchmark.touches(text) for benchmark in contamination):
                reason = "quotes a benchmark"
            reason = reason or index.seen(text)
        elif reason is None:
            reason = "not UTF-8"
        if reason or text is None:
            dropped[reason or ""] += 1
            continue
        yield Document(text, language, package.name, file.path)


def _manifest(
    licences: dict[Package, str], documents: dict[Split, list[Document]], dropped: Counter[str], seed: int
) -> dict[str, object]:
    of_package: dict[str, list[Document]] = defaultdict(list)
    languages: dict[Split, Counter[str]] = {split: Counter() for split in documents}
    for split, found in documents.items():
        for document in found:
            of_package[document.package].append(document)
            languages[split][document.language] += document.num_bytes
    return {
        "seed": seed,
        "packages": [
            {
                "name": package.name,
                "version": package.version,
                "licence": package.licence,
                "declared_licence": licences[package],
                "registry": package.registry,
                "split": package.split,
                "files": len(of_package[package.name]),
                "bytes": sum(document.num_bytes for document in of_package[package.name]),
            }
            for package in sorted(licences, key=lambda package: (package.registry, package.name))
        ],
        "totals": {
            split: {"files": len(found), "bytes": languages[split].total(), "bytes_by_language": dict(languages[split])}
            for split, found in documents.items()
        },
        "dropped": dict((+dropped).most_common()),
    }


def _megabytes(documents: list[Document]) -> float:
    return sum(document.num_bytes for document in documents) / 1e6
