"""Which format a document gives to a place in it, by the JSON Schema that it names or that the settings map it to."""

import json
from pathlib import Path
from typing import Any

from lacuna_server.documents import OpenDocument
from lacuna_server.formats.files import local_path
from lacuna_server.formats.places import Place, place_at
from lacuna_server.formats.subschemas import is_of_objects, subschema_at
from lacuna_server.ignore.patterns import Patterns
from lacuna_server.languages import is_yaml
from lacuna_server.mirror import Window
from lacuna_server.session import Session

MAX_CHARACTERS = 300_000
"""Of a document that is looked at."""

MAX_SCHEMA_CHARACTERS = 20_000
"""Of what a schema says about a value; for more of it an engine would take longer than anybody waits for a value."""


def format_at(
    session: Session, document: OpenDocument, window: Window, gap: tuple[int, int], *, is_asked: bool = False
) -> dict[str, Any] | None:
    """The constraint on what belongs into a gap; None where nothing says it.

    A schema that the document names by a path prevails over the settings. Files that are to be left alone are not read.

    Args:
        session: with the settings.
        document: with the gap.
        window: the part of it that is looked at.
        gap: offsets in the window, (start, end).
        is_asked: somebody asks for a value. Otherwise none is said of objects in YAML, which people write in several
            lines.
    """
    notation = _notation_of(document)
    if notation is None or window.first_line > 0 or len(window.text) > MAX_CHARACTERS:
        return None
    mapped = _mapped_schema(session, document)
    if mapped is None and "$schema" not in window.text:
        return None
    place = _yaml_place_at(window.text, *gap) if notation == "yaml" else place_at(window.text, *gap)
    if place is None:
        return None
    path = _named_schema(document, place.reference) or mapped
    if path is None or session.ignore.reason(path) is not None:
        return None
    schema = subschema_at(session.schemas.read(path), place.steps)
    if schema is None or len(json.dumps(schema)) > MAX_SCHEMA_CHARACTERS:
        return None
    if not place.is_flow and not is_asked and is_of_objects(schema):
        return None
    return {"schema": schema, "notation": notation, "before": place.before, "after": place.after}


def _notation_of(document: OpenDocument) -> str | None:
    """How values are written in a document; None where none of the known ways is."""
    if document.language == "json":
        return "json"
    return "yaml" if is_yaml(document.name, document.language_id) else None


def _yaml_place_at(text: str, start: int, end: int) -> Place | None:
    from lacuna_server.formats.yaml_places import yaml_place_at  # with a parser that nobody's start-up waits for

    return yaml_place_at(text, start, end)


def _named_schema(document: OpenDocument, reference: str) -> Path | None:
    path = document.path
    return None if path is None or not reference else local_path(reference, path.parent)


def _mapped_schema(session: Session, document: OpenDocument) -> Path | None:
    """The schema of the first pattern in the settings that a document's place in its workspace folder matches."""
    path, folder = document.path, session.folder_of(document)
    if path is None or folder is None:
        return None
    parts = path.relative_to(folder).parts
    for pattern, schema in session.settings_of(document).schemas.items():
        if Patterns([pattern]).exclude(parts):
            return local_path(schema, folder)
    return None
