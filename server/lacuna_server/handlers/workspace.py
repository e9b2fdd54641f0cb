"""`workspace/didChangeWorkspaceFolders` and `didChangeWatchedFiles`."""

from lsprotocol import types

from lacuna_server.documents import path_of
from lacuna_server.session import Session


def did_change_folders(session: Session, params: types.DidChangeWorkspaceFoldersParams) -> None:
    """Adds and removes folders, and fetches the settings of those that there are now."""
    for folder in params.event.removed:
        session.folders.pop(folder.uri, None)
    session.folders |= {folder.uri: path_of(folder.uri) for folder in params.event.added}
    session.keep(session.fetch_settings())


def did_change_watched_files(session: Session, params: types.DidChangeWatchedFilesParams) -> None:
    """Reads ignore files again; no others are watched."""
    session.ignore.reload()
