"""`lacuna/shown`, `lacuna/accepted`, `lacuna/rejected`: what becomes of suggestions; kept in memory only."""

from dataclasses import replace

from lacuna_server.messages import FeedbackParams
from lacuna_server.session import Session


def shown(session: Session, params: FeedbackParams) -> None:
    """A suggestion is on the screen."""
    session.tally = replace(session.tally, shown=session.tally.shown + 1)


def accepted(session: Session, params: FeedbackParams) -> None:
    """A suggestion was taken, in whole or in part."""
    tally = session.tally
    characters = tally.accepted_characters + max(params.length, 0)
    session.tally = replace(tally, accepted=tally.accepted + 1, accepted_characters=characters)
    session.pace = session.pace.accepted()


def rejected(session: Session, params: FeedbackParams) -> None:
    """A suggestion that was shown was not taken."""
    session.tally = replace(session.tally, rejected=session.tally.rejected + 1)
    session.pace = session.pace.rejected()
