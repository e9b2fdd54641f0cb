"""The one error that Lacuna's commands raise themselves."""


class UserError(Exception):
    """What was asked cannot be done; the message is the line to show, and says what would work."""
