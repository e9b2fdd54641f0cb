"""How much of each kind of document the corpus may hold."""

import hashlib
from collections import Counter
from collections.abc import Callable
from itertools import accumulate

from lacuna_model.evaluation.documents import Document
from lacuna_model.training.corpus_filters import is_test

_MAX_BYTES = 190_000_000
_MAX_SHARE_OF_PACKAGE = 0.025
_MAX_SHARE_OF_LANGUAGE = {"json": 0.04, "python": 0.72}
_MAX_SHARE_OF_TESTS = 0.25


def within_shares(documents: list[Document], seed: int, dropped: Counter[str]) -> list[Document]:
    """Trims tests, packages and languages to their shares of the bytes, choosing files by a seeded draw."""
    python, others = _partition(documents, lambda document: document.language == "python")
    documents = [
        *_limit(python, lambda document: is_test(document.path), _MAX_SHARE_OF_TESTS, seed, "tests", dropped),
        *_limit(others, lambda document: is_test(document.path), _MAX_SHARE_OF_TESTS, seed, "tests", dropped),
    ]
    for _ in range(2):  # a trimmed package makes the total smaller, and so the shares of the others larger
        for package in sorted({document.package for document in documents}):
            documents = _limit(
                documents,
                lambda document, package=package: document.package == package,  # type: ignore[misc]
                _MAX_SHARE_OF_PACKAGE,
                seed,
                "package too large",
                dropped,
            )
    for language, share in _MAX_SHARE_OF_LANGUAGE.items():
        documents = _limit(
            documents,
            lambda document, language=language: document.language == language,  # type: ignore[misc]
            share,
            seed,
            language,
            dropped,
        )
    return _first_bytes(documents, seed, dropped)


def _first_bytes(documents: list[Document], seed: int, dropped: Counter[str]) -> list[Document]:
    """Keeps as many documents as fit into `_MAX_BYTES`; a seeded draw decides, which leaves the shares as they are."""
    documents = sorted(documents, key=lambda document: draw(document, seed))
    ends = accumulate(document.num_bytes for document in documents)
    kept = [document for document, end in zip(documents, ends, strict=True) if end <= _MAX_BYTES]
    dropped["over the size of the corpus"] += len(documents) - len(kept)
    return kept


def _limit(
    documents: list[Document],
    is_limited: Callable[[Document], bool],
    share: float,
    seed: int,
    name: str,
    dropped: Counter[str],
) -> list[Document]:
    """Keeps as many of the limited documents as make up at most `share` of all the bytes that are left."""
    limited, free = _partition(documents, is_limited)
    allowance = sum(document.num_bytes for document in free) * share / (1 - share)
    if not free or sum(document.num_bytes for document in limited) <= allowance:
        return documents
    kept = []
    for document in sorted(limited, key=lambda document: draw(document, seed)):
        allowance -= document.num_bytes
        if allowance < 0:
            break
        kept.append(document)
    dropped[f"over its share: {name}"] += len(limited) - len(kept)
    return free + kept


def _partition(
    documents: list[Document], predicate: Callable[[Document], bool]
) -> tuple[list[Document], list[Document]]:
    chosen: list[Document] = []
    rest: list[Document] = []
    for document in documents:
        (chosen if predicate(document) else rest).append(document)
    return chosen, rest


def draw(document: Document, seed: int) -> bytes:
    """A pseudo-random rank that depends on nothing but the document's name and the seed."""
    return hashlib.blake2b(f"{seed}\n{document.package}\n{document.path}".encode(), digest_size=8).digest()
