"""Makes the small held-out set that comes with Lacuna: `python -m lacuna_model.evaluation.shipped CORPUS`.

It is cut from the validation half of the training corpus, so none of its packages is trained on. The licences of the
packages ask that their text goes wherever the source goes: it is taken from the packages' own archives, and packages
that come without it are left out.
"""

import argparse
import gzip
import json
import re
import tarfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from lacuna_model.errors import InputError
from lacuna_model.evaluation.documents import SHIPPED
from lacuna_model.evaluation.rows import read_rows

NOTICE = SHIPPED.with_name("heldout.NOTICE.txt")
MAX_BYTES = 300_000

_FIELDS = ("text", "language", "package", "path")
_CHARACTERS = range(600, 8_000)
_LICENCE_FILE = re.compile(r"(?:^|/)(?:LICEN[CS]E|COPYING|NOTICE)[^/]*$", re.IGNORECASE)


def build(corpus: Path, target: Path = SHIPPED, notice: Path = NOTICE) -> int:
    """Writes the held-out set and its notice.

    Every package gives equally many files of moderate length, as far as it has them, and as many as fit into
    `MAX_BYTES` after compression.

    Args:
        corpus: directory with valid.jsonl.gz, manifest.json and archives/.
        target: where the rows go.
        notice: where the licences go.

    Returns:
        The number of files.

    Raises:
        InputError: the corpus cannot be read.
    """
    try:
        packages: list[dict[str, Any]] = json.loads((corpus / "manifest.json").read_text(encoding="utf-8"))["packages"]
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{corpus} holds no readable manifest.json: {error}") from error
    heldout = {package["name"]: package for package in packages if package["split"] == "valid"}
    licences = {name: _licence_texts(package, corpus / "archives") for name, package in heldout.items()}
    rows = [
        row
        for row in read_rows(corpus / "valid.jsonl.gz", _FIELDS)
        if len(row["text"]) in _CHARACTERS and licences[row["package"]]
    ]
    for row in rows:
        row["version"], row["licence"] = heldout[row["package"]]["version"], heldout[row["package"]]["licence"]
    chosen: list[dict[str, Any]] = []
    content = b""
    for num_per_package in range(1, len(rows) + 1):
        more = _first_of_each(rows, num_per_package)
        compressed = gzip.compress(b"".join(json.dumps(row).encode() + b"\n" for row in more), mtime=0)
        if len(compressed) > MAX_BYTES or len(more) == len(chosen):
            break
        chosen, content = more, compressed
    used = {row["package"] for row in chosen}
    sections = [_section(heldout[name], licences[name]) for name in heldout if name in used]
    target.write_bytes(content)
    notice.write_text(
        f"The source files in {target.name} come, unchanged but for licence headers at their beginning, from the\n"
        "packages below, under the licences reproduced here.\n" + "".join(sections),
        encoding="utf-8",
    )
    return len(chosen)


def main(arguments: Sequence[str] | None = None) -> None:
    """Builds the set from the command line."""
    parser = argparse.ArgumentParser(prog="python -m lacuna_model.evaluation.shipped", description=__doc__)
    parser.add_argument("corpus", type=Path)
    print(f"{build(parser.parse_args(arguments).corpus)} files")


def _first_of_each(rows: Sequence[dict[str, Any]], num_per_package: int) -> list[dict[str, Any]]:
    taken: dict[str, int] = {}
    chosen = []
    for row in rows:
        taken[row["package"]] = taken.get(row["package"], 0) + 1
        if taken[row["package"]] <= num_per_package:
            chosen.append(row)
    return chosen


def _section(package: dict[str, Any], licences: Sequence[str]) -> str:
    """A package's part of the notice."""
    title = f"{package['name']} {package['version']} ({package['licence']})"
    return f"\n{'=' * 100}\n{title}\n{'=' * 100}\n\n" + "\n\n".join(licences) + "\n"


def _licence_texts(package: dict[str, Any], archives: Path) -> list[str]:
    """The distinct licence files in a package's archives."""
    folder = archives / package["registry"] / f"{package['name'].replace('/', '__')}-{package['version']}"
    contents = (content for archive in sorted(folder.glob("*")) for content in _licence_files(archive))
    return list(dict.fromkeys(content.decode("utf-8", "replace").strip() for content in contents))


def _licence_files(archive: Path) -> Iterator[bytes]:
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as zipped:
            for name in zipped.namelist():
                if ".dist-info/" in name and _LICENCE_FILE.search(name):
                    yield zipped.read(name)
    else:
        with tarfile.open(archive) as tarball:
            for member in tarball.getmembers():
                stream = tarball.extractfile(member) if _LICENCE_FILE.search(member.name) else None
                if stream is not None and member.name.count("/") == 1:
                    yield stream.read()


if __name__ == "__main__":
    main()
