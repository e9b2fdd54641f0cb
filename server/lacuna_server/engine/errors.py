"""What can go wrong between an engine and those who ask it; each message says what to do about it."""

from typing import TYPE_CHECKING

from lacuna_server.errors import UserError

if TYPE_CHECKING:
    from lacuna_server.engine.protocol import RefusalKind


class EngineError(UserError):
    """Base of all errors of talking to an engine."""


class EngineUnreachableError(EngineError):
    """No engine answers there, or it ended before it had answered."""


class EngineClosingError(EngineUnreachableError):
    """The engine was about to end and did not take the call."""


class EngineHangsError(EngineError):
    """It listens, but does not answer in time or does not end: an engine that hangs is not one that is missing."""


class EngineVersionError(EngineError):
    """The engine is of another version, `version`."""

    def __init__(self, message: str, version: str) -> None:
        super().__init__(message)
        self.version = version


class EngineRefusedError(EngineError):
    """The engine will not do it; `kind` is for programs."""

    def __init__(self, kind: "RefusalKind", message: str) -> None:
        super().__init__(message)
        self.kind = kind


class EngineDownError(EngineError):
    """There is no engine to ask.

    Attributes:
        retry_in: seconds until it is worth to try again; None: not before something was changed.
    """

    def __init__(self, message: str, retry_in: float | None = None) -> None:
        super().__init__(message)
        self.retry_in = retry_in
