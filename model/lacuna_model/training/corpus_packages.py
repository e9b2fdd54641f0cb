"""Which packages make up the corpus, and whether their licences allow it."""

import re
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path
from typing import Literal

from lacuna_model.errors import ConfigError

Registry = Literal["python", "npm"]
Split = Literal["train", "valid"]

_REGISTRIES: tuple[Registry, ...] = ("python", "npm")
_SPLITS: tuple[Split, ...] = ("train", "valid")

PERMISSIVE_LICENCES = frozenset(
    {"MIT", "MIT-0", "BSD", "BSD-2-Clause", "BSD-3-Clause", "0BSD", "Apache-2.0", "ISC", "PSF-2.0", "Python-2.0"}
    | {"Unlicense"}
)
"""SPDX identifiers that a package may carry; "BSD" is for older metadata that leaves the number of clauses open."""

_FREE_TEXT_LICENCES = (
    (
        re.compile(r"\b(A?GPL|LGPL|GNU|MPL|Mozilla|EUPL|EPL|CDDL|Artistic|SSPL|Proprietary)", re.I),
        "copyleft or proprietary",
    ),
    (re.compile(r"\bApache\b.*\b2|\bApache(?: Software)? License\b|^Apache$", re.I), "Apache-2.0"),
    (re.compile(r"\b0BSD\b", re.I), "0BSD"),
    (re.compile(r"\bBSD\b|Redistribution and use in source and binary forms", re.I), "BSD"),
    (re.compile(r"\bMIT\b|Permission is hereby granted, free of charge", re.I), "MIT"),
    (re.compile(r"\bISC\b", re.I), "ISC"),
    (re.compile(r"\bPython Software Foundation\b|\bPSF\b", re.I), "PSF-2.0"),
    (re.compile(r"\bUnlicense\b", re.I), "Unlicense"),
)


@dataclass(frozen=True)
class Package:
    """One pinned package.

    Attributes:
        folders: paths inside the package that hold its source; empty means all of it.
    """

    name: str
    version: str
    licence: str
    registry: Registry
    split: Split
    folders: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuses a licence that is not permissive.

        Raises:
            ConfigError: if the expected licence is not one of `PERMISSIVE_LICENCES`.
        """
        if self.licence not in PERMISSIVE_LICENCES:
            raise ConfigError(f"package {self.name}: licence {self.licence!r} is not on the permissive list")

    @property
    def key(self) -> str:
        """Name of the package's folder among the archives: no slashes, unique within a registry."""
        return f"{self.name.replace('/', '__')}-{self.version}"


def read_packages(path: Path) -> list[Package]:
    """Reads the pinned list, in the order of the file.

    Raises:
        ConfigError: if the file cannot be read, is not TOML, or an entry is malformed or there twice.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
        packages = [
            Package(name, entry["version"], entry["licence"], registry, split, tuple(entry.get("folders", ())))
            for registry in _REGISTRIES
            for split in _SPLITS
            for name, entry in tables.get(registry, {}).get(split, {}).items()
        ]
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise ConfigError(f"{path}: not a valid package list: {error!r}") from error
    if twice := [name for name, count in Counter(package.name for package in packages).items() if count > 1]:
        raise ConfigError(f"{path}: listed twice: {', '.join(twice)}")
    return packages


def declared_licence_of_wheel(metadata: str) -> str:
    """The licence that a wheel's METADATA or an sdist's PKG-INFO declares.

    Returns:
        A License-Expression as it stands, else the licence classifiers joined by " OR " (dual licensing is how they are
        used), else the free-text field reduced to an SPDX identifier; "" if nothing is declared.
    """
    headers = HeaderParser().parsestr(metadata)
    if expression := headers.get("License-Expression"):
        return str(expression).strip()
    classifiers = [
        str(value).rpartition("::")[2].strip()
        for value in headers.get_all("Classifier", [])
        if str(value).startswith("License ::")
    ]
    named = [_spdx_of_free_text(value) for value in classifiers if value != "OSI Approved"]
    return " OR ".join(dict.fromkeys(named)) or _spdx_of_free_text(str(headers.get("License", "")))


def declared_licence_of_npm(manifest: Mapping[str, object]) -> str:
    """The licence that a package.json declares, in its present or its older forms; "" if nothing is declared."""
    declared = manifest.get("license") or manifest.get("licenses") or ""
    if isinstance(declared, Sequence) and not isinstance(declared, str):
        return " OR ".join(declared_licence_of_npm({"license": item}) for item in declared)
    if isinstance(declared, Mapping):
        declared = declared.get("type", "")
    return str(declared).strip()


def is_permissive(expression: str) -> bool:
    """Whether an SPDX expression lets us use the text under `PERMISSIVE_LICENCES` alone.

    Parentheses are dropped and OR binds tighter than AND, which can only refuse more than the exact reading would.
    """
    clauses = re.split(r"\s+AND\s+", re.sub(r"[()]", " ", expression).strip())
    return all(any(name.strip() in PERMISSIVE_LICENCES for name in re.split(r"\s+OR\s+", clause)) for clause in clauses)


def _spdx_of_free_text(text: str) -> str:
    return next((name for pattern, name in _FREE_TEXT_LICENCES if pattern.search(text[:2000])), text.strip()[:80])
