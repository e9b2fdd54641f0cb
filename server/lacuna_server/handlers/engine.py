"""`lacuna/status` and `lacuna/restartEngine`."""

from lacuna_server.messages import Report
from lacuna_server.session import Session


def status(session: Session) -> Report:
    """Tells how everything is."""
    return Report(
        session.connection.condition,
        session.connection.status,
        tuple(session.empty_answers),
        dict(session.reasons),
        session.problems,
        session.tally,
    )


async def restart_engine(session: Session) -> None:
    """Ends our own engine and starts another; also allows one that had failed to be tried again."""
    await session.connection.restart()
