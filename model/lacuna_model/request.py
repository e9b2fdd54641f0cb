"""What is asked of the infiller."""

from dataclasses import dataclass

from lacuna_model.constraints.kinds import Constraint
from lacuna_model.errors import InputError


@dataclass(frozen=True, slots=True)
class InfillOptions:
    """How a gap shall be filled.

    Attributes:
        max_tokens: most tokens of each gap.
        max_lines: cut every fill after so many lines; None: do not cut.
        num_candidates: most fills to return.
        num_spares: most fills to return beyond those, if competing for the others has left some.
        deadline_ms: time to answer in, milliseconds; the first forward pass is made whatever it says.
        max_forwards: most denoising passes, ranking not counted; None: the checkpoint's number of steps a canvas.
        seed: of every random draw.
        temperature: 0 takes the most probable tokens; None: the checkpoint's schedule.
        syntax: prefer fills that keep the syntax of the request's language; a language without a check changes nothing.

    Raises:
        InputError: a value is out of its range.
    """

    max_tokens: int = 32
    max_lines: int | None = None
    num_candidates: int = 1
    num_spares: int = 0
    deadline_ms: float | None = None
    max_forwards: int | None = None
    seed: int = 0
    temperature: float | None = None
    syntax: bool = False

    def __post_init__(self) -> None:
        for name in ("max_tokens", "max_lines", "num_candidates", "max_forwards"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"{name} must be at least 1, not {value}.")
        for name in ("num_spares", "deadline_ms", "temperature"):
            value = getattr(self, name)
            if value is not None and not value >= 0:
                raise InputError(f"{name} cannot be negative, but is {value}.")
        if not 0 <= self.seed < 2**63:
            raise InputError(f"seed must lie between 0 and 2^63 - 1, not be {self.seed}.")

    @property
    def max_fills(self) -> int:
        """Most fills of a result, spares among them."""
        return self.num_candidates + self.num_spares


@dataclass(frozen=True, slots=True)
class InfillRequest:
    """A text with gaps.

    Attributes:
        segments: the text around the gaps: prefix, what stands between the gaps, suffix. One more than there are gaps.
        language: of the text, as the tokenizer calls it; unknown ones are read as plain text.
        options: how to fill.
        document: name of the open document, under which its prefix stays cached.
        draft: what each gap holds to begin with: texts, which count as accepted as any token does, and None for open
            slots. A run of open slots comes out shorter or a little longer where the checkpoint can delete; at the
            end of a draft it is as long as the model likes. A draft that ends in text ends its gap. None: all gaps
            are open.
        lengths: most tokens of each gap where that is known to be less than the options allow; None where it is not,
            or for all gaps.
        constraints: what each gap has to obey, None where anything goes, or for all gaps. Every fill does.

    Raises:
        InputError: there is no gap; the draft, the lengths or the constraints are not those of these gaps; or what a
            constraint asks for would be cut to `max_lines`, or mixed with a draft.
    """

    segments: tuple[str, ...]
    language: str = "text"
    options: InfillOptions = InfillOptions()
    document: str = ""
    draft: tuple[tuple[str | None, ...], ...] | None = None
    lengths: tuple[int | None, ...] | None = None
    constraints: tuple[Constraint | None, ...] | None = None

    def __post_init__(self) -> None:
        if len(self.segments) < 2:
            raise InputError("A request needs the text before and after at least one gap: two segments or more.")
        if self.lengths is not None:
            if len(self.lengths) != self.num_gaps:
                raise InputError(f"There are {len(self.lengths)} lengths for {self.num_gaps} gaps.")
            for gap, length in enumerate(self.lengths, start=1):
                if length is not None and length < 1:
                    raise InputError(f"The length of gap {gap} must be at least 1, not {length}.")
        if self.constraints is not None:
            if len(self.constraints) != self.num_gaps:
                raise InputError(f"There are {len(self.constraints)} constraints for {self.num_gaps} gaps.")
            if any(self.constraints) and (self.draft is not None or self.options.max_lines is not None):
                raise InputError("A gap with a constraint cannot have a draft, and its fill is not cut to max_lines.")
        if self.draft is None:
            return
        if len(self.draft) != self.num_gaps:
            raise InputError(f"The draft is of {len(self.draft)} gaps, but there are {self.num_gaps}.")
        for draft, most in zip(self.draft, self.max_tokens, strict=True):
            if len(draft) > most:
                raise InputError(f"A draft of {len(draft)} slots is longer than max_tokens, {most}.")

    @property
    def num_gaps(self) -> int:
        """Gaps to fill."""
        return len(self.segments) - 1

    @property
    def max_tokens(self) -> tuple[int, ...]:
        """Most tokens of each gap."""
        most = self.options.max_tokens
        return tuple(
            most if length is None else min(length, most) for length in self.lengths or (None,) * self.num_gaps
        )
