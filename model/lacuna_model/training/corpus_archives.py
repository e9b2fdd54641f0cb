"""Fetches packages with the registries' own clients and reads their archives without unpacking or running anything.

The archive of a package lies alone in `ROOT/REGISTRY/KEY/`; a package whose folder exists is never fetched again.
"""

import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from lacuna_model.training.corpus_packages import Package, declared_licence_of_npm, declared_licence_of_wheel

_PYTHON_OF_WHEELS = "3.13"
_FETCH_TIMEOUT_S = 600
_MAX_MEMBER_BYTES = 1_000_000


class ArchiveError(Exception):
    """A package could not be fetched or read; the corpus is built without it."""


@dataclass(frozen=True)
class SourceFile:
    """A file of a package: its path inside the package and its raw content."""

    path: str
    content: bytes


def fetch(package: Package, root: Path) -> Path:
    """Returns the package's archive, downloading it first if it is not there yet.

    Python packages are taken as wheels, which hold the same sources as an sdist and need no build step to read.

    Raises:
        ArchiveError: if the client fails or takes more than ten minutes, or the folder does not hold one file.
    """
    folder = root / package.registry / package.key
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".fetching-") as scratch:
            _download(package, Path(scratch) / "archive")
            (Path(scratch) / "archive").rename(folder)
    archives = list(folder.iterdir())
    if len(archives) != 1:
        raise ArchiveError(f"{package.name} {package.version}: {len(archives)} files lie where its archive belongs")
    return archives[0]


def fetch_all(packages: list[Package], root: Path, jobs: int) -> Iterator[tuple[Package, Path | ArchiveError]]:
    """Fetches several packages at a time; yields each with its archive or the reason why there is none, in order."""

    def attempt(package: Package) -> Path | ArchiveError:
        try:
            return fetch(package, root)
        except ArchiveError as error:
            return error

    with ThreadPoolExecutor(jobs) as pool:
        yield from zip(packages, pool.map(attempt, packages), strict=True)


def read_archive(archive: Path, suffixes: tuple[str, ...]) -> Iterator[SourceFile]:
    """Yields the files with one of the suffixes in a wheel, zip or tarball, ordered by path; at most 1 MB each.

    The single top folder of a tarball ("package/" in npm's) is left out of the paths.

    Raises:
        ArchiveError: if the archive is damaged.
    """
    try:
        if archive.suffix in {".whl", ".zip"}:
            with zipfile.ZipFile(archive) as zipped:
                for name in sorted(zipped.namelist()):
                    if name.endswith(suffixes) and zipped.getinfo(name).file_size <= _MAX_MEMBER_BYTES:
                        yield SourceFile(name, zipped.read(name))
            return
        with tarfile.open(archive) as tarball:
            files = [
                SourceFile(path, stream.read())
                for member in tarball  # in the order of the stream: seeking back would inflate it again from its start
                if (path := member.name.removeprefix("./").partition("/")[2]).endswith(suffixes)
                and member.size <= _MAX_MEMBER_BYTES
                and (stream := tarball.extractfile(member)) is not None
            ]
        yield from sorted(files, key=lambda file: file.path)
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, OSError) as error:
        raise ArchiveError(f"{archive.name}: damaged archive: {error}") from error


def declared_licence(package: Package, archive: Path) -> str:
    """The licence in the package's own metadata; "" if it declares none.

    Raises:
        ArchiveError: if the archive is damaged or has no metadata.
    """
    if package.registry == "npm":
        for file in read_archive(archive, ("package.json",)):
            if file.path == "package.json":
                try:
                    return declared_licence_of_npm(json.loads(file.content))
                except (ValueError, AttributeError) as error:
                    raise ArchiveError(f"{archive.name}: malformed package.json: {error}") from error
    else:
        for file in read_archive(archive, (".dist-info/METADATA", "PKG-INFO")):
            if file.path.count("/") <= 1:
                return declared_licence_of_wheel(file.content.decode("utf-8", "replace"))
    raise ArchiveError(f"{archive.name}: no package metadata")


def _download(package: Package, folder: Path) -> None:
    folder.mkdir()
    if package.registry == "npm":
        npm = shutil.which("npm")
        if npm is None:
            raise ArchiveError("npm is not installed")
        command = [
            npm,
            "pack",
            "--silent",
            "--ignore-scripts",
            "--pack-destination",
            str(folder),
            f"{package.name}@{package.version}",
        ]
    else:
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
            "--only-binary",
            ":all:",
            "--python-version",
            _PYTHON_OF_WHEELS,
            "--dest",
            str(folder),
            f"{package.name}=={package.version}",
        ]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=_FETCH_TIMEOUT_S, cwd=folder)
    except subprocess.CalledProcessError as error:
        last_line = (error.stderr.strip() or error.stdout.strip() or "no message").splitlines()[-1]
        raise ArchiveError(f"{package.name} {package.version}: {last_line}") from error
    except subprocess.TimeoutExpired as error:
        raise ArchiveError(f"{package.name} {package.version}: no answer in {_FETCH_TIMEOUT_S} s") from error
