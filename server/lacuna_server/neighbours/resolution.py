"""Where in the workspace an imported module may lie."""

from collections.abc import Iterator, Sequence
from posixpath import dirname, join, normpath

from lacuna_server.languages import LANGUAGES

_PYTHON = (".py", ".pyi", "/__init__.py", "/__init__.pyi")
_EXTENSIONS = (".ts", ".tsx", ".d.ts", ".js", ".jsx", ".mjs", ".cjs", ".mts", ".cts")
_SCRIPT = (*_EXTENSIONS, *(f"/index{extension}" for extension in _EXTENSIONS))
_COMPILED = {".js": (".ts", ".tsx"), ".jsx": (".tsx",), ".mjs": (".mts",), ".cjs": (".cts",)}
"""What an import of a compiled file means in a workspace that holds its source alone."""


def files_of(module: str, path: str, language: str, roots: Sequence[str]) -> Iterator[str]:
    """Paths of files that a module may be, likeliest first; none outside of the workspace.

    Args:
        module: as an import names it.
        path: of the file that imports it.
        language: of that file.
        roots: folders that absolute imports start from.
    """
    resolve = _python_files if language == "python" else _script_files
    for found in map(normpath, resolve(module, path, roots)):
        if not found.startswith(".."):
            yield found


def _python_files(module: str, path: str, roots: Sequence[str]) -> Iterator[str]:
    name = module.lstrip(".")
    num_dots = len(module) - len(name)
    folders = [join(dirname(path), *[".."] * (num_dots - 1))] if num_dots else roots
    for folder in folders:
        base = join(folder, *name.split(".")) if name else folder
        for ending in _PYTHON if name else _PYTHON[2:]:
            yield base + ending


def _script_files(module: str, path: str, roots: Sequence[str]) -> Iterator[str]:
    """Relative imports alone: others name installed packages."""
    if not module.startswith("."):
        return
    base = join(dirname(path), module)
    stem, dot, extension = base.rpartition(".")
    if dot + extension in LANGUAGES["javascript"] + LANGUAGES["typescript"]:
        yield base
        for source in _COMPILED.get(dot + extension, ()):
            yield stem + source
    for ending in _SCRIPT:
        yield base + ending
