"""Stubs of what a document imports from its workspace."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from lacuna_server.languages import language_of
from lacuna_server.neighbours.document import Document, Neighbour
from lacuna_server.neighbours.modules import EVERYTHING, Module, read_imports, read_module
from lacuna_server.neighbours.resolution import files_of

Read = Callable[[str], str | None]
"""Gives the text of a file by its path, None where there is none or where it must not be seen."""

ROOTS = ("", "src")
"""Folders of a workspace that absolute imports start from."""

_MAX_LOOKS = 400
"""Paths that are looked up for one document, most of them of installed packages and in vain."""


def imported_definitions(
    document: Document, *, read: Read, budget: int, roots: Sequence[str] = ROOTS
) -> tuple[Neighbour, ...]:
    """Stubs of imported names, by file, in the order of the imports: they change only when imports do.

    Names that are re-exported are followed to where they are defined.

    Args:
        document: that imports.
        read: a file of the workspace.
        budget: most characters of all stubs.
        roots: folders that absolute imports start from.
    """
    workspace = _Workspace(read, roots)
    stubs: dict[str, dict[str, str]] = {}
    left = budget
    for path, name, stub in workspace.definitions(document):
        known = stubs.get(path, {})
        if path != document.path and name not in known and len(stub) < left:
            stubs.setdefault(path, known)[name] = stub
            left -= len(stub) + 1
    return tuple(Neighbour(path, "\n".join(found.values()) + "\n") for path, found in stubs.items())


@dataclass(frozen=True, slots=True)
class _Workspace:
    """Files as they are during one search, each read once.

    Attributes:
        read: a file of the workspace.
        roots: folders that absolute imports start from.
        texts: what was read, by path.
    """

    read: Read
    roots: Sequence[str]
    texts: dict[str, str | None] = field(default_factory=dict)

    def definitions(self, document: Document) -> Iterator[tuple[str, str, str]]:
        """Path, name and stub of what a document imports."""
        for each in read_imports(document):
            if each.name is None:
                names = _attributes(document.text, each.local)
            elif each.name == EVERYTHING:
                names = [EVERYTHING]
            else:
                names = [each.name]
            for name in names:
                yield from self._find(each.module, name, document.path, document, set())

    def _find(
        self, name_of_module: str, name: str, path: str, document: Document, seen: set[tuple[str, str]]
    ) -> Iterator[tuple[str, str, str]]:
        """Looks for a name in a module and in those it takes the name from; in none twice."""
        located = self._locate(name_of_module, path, document.language)
        if located is None or (located[0], name) in seen:
            return
        where, module = located
        seen.add((where, name))
        wanted = _words(document.text) if name == EVERYTHING else {name}
        found = [each for each in module.definitions if each in wanted]
        yield from ((where, each, module.definitions[each]) for each in found)
        if found and name != EVERYTHING:
            return
        for each in module.imports:
            if each.name == EVERYTHING:
                yield from self._find(each.module, name, where, document, seen)
            elif each.local == name and each.name is not None:
                yield from self._find(each.module, each.name, where, document, seen)
        if document.language == "python" and name != EVERYTHING:
            for attribute in _attributes(document.text, name):  # the name is that of a module in this package
                yield from self._find(_join(name_of_module, name), attribute, path, document, seen)

    def _locate(self, module: str, path: str, language: str) -> tuple[str, Module] | None:
        for candidate in files_of(module, path, language, self.roots):
            if (text := self._text(candidate)) is not None:
                return candidate, read_module(Document(candidate, candidate, language_of(candidate), text))
        return None

    def _text(self, path: str) -> str | None:
        if path not in self.texts and len(self.texts) < _MAX_LOOKS:
            self.texts[path] = self.read(path)
        return self.texts.get(path)


def _join(module: str, name: str) -> str:
    return module + name if module.endswith(".") else f"{module}.{name}"


def _attributes(text: str, local: str) -> list[str]:
    """Names that are looked up in something, in the order of their first use."""
    return list(dict.fromkeys(re.findall(rf"(?<![\w.]){re.escape(local)}\s*\.\s*([^\W\d]\w*)", text)))


def _words(text: str) -> set[str]:
    return set(re.findall(r"[^\W\d]\w*", text))
