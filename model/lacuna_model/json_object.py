"""JSON files of a checkpoint, read with every type checked: whatever is wrong is a ConfigError that names the key."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lacuna_model.errors import CheckpointNotFoundError, ConfigError

LARGEST_SIZE = 2**20
"""No size in a configuration may exceed this, so that no product of three overflows."""


class JsonObject:
    """One object of a JSON file. A key without a default must be there; null is nowhere a value."""

    def __init__(self, content: Any, path: str) -> None:
        """Wraps parsed JSON. `path` says in messages where it came from. Raises ConfigError for a non-object."""
        if not isinstance(content, Mapping):
            raise ConfigError(f"{path} must be a JSON object, not {content!r:.60}.")
        self.content = content
        self.path = path

    @classmethod
    def load(cls, path: Path) -> "JsonObject":
        """Reads a file. Raises CheckpointNotFoundError if it is missing, ConfigError if it holds no JSON object."""
        try:
            return cls(json.loads(path.read_text(encoding="utf-8")), path.name)
        except FileNotFoundError as error:
            raise CheckpointNotFoundError(f"There is no {path.name} in {path.parent}; is it a checkpoint?") from error
        except (OSError, ValueError, RecursionError) as error:
            raise ConfigError(f"{path} cannot be read as JSON: {error}") from error

    def __contains__(self, key: str) -> bool:
        return key in self.content

    def get(self, key: str) -> Any:
        """The unchecked value of a key. Raises ConfigError if it is missing."""
        if key not in self.content:
            raise ConfigError(f"{self.path} lacks the key '{key}'.")
        return self.content[key]

    def integer(self, key: str, default: int | None = None, minimum: int = 1, maximum: int = LARGEST_SIZE) -> int:
        """A whole number between two bounds, both allowed."""
        value = self._value(key, default)
        if type(value) is not int or not minimum <= value <= maximum:
            raise self._wrong(key, f"a whole number from {minimum} to {maximum}")
        return value

    def number(self, key: str, default: float | None = None, minimum: float = 0.0, maximum: float = math.inf) -> float:
        """A finite number between two bounds, both allowed."""
        value = self._value(key, default)
        if type(value) not in (int, float) or not math.isfinite(value) or not minimum <= value <= maximum:
            bounds = f"at least {minimum}" if maximum == math.inf else f"from {minimum} to {maximum}"
            raise self._wrong(key, f"a finite number {bounds}")
        return float(value)

    def positive(self, key: str, default: float | None = None) -> float:
        """A finite number above zero."""
        return self.number(key, default, minimum=math.ulp(0.0))

    def integers(self, key: str, default: tuple[int, ...] | None = None) -> tuple[int, ...]:
        """One natural number or a list of some."""
        value = self._value(key, default)
        found = tuple(value) if isinstance(value, list | tuple) else (value,)
        if not found or not all(type(entry) is int and entry >= 0 for entry in found):
            raise self._wrong(key, "a natural number or a list of them")
        return found

    def strings(self, key: str) -> tuple[str, ...]:
        """A list of strings."""
        value = self.get(key)
        if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
            raise self._wrong(key, "a list of strings")
        return tuple(value)

    def object(self, key: str, default: Mapping[str, Any] | None = None) -> "JsonObject":
        """The object under a key."""
        return JsonObject(self._value(key, default), f"{self.path}: {key}")

    def require(self, key: str, allowed: tuple[Any, ...]) -> None:
        """Refuses any value of a key but those allowed; the key may be absent."""
        if key in self.content and self.content[key] not in allowed:
            raise self._wrong(key, " or ".join(json.dumps(value) for value in allowed))

    def without_nulls(self) -> "JsonObject":
        """The same object, in which a key that is null is absent."""
        return JsonObject({key: value for key, value in self.content.items() if value is not None}, self.path)

    def _value(self, key: str, default: Any) -> Any:
        return self.get(key) if default is None else self.content.get(key, default)

    def _wrong(self, key: str, expected: str) -> ConfigError:
        return ConfigError(
            f"{self.path}: '{key}' must be {expected}, not {json.dumps(self.content.get(key), default=repr):.60}."
        )
