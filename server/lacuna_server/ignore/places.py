"""What a URI names: a file of this machine, or something that has a path all the same."""

from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from lacuna_server.documents import path_of


def place_of(uri: str) -> Path:
    """The path of a URI of any scheme; absolute if it is one of this machine.

    Cells of notebooks and old versions of files name a file of this machine under a scheme of their own. What has a
    host lies elsewhere, and what has no path that starts at a root lies nowhere.
    """
    if (path := path_of(uri)) is not None:
        return path
    try:
        parts = urlsplit(uri)
    except ValueError:  # what no URI can look like
        return Path()
    if not parts.netloc and parts.path.startswith("/"):
        file = path_of(urlunsplit(("file", "", parts.path, "", "")))
        if file is not None:
            return file
    return Path(unquote(parts.path).lstrip("/"))
