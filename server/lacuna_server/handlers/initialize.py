"""`initialize` and `initialized`: what the client wants; the engine is looked for once the reply is out."""

import asyncio

from lsprotocol import types

from lacuna_server.documents import path_of
from lacuna_server.parent import end_with, is_seen
from lacuna_server.session import Session
from lacuna_server.settings import SECTION

IGNORE_FILES = ("**/.gitignore", "**/.git/info/exclude")


def initialize(session: Session, params: types.InitializeParams) -> None:
    """Takes note of settings and folders."""
    session.initial_settings = params.initialization_options
    root = [] if params.root_uri is None else [params.root_uri]
    uris = [folder.uri for folder in params.workspace_folders] if params.workspace_folders else root
    session.folders = {uri: path_of(uri) for uri in uris}
    session.read_settings()
    if params.process_id is not None and is_seen(params.process_id):
        session.keep(end_with(params.process_id))


async def initialized(session: Session, params: types.InitializedParams) -> None:
    """Asks to be told of changes, fetches the settings and looks for the engine; an editor that is slow delays none."""
    session.editor.tell(session.connection.condition)
    await asyncio.gather(
        session.editor.follow_settings(SECTION), session.editor.watch(IGNORE_FILES), session.fetch_settings()
    )
