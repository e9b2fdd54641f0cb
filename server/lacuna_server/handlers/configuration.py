"""`workspace/didChangeConfiguration`: settings, fetched from editors that can be asked, else as they are sent."""

from typing import Any

from lsprotocol import types

from lacuna_server.session import Session
from lacuna_server.settings import SECTION


async def did_change_configuration(session: Session, params: types.DidChangeConfigurationParams) -> None:
    """Takes over changed settings."""
    sent: Any = params.settings
    session.sent_settings = sent.get(SECTION) if isinstance(sent, dict) else None
    await session.fetch_settings()
