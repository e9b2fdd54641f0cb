"""`lacuna/status` and `lacuna/restartEngine`."""

from lacuna_server.messages import EmptyAnswers, Report
from lacuna_server.session import Session


async def status(session: Session) -> Report:
    """Tells how everything is."""
    engine = await session.connection.ask_status()
    counts = session.reasons.most_common()
    return Report(
        session.connection.condition,
        engine,
        tuple(session.empty_answers),
        tuple(EmptyAnswers(reason.value, reason.description, count) for reason, count in counts),
        session.problems,
        session.tally,
    )


async def restart_engine(session: Session) -> None:
    """Ends our own engine and starts another; also allows one that had failed to be tried again."""
    await session.connection.restart()
