"""The one error that Lacuna's commands raise themselves, and one that anything may raise."""


class UserError(Exception):
    """What was asked cannot be done; the message is the line to show, and says what would work."""


def is_lack_of_memory(error: Exception) -> bool:
    """Whether Python, a device or the processor ran out of memory; torch, which may be absent, goes by its names."""
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or (isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error))
    )
