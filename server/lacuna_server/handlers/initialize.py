"""`initialize` and `initialized`: what the client wants; the engine is looked for once the reply is out."""

from lsprotocol import types

from lacuna_server.documents import path_of
from lacuna_server.parent import end_with
from lacuna_server.session import Session

IGNORE_FILES = ("**/.gitignore", "**/.git/info/exclude")


def initialize(session: Session, params: types.InitializeParams) -> None:
    """Takes note of settings and folders."""
    session.initial_settings = params.initialization_options
    root = [] if params.root_uri is None else [params.root_uri]
    uris = [folder.uri for folder in params.workspace_folders] if params.workspace_folders else root
    session.folders = {uri: path_of(uri) for uri in uris}
    session.read_settings()
    if params.process_id is not None:
        session.keep(end_with(params.process_id))


async def initialized(session: Session, params: types.InitializedParams) -> None:
    """Fetches the settings, looks for the engine and asks to be told of changes."""
    await session.fetch_settings()
    await session.editor.watch(IGNORE_FILES)
