"""Schemas on the disk."""

import json
import logging
import re
from collections import OrderedDict
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

from lacuna_server.documents import path_of

MAX_BYTES = 1 << 20
"""Of a schema that is read."""

MAX_KNOWN = 32
"""Schemas that are remembered."""

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
_HOST = re.compile("file://[^/]", re.IGNORECASE)

logger = logging.getLogger(__name__)


def local_path(reference: str, folder: Path) -> Path | None:
    """The file of this machine that a reference names; None for anything else.

    Args:
        reference: a path, absolute or not, or a URI.
        folder: which relative paths start from.
    """
    name = reference.partition("#")[0]
    if name.lower().startswith("file:"):
        file = None if _HOST.match(name) else path_of(name)
        name = "" if file is None else str(file)
    elif _SCHEME.match(name):
        return None
    else:
        name = unquote(name)
    is_shared = re.match(r"[/\\]{2}", name) is not None  # another machine's, to Windows
    return None if not name or is_shared or "\0" in name else folder / name


class _Known(NamedTuple):
    """A file as it was read: when it was changed, how large it was, and the schema in it."""

    changed: int
    size: int
    schema: Any


class SchemaFiles:
    """Reads schemas, each again only after it was changed."""

    def __init__(self) -> None:
        self._known: OrderedDict[Path, _Known] = OrderedDict()

    def read(self, path: Path) -> Any:
        """The JSON object in a file; None if there is none."""
        try:
            if not path.is_file():
                return None
            state = path.stat()
        except (OSError, ValueError):
            return None
        known = self._known.get(path)
        if known is None or (known.changed, known.size) != (state.st_mtime_ns, state.st_size):
            known = _Known(state.st_mtime_ns, state.st_size, _read(path, state.st_size))
        self._known[path] = known
        self._known.move_to_end(path)
        if len(self._known) > MAX_KNOWN:
            self._known.popitem(last=False)
        return known.schema


def _read(path: Path, size: int) -> Any:
    try:
        if size > MAX_BYTES:
            raise ValueError(f"it is larger than {MAX_BYTES} bytes")
        schema = json.loads(path.read_text(encoding="utf-8-sig"))
        if not isinstance(schema, dict):
            raise ValueError("it holds no object")
    except (OSError, ValueError, RecursionError) as error:
        logger.warning("The schema %s cannot be used: %s", path.name, type(error).__name__)
        return None
    return schema
