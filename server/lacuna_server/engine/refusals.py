"""How an engine says that there is no result, and why."""

import logging
import traceback

from lacuna_server.engine.protocol import Refusal, RefusalKind

log = logging.getLogger(__name__)


class RefusedError(Exception):
    """A call that is answered with a refusal."""

    def __init__(self, kind: RefusalKind, message: str) -> None:
        super().__init__(message)
        self.refusal = Refusal(kind, message)


def refusal_of(error: Exception) -> Refusal:
    """The refusal that an error amounts to.

    A defect is logged: what it is and where it came from, but not its words, which may repeat the user's code.
    """
    if isinstance(error, RefusedError):
        return error.refusal
    kind, frames = type(error).__name__, "".join(traceback.format_tb(error.__traceback__))
    log.error("A call failed with %s:\n%s", kind, frames)
    return Refusal("internal", f"The engine failed ({kind}); its log says where.")
