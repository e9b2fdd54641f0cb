"""`lacuna/status` and `lacuna/restartEngine`."""

from lacuna_server.messages import Report
from lacuna_server.session import Session


def status(session: Session) -> Report:
    """Tells how everything is."""
    connection = session.connection
    return Report(
        connection.condition, connection.status, tuple(session.empty_answers), session.problems, session.tally
    )


async def restart_engine(session: Session) -> None:
    """Ends our own engine and starts another; also allows one that had failed to be tried again."""
    await session.connection.restart()
