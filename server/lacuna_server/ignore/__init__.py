"""Files that are neither completed nor shown to the model: those that hold secrets and those that git ignores."""

from lacuna_server.ignore.rules import IgnoreRules
from lacuna_server.ignore.secrets import SECRET_PATTERNS

__all__ = ["SECRET_PATTERNS", "IgnoreRules"]
