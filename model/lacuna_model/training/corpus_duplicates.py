"""Duplicates and benchmark contamination: which texts have, in essence, been seen before."""

import hashlib
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

from datasketch import MinHash, MinHashLSH

from lacuna_model.evaluation.rows import read_rows

_NUM_PERMUTATIONS = 64
_SIMILARITY = 0.7
_MIN_LINE_CHARACTERS = 8
_MIN_TRIGRAM_CHARACTERS = 50
_SPACE = re.compile(r"\s+")


class DuplicateIndex:
    """Remembers texts and recognises copies of them, exact or near.

    Exact means equal but for white space. Near means that the sets of lines have a Jaccard similarity of about 0.7 or
    more, estimated by MinHash (Broder, 1997) with locality-sensitive hashing to find the candidates.
    """

    def __init__(self) -> None:
        """Starts empty."""
        self._digests: set[bytes] = set()
        self._near = MinHashLSH(threshold=_SIMILARITY, num_perm=_NUM_PERMUTATIONS)
        self._blank = MinHash(num_perm=_NUM_PERMUTATIONS, hashfunc=zlib.crc32)

    def seen(self, text: str) -> str | None:
        """Remembers a text; says so if it is an "exact duplicate" or a "near duplicate" of an earlier one."""
        digest = hashlib.blake2b(_SPACE.sub(" ", text).strip().encode(), digest_size=16).digest()
        if digest in self._digests:
            return "exact duplicate"
        self._digests.add(digest)
        lines = {line for line in map(str.strip, text.splitlines()) if len(line) >= _MIN_LINE_CHARACTERS}
        if lines:
            sketch = self._blank.copy()
            sketch.update_batch([line.encode() for line in lines])
            if self._near.query(sketch):
                return "near duplicate"
            self._near.insert(digest, sketch, check_duplication=False)
        return None


class Contamination:
    """Recognises texts that quote a benchmark.

    Of a problem's prompt, solution and suffix, every annotated signature and every three consecutive lines (blank lines
    and indentation aside, at least 50 characters together) are looked for; one of them in a text is contamination.
    """

    def __init__(self, problems: Iterator[str]) -> None:
        """Indexes the complete texts of the problems."""
        self._fingerprints: set[int] = set()
        for problem in problems:
            self._fingerprints.update(hash(part) for part in (*_trigrams(problem), *_signatures(problem)))

    @classmethod
    def load(cls, path: Path) -> "Contamination":
        """Reads problems from JSON lines, gzipped or not, with `prompt`, `canonical_solution` and perhaps `suffix`.

        Raises:
            InputError: if the file cannot be read as such.
        """
        rows = read_rows(path, ("prompt", "canonical_solution"))
        texts = {row["prompt"] + row["canonical_solution"] + row.get("suffix", "") for row in rows}
        return cls(iter(sorted(texts)))

    def touches(self, text: str) -> bool:
        """Whether the text quotes a problem."""
        return any(hash(part) in self._fingerprints for part in (*_trigrams(text), *_signatures(text)))


def _lines(text: str) -> list[str]:
    return [line for line in (_SPACE.sub(" ", line).strip() for line in text.splitlines()) if line]


def _trigrams(text: str) -> Iterator[str]:
    lines = _lines(text)
    for three in zip(lines, lines[1:], lines[2:], strict=False):
        joined = "\n".join(three)
        if len(joined) >= _MIN_TRIGRAM_CHARACTERS:
            yield joined


def _signatures(text: str) -> Iterator[str]:
    """Annotated signatures only: `def add(x, y):` is anyone's."""
    return (line for line in _lines(text) if line.startswith("def ") and "->" in line and "self" not in line)
