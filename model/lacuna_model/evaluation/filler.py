"""What fills gaps in an evaluation: a model, or a baseline that brackets it."""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from lacuna_model.infill import Infiller
from lacuna_model.request import InfillOptions, InfillRequest


@dataclass(frozen=True, slots=True)
class Gap:
    """A gap whose true content is known.

    Attributes:
        prefix: text before the gap.
        middle: what was there; only graders and `GoldFiller` look at it. Its length is hidden from models too.
        suffix: text after the gap.
        language: as the tokenizer names it.
    """

    prefix: str
    middle: str
    suffix: str
    language: str


@dataclass(frozen=True, slots=True)
class Filling:
    """What a filler made of a gap, and what that cost.

    Attributes:
        num_forwards: forward passes, those of ranking included.
        num_tokens: tokens of the text.
        seconds: wall-clock time.
        num_cached_tokens: tokens of the prefix that an earlier fill had encoded.
    """

    text: str
    num_forwards: int = 0
    num_tokens: int = 0
    seconds: float = 0.0
    num_cached_tokens: int = 0


class Filler(Protocol):
    """Fills gaps one at a time."""

    @property
    def name(self) -> str:
        """What reports call it."""
        ...

    @property
    def settings(self) -> Mapping[str, Any]:
        """What reports must print for the figures to mean something."""
        ...

    def fill(self, gap: Gap) -> Filling:
        """Fills one gap."""
        ...


class ModelFiller:
    """Fills with a model and its ranking; the length of the middle stays unknown to them."""

    name = "model"

    def __init__(self, infiller: Infiller, options: InfillOptions = InfillOptions()) -> None:  # noqa: B008 - frozen
        self.infiller = infiller
        self.options = options

    @property
    def settings(self) -> Mapping[str, Any]:
        """The options of every request."""
        return asdict(self.options)

    def fill(self, gap: Gap) -> Filling:
        """Fills with the best candidate, with an empty cache: no latency depends on the gaps filled before."""
        infiller = self.infiller.fresh()
        request = InfillRequest((gap.prefix, gap.suffix), gap.language, self.options)
        started = time.perf_counter()
        result = infiller.infill(request)
        seconds = time.perf_counter() - started
        text = result.fills[0].texts[0] if result.fills else ""
        return Filling(text, result.num_forwards, result.num_tokens, seconds, result.num_cached_tokens)


@dataclass(frozen=True, slots=True)
class GoldFiller:
    """Fills with the truth: a grader that gives it less than 100 % is wrong."""

    name: str = "gold"

    @property
    def settings(self) -> Mapping[str, Any]:
        """None."""
        return {}

    def fill(self, gap: Gap) -> Filling:
        """Returns the middle."""
        return Filling(gap.middle)


@dataclass(frozen=True, slots=True)
class EmptyFiller:
    """Fills with nothing: the floor."""

    name: str = "empty"

    @property
    def settings(self) -> Mapping[str, Any]:
        """None."""
        return {}

    def fill(self, gap: Gap) -> Filling:
        """Returns no text."""
        return Filling("")
