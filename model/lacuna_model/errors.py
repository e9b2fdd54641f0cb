"""Every error that Lacuna's model raises on purpose; each message says what to do about it."""


class LacunaError(Exception):
    """Base of all errors meant for the user."""


class ConfigError(LacunaError):
    """A configuration value is missing, unknown or contradicts another one."""


class CheckpointError(LacunaError):
    """A checkpoint directory cannot be used."""


class CheckpointNotFoundError(CheckpointError):
    """The checkpoint directory, or a file it must contain, does not exist."""


class CheckpointMismatchError(CheckpointError):
    """The tensors of a checkpoint are not those that its configuration asks for."""


class DeviceError(LacunaError):
    """The device asked for does not exist or cannot hold the model."""


class InputError(LacunaError):
    """The text, position or gap given by the user cannot be used."""


class ConstraintError(LacunaError):
    """A constraint is wrong, is not supported, or leaves no fill; the message says which."""
