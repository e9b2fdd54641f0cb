"""Settings from a JSON file, with defaults for whatever the file leaves out."""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

DEFAULT_PATH = Path("settings.json")


class SettingsError(ValueError):
    """A settings file that cannot be used."""


@dataclass
class Settings:
    """What a user may set."""

    host: str = "localhost"
    port: int = 8080
    debug: bool = False
    tags: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not 0 < self.port < 65536:
            raise SettingsError(f"port must lie between 1 and 65535, not {self.port}")


def load(path: Path = DEFAULT_PATH) -> Settings:
    """Reads settings; a missing file means the defaults."""
    try:
        with open(path, encoding="utf-8") as file:
            values = <FILL>
    except FileNotFoundError:
        return Settings()
    except json.JSONDecodeError as error:
        raise SettingsError(f"{path} is not JSON: {error}") from error
    unknown = set(values) - set(Settings.__dataclass_fields__)
    if unknown:
        raise SettingsError(f"{path} has unknown keys: {', '.join(sorted(unknown))}")
    return Settings(**values)


def save(settings: Settings, path: Path = DEFAULT_PATH) -> None:
    """Writes settings, as a whole or not at all."""
    temporary = path.with_suffix(".tmp")
    with open(temporary, "w", encoding="utf-8") as file:
        json.dump(vars(settings), file, indent=2)
    os.replace(temporary, path)
