"""The temperature of every denoising step."""

from dataclasses import dataclass
from typing import Protocol

from lacuna_model.errors import ConfigError


class Schedule(Protocol):
    """A temperature schedule."""

    def temperature(self, num_steps_left: int, num_steps: int) -> float:
        """Temperature of a step; 0 means the most probable token. The first step has `num_steps` left."""
        ...


@dataclass(frozen=True, slots=True)
class LinearTemperature:
    """Falls in a straight line from `t_max` to near `t_min`, as DiffusionGemma's schedule does."""

    t_min: float
    t_max: float

    def __post_init__(self) -> None:
        if not 0 <= self.t_min <= self.t_max:
            raise ConfigError(f"temperatures must satisfy 0 <= t_min <= t_max, not {self.t_min} and {self.t_max}.")

    def temperature(self, num_steps_left: int, num_steps: int) -> float:
        """Interpolates."""
        return self.t_min + (self.t_max - self.t_min) * (num_steps_left / num_steps)
