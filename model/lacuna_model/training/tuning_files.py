"""A user's own files as material: which are worth learning from, and which are kept back to measure on."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lacuna_model.errors import InputError
from lacuna_model.evaluation.documents import LANGUAGE_OF_SUFFIX, Document
from lacuna_model.training.corpus_duplicates import DuplicateIndex
from lacuna_model.training.corpus_filters import decode, refusal

MIN_FILES = 8
MAX_BYTES = 1_000_000
"""Of a file; larger ones are not even read."""

SHARE_HELD_OUT = 0.15


@dataclass(frozen=True, slots=True)
class Split:
    """Whole files on one side or the other; none of `training` is nearly one of `held_out`."""

    training: list[Document]
    held_out: list[Document]


def collect(root: Path, files: Iterable[Path]) -> list[Document]:
    """Reads those of some files that are source of a known language and pass the filters of the training corpus."""
    return list(_read(root, files))


def split(documents: Sequence[Document]) -> Split:
    """Holds out the files whose paths have the least hashes, so that the same files give the same two sides.

    Of near duplicates only one is kept, a held-out one if there is any.

    Raises:
        InputError: there are too few files.
    """
    ordered = sorted(documents, key=lambda document: hashlib.blake2b(document.path.encode()).digest())
    index = DuplicateIndex()
    different = [document for document in ordered if index.seen(document.text) is None]
    if len(different) < MIN_FILES:
        raise InputError(
            f"Of the source files {len(different)} can be learned from (not ignored, not generated, not copies of each "
            f"other); name a directory with at least {MIN_FILES}."
        )
    num_held_out = max(2, round(SHARE_HELD_OUT * len(different)))
    return Split(different[num_held_out:], different[:num_held_out])


def _read(root: Path, files: Iterable[Path]) -> Iterator[Document]:
    for file in sorted(files):
        language = LANGUAGE_OF_SUFFIX.get(file.suffix)
        try:
            if language is None or not file.is_file() or file.stat().st_size > MAX_BYTES:
                continue
            text = decode(file.read_bytes())
        except OSError:
            continue  # one unreadable file of a directory is no reason to stop
        if text is not None and refusal(text, language) is None:
            yield Document(text, language, root.name, file.relative_to(root).as_posix())
