"""The constraints of a canvas: one language, or none, for each of its gaps."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lacuna_model.canvas import Canvas
from lacuna_model.constraints.automaton import NOWHERE, UNREACHED, BoolArray, IntArray, TokenAutomaton
from lacuna_model.constraints.beginnings import Beginnings
from lacuna_model.constraints.building import AutomatonBuilder
from lacuna_model.constraints.kinds import Constraint
from lacuna_model.constraints.programme import Programme
from lacuna_model.constraints.token_classes import Draw
from lacuna_model.errors import ConstraintError
from lacuna_model.sampling.draws import Draws


@dataclass(frozen=True, slots=True, eq=False)
class Language:
    """What a gap may hold.

    Attributes:
        automaton: reads the whole value.
        start: its state at the gap's beginning.
        ends: states at which the gap may end, (S,) bool.
        num_ahead: the fewest tokens from each state to an end; `UNREACHED` where none leads, (S,) int64.
    """

    automaton: TokenAutomaton
    start: int
    ends: BoolArray
    num_ahead: IntArray

    @classmethod
    def of(cls, constraint: Constraint, language: str, builder: AutomatonBuilder) -> "Language":
        """Prepares a constraint.

        Args:
            constraint: of the gap.
            language: of the text around it.
            builder: knows the vocabulary.

        Raises:
            ConstraintError: the constraint is wrong, or nothing fits between its two sides.
        """
        automaton = builder.build(constraint.pattern(language))
        before, after = constraint.before, constraint.after
        start = automaton.read(before.encode())
        if start == NOWHERE:
            raise ConstraintError(f"Nothing that the format allows begins with {before!r}.")
        ends = automaton.accepting_before(after.encode())
        num_ahead = automaton.distances(ends)
        if num_ahead[start] == UNREACHED:
            sides = [f"begins with {before!r}"] * bool(before) + [f"ends with {after!r}"] * bool(after)
            known = " and ".join(sides) or "can be written by this model"
            raise ConstraintError(f"Nothing that the format allows {known}.")
        return cls(automaton, start, ends, num_ahead)

    @classmethod
    def beginning(cls, word: bytes, then: "Language | None", beginnings: Beginnings) -> "Language":
        """A language whose texts begin with a word; None: anything may follow."""
        automaton, start = (beginnings.anything, 0) if then is None else (then.automaton, then.start)
        ends = beginnings.anything.accepting if then is None else then.ends
        begun = beginnings.before(word, automaton, start)
        ends = np.append(ends, np.zeros(len(word), bool))
        return cls(begun, begun.start, ends, begun.distances(ends))

    def accepts(self, text: bytes) -> bool:
        """Whether a text may stand in the gap."""
        state = self.automaton.read(text, self.start)
        return state != NOWHERE and bool(self.ends[state])


@dataclass(frozen=True, slots=True, eq=False)
class Languages:
    """What the gaps of a request may hold.

    Attributes:
        of_gap: None where anything goes.
        deletes: the delete token; None: the model has none.
        begun: what the slots of the first gap hold where they begin with a cut word; None: no more than the gap.
    """

    of_gap: Sequence[Language | None]
    deletes: int | None
    begun: Language | None = None

    @property
    def of_slots(self) -> tuple[Language | None, ...]:
        """What the slots of each gap may hold."""
        return (self.begun or self.of_gap[0], *self.of_gap[1:])

    @property
    def num_tokens(self) -> list[int]:
        """The fewest tokens that each gap may hold."""
        return [0 if language is None else int(language.num_ahead[language.start]) for language in self.of_gap]

    def accept(self, texts: Sequence[bytes]) -> bool:
        """Whether texts may stand in the slots of the gaps."""
        return all(
            language is None or language.accepts(text) for language, text in zip(self.of_slots, texts, strict=True)
        )

    def canvas(self, committed: bytes, num_left: int) -> "GapConstraints | None":
        """What a canvas has to obey; None: nothing.

        Args:
            committed: what earlier canvases have put into the first gap, if it is the only one.
            num_left: slots that later canvases may add to it.
        """
        if not any(self.of_slots):
            return None
        return GapConstraints(
            [None if language is None else self._programme(language, committed, num_left) for language in self.of_slots]
        )

    def _programme(self, language: Language, committed: bytes, num_left: int) -> Programme:
        automaton = language.automaton
        start = automaton.read(committed, language.start)
        assert start != NOWHERE, "what was committed obeys"
        goes_on = (language.num_ahead <= num_left) & (num_left > 0)
        return Programme(automaton, start, language.ends, goes_on, self.deletes)


@dataclass(frozen=True, slots=True, eq=False)
class GapConstraints:
    """What a canvas has to obey; `programmes` has one, or None, for each gap."""

    programmes: Sequence[Programme | None]

    def fit(self, num_slots: Sequence[int]) -> bool:
        """Whether there are texts for so many slots of each gap."""
        return all(
            programme is None or programme.fits(slots)
            for programme, slots in zip(self.programmes, num_slots, strict=True)
        )

    def bind(self, canvas: Canvas) -> Tensor:
        """Slots of gaps that have a constraint, (B, L) bool."""
        bound = [gap for gap, programme in enumerate(self.programmes) if programme is not None]
        return torch.isin(canvas.gaps, torch.tensor(bound, device=canvas.gaps.device))

    def apply(
        self, logits: Tensor, canvas: Canvas, undecided: Tensor, is_greedy: Tensor | None, draws: Draws
    ) -> Tensor:
        """Finds a text for each gap.

        Args:
            logits: of all slots of the canvas in their order, (N, V) float32. They become the logs of exact marginals
                in gaps that have a constraint.
            canvas: (B, L).
            undecided: slots to decide, (B, L) bool; the other slots keep their tokens.
            is_greedy: slots that get the most probable text, not a drawn one, (N,) bool; None: all.
            draws: for the others.

        Returns:
            The texts' tokens, `NOWHERE` in gaps without a constraint, (N,) int64.
        """
        is_slot = canvas.editable
        rows, gaps = is_slot.nonzero()[:, 0], canvas.gaps[is_slot]  # (N,)
        given = torch.where(undecided, NOWHERE, canvas.ids)[is_slot]
        tokens = torch.full_like(gaps, NOWHERE)
        for gap, programme in enumerate(self.programmes):
            if programme is None:
                continue
            for row in sorted(set(rows[gaps == gap].tolist())):
                slots = ((rows == row) & (gaps == gap)).nonzero()[:, 0]
                if not bool((given[slots] == NOWHERE).any()):
                    tokens[slots] = given[slots]
                    continue
                draw = None if is_greedy is None or bool(is_greedy[slots[0]]) else _draw(draws, slots, canvas)
                solved = logits[slots].cpu().numpy()
                text = programme.solve(solved, given[slots].cpu().numpy(), draw)
                assert text is not None, "some text has fitted so far, and only parts of it were accepted"
                logits[slots] = torch.from_numpy(solved).to(logits)
                tokens[slots] = torch.from_numpy(text).to(tokens)
        return tokens


def _draw(draws: Draws, slots: Tensor, canvas: Canvas) -> Draw:
    def draw(odds: np.typing.NDArray[np.float64]) -> int:
        probabilities = torch.from_numpy(odds).to(canvas.ids.device, torch.float32)
        return int(draws.tokens(probabilities[None], slots[:1], canvas.ids.shape))

    return draw
