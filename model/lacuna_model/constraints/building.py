"""Makes token automata from regular expressions, in a process that can be stopped, and keeps them on disk."""

import hashlib
import json
import logging
import re
import subprocess
import sys
import tempfile
import warnings
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from threading import Lock
from typing import Any
from zipfile import BadZipFile

import numpy as np
import platformdirs

from lacuna_model.constraints.automaton import TokenAutomaton
from lacuna_model.errors import ConstraintError

log = logging.getLogger(__name__)

FORMAT = "3"
"""Of the kept files; a change makes the old ones unknown."""

MAX_KEPT_BYTES = 256 << 20
MAX_IN_MEMORY = 32
MAX_CPU_SECONDS = 20
MAX_SECONDS = 60.0
"""On the clock, for a machine that has other things to do, or keeps no account of processor time."""

TOO_LARGE = 3
NOT_A_REGEX = 4
"""Exit codes of the process that builds."""


class AutomatonBuilder:
    """Gives the automata of one vocabulary; each is built once, and kept in memory and on disk."""

    def __init__(self, vocabulary: Sequence[bytes], directory: Path | None = None) -> None:
        """Makes a builder.

        Args:
            vocabulary: bytes of every token; none for a token that stands for no text.
            directory: where automata are kept; None: in the user's cache directory.
        """
        self._vocabulary = json.dumps([token.hex() for token in vocabulary])
        self._digest = hashlib.sha256(f"{FORMAT}\n{self._vocabulary}".encode())
        self._directory = directory or platformdirs.user_cache_path("lacuna", appauthor=False) / "automata"
        self._known: OrderedDict[str, TokenAutomaton | ConstraintError] = OrderedDict()
        self._lock = Lock()

    def build(self, pattern: str) -> TokenAutomaton:
        """The automaton of a regular expression, which a whole text has to match. Any thread may ask.

        Args:
            pattern: in the dialect of Rust's regex-automata: neither look-around nor back-references.

        Raises:
            ConstraintError: the expression is wrong, matches nothing, is too large or takes too long.
        """
        with self._lock:
            known = self._known.get(pattern)
        if known is None:
            path = self._path(pattern)
            try:
                known = _load(path) or self._make(pattern, path)
            except ConstraintError as error:
                known = error  # it would take as long to fail again
        with self._lock:
            self._known[pattern] = known
            self._known.move_to_end(pattern)
            if len(self._known) > MAX_IN_MEMORY:
                self._known.popitem(last=False)
        if isinstance(known, ConstraintError):
            raise ConstraintError(str(known))
        return known

    def _path(self, pattern: str) -> Path:
        digest = self._digest.copy()
        digest.update(pattern.encode("utf-8", "surrogatepass"))
        return self._directory / f"{digest.hexdigest()}.npz"

    def _make(self, pattern: str, path: Path) -> TokenAutomaton:
        with tempfile.TemporaryDirectory() as folder:
            made = Path(folder) / "automaton.npz"
            order = json.dumps({"pattern": pattern, "vocabulary": self._vocabulary, "path": str(made)})
            command = [sys.executable, "-m", "lacuna_model.constraints.build_process"]
            try:
                done = subprocess.run(
                    command, input=order.encode(), capture_output=True, timeout=MAX_SECONDS, check=False
                )
            except subprocess.TimeoutExpired as error:
                raise ConstraintError(_too_large(pattern)) from error
            if done.returncode == NOT_A_REGEX:
                raise ConstraintError(_what_is_wrong(pattern))
            automaton = _load(made) if done.returncode == 0 else None
            if automaton is None:
                log.debug("Building ended with %d: %s", done.returncode, done.stderr.decode(errors="replace"))
                raise ConstraintError(_too_large(pattern))
            self._keep(made, path)
        if not automaton.accepting.any():
            raise ConstraintError(f"No text matches the regular expression {_shown(pattern)}.")
        return automaton

    def _keep(self, made: Path, path: Path) -> None:
        """Puts a file among the kept ones; where that cannot be done, it is built again next time."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as copy:
                copy.write(made.read_bytes())
            Path(copy.name).replace(path)
            _forget_oldest(path.parent)
        except OSError as error:
            log.info("A format's automaton cannot be kept: %s", error)


def save(automaton: TokenAutomaton, path: Path) -> None:
    """Writes an automaton as a file of plain arrays."""
    arrays: dict[str, Any] = {field.name: getattr(automaton, field.name) for field in fields(automaton)}
    np.savez_compressed(path, allow_pickle=False, **arrays)


def _load(path: Path) -> TokenAutomaton | None:
    """Reads what `save` has written; None if there is nothing that can be used."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            read = {field.name: arrays[field.name] for field in fields(TokenAutomaton)}
    except (OSError, KeyError, ValueError, EOFError, BadZipFile):
        return None
    with suppress(OSError):
        path.touch()  # used just now
    return TokenAutomaton(**{**read, "start": int(read["start"])})


def _forget_oldest(directory: Path) -> None:
    files = sorted(((file.stat(), file) for file in directory.glob("*.npz")), key=lambda entry: entry[0].st_mtime)
    surplus = sum(stat.st_size for stat, _ in files) - MAX_KEPT_BYTES
    for stat, file in files:
        if surplus <= 0:
            return
        file.unlink(missing_ok=True)
        surplus -= stat.st_size


def _shown(pattern: str) -> str:
    return pattern if len(pattern) <= 80 else f"{pattern[:80]}…"


def _too_large(pattern: str) -> str:
    return f"The format is too large to prepare: {_shown(pattern)}. Use smaller repetitions and fewer alternatives."


def _what_is_wrong(pattern: str) -> str:
    """Why a pattern is no regular expression: Python's parser says where, that of the automaton does not."""
    try:
        with warnings.catch_warnings(action="ignore"):  # of what Python may once read otherwise
            re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        return f"{_shown(pattern)} is not a regular expression: {error}."
    return (
        f"The regular expression {_shown(pattern)} cannot be used: it matches nothing, or has look-around, "
        "back-references, word boundaries or inner anchors, which are not supported."
    )
