"""Denoising from left to right, with candidates that compete after every step: a beam search on the canvas.

A small denoiser knows how a gap begins long before it knows how long the gap is. Where slots are accepted in the order
of their certainty, the surplus ones agree on their deletes first, and the text is cut short before it was thought of.
Here a pass decides the leftmost undecided slot of every row, its frontier, and what follows as far as that is certain.
The next slots show the model that there is room, and the given text behind the gap what has to come out. With a draft
in the canvas all of it is seen and read, for its tokens are doubted.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812 - the name every PyTorch reader knows
from torch import Tensor

from lacuna_model.canvas import Canvas
from lacuna_model.constraints.beginnings import Beginnings
from lacuna_model.constraints.token_classes import IMPOSSIBLE
from lacuna_model.denoising import Denoising, State
from lacuna_model.sampling.prediction import Prediction

MIN_LOG_SILENCE = math.log(0.5)
"""A gap that holds nothing or blanks alone ends only if that is more likely than not: no single text may be as probable
as none, and yet all texts together more probable."""

MIN_PROBABILITY_OF_RUN = 0.9
"""How sure the tokens behind a frontier must be, all of them together, to be accepted along with it."""

MAX_RUN = 8
"""Slots of a gap, the frontier among them, that are read in a pass: most that can be accepted at once."""

MAX_OPEN_SLOTS = 10
"""Undecided slots of a gap that a pass sees: further ones only say that there is still more room."""

MAX_SUFFIX_TOKENS = 16
"""Tokens behind the last gap that a pass sees."""

MAX_LAG = 3.0
"""Nats by which a candidate may lie behind the best one."""

MAX_LAG_BEHIND_FINISHED = 2.0
"""The same behind one that is finished: its own score can only fall further."""


class _Ways(NamedTuple):
    """The best ways to go on, best first: from which row, with which token at its frontier, and how good the whole is.

    All are (W,); the token of a row without a frontier means nothing.
    """

    parents: Tensor
    tokens: Tensor
    scores: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class BeamDenoising(Denoising):
    """Denoises canvases into the most probable candidates, best first. For absorbing noise; nothing is drawn.

    Attributes:
        token_bytes: of every token, none for a special one.
        beginnings: knows which tokens go on in given bytes.
        word: bytes that the first gap has to begin with.
        width: most candidates.
        num_wanted: candidates that are wanted even if they lie far behind.
        goes_on: whether the gap holds text from an earlier canvas already, so that it may end at once.
    """

    token_bytes: Sequence[bytes] = field(kw_only=True)
    beginnings: Beginnings = field(kw_only=True)
    width: int = field(kw_only=True)
    num_wanted: int = 1
    word: bytes = b""
    goes_on: bool = False

    @torch.inference_mode()
    def step(self, state: State, num_steps_left: int, num_steps: int) -> State:
        """Makes one forward pass and goes on with the likeliest ways to decide the frontiers."""
        canvas = state.canvas
        is_running = self._undecided(state).any(1)  # (B,)
        is_running |= ~is_running.any()  # a draft without holes is only judged
        prediction, is_read = self._read(state, is_running)
        ways = self._best_ways(state, prediction)
        known = torch.where(is_read, prediction.probability_of(canvas.ids), state.confidence)[ways.parents]
        best = torch.where(is_read, prediction.best, self._delete)[ways.parents]  # what nobody thought of is cut off
        sureness = prediction.confidence[ways.parents]

        state, score_before = state.take(ways.parents), state.score[ways.parents]
        undecided = self._undecided(state)
        frontier = _first(undecided)
        run = _run(sureness, undecided, frontier)
        run &= (frontier & (best == ways.tokens[:, None])).any(1, keepdim=True)  # it was seen behind the best token
        run &= ~self._must_spell(state, frontier)[:, None]
        accepted = frontier | run
        sureness = torch.where(frontier, (ways.scores - score_before).exp()[:, None], sureness)
        canvas = state.canvas.write(torch.where(frontier, ways.tokens[:, None], best), accepted)
        is_open = undecided & ~accepted
        after = replace(
            state,
            canvas=canvas,
            whole=torch.where(is_open, best, canvas.ids),
            confidence=torch.where(undecided, sureness, known),
            is_open=is_open,
            score=ways.scores + (sureness.log() * run).nan_to_num().sum(1),
        )
        after = self._drop_surplus(after, accepted)
        return replace(after, finished=~self._undecided(after).any(1))

    @torch.inference_mode()
    def settle(self, state: State) -> State:
        """Decides all slots; where time ran out within the word, it is spelled first."""
        canvas, whole = state.canvas, state.whole.clone()
        frontier = _first(self._undecided(state))
        for (row, place), (word, text) in zip(frontier.nonzero().tolist(), self._texts(state, frontier), strict=True):
            for slot, token in enumerate(self.beginnings.spell(word[len(text) :]), start=place):
                if slot < canvas.gaps.shape[1] and canvas.gaps[row, slot] == canvas.gaps[row, place]:
                    whole[row, slot] = token
        return Denoising.settle(self, replace(state, whole=whole))  # super() knows not of slotted dataclasses

    def revise(self, state: State) -> State | None:
        """Doubts drafts alone: where there was none, the other candidates are what might have been instead."""
        return Denoising.revise(self, state) if bool(state.drafted.any()) else None

    def _read(self, state: State, is_running: Tensor) -> tuple[Prediction, Tensor]:
        """Makes the pass; also tells which slots it says something about, (B, L) bool."""
        canvas, undecided = state.canvas, self._undecided(state)
        is_read = self._nearest(state, MAX_RUN)
        if bool(state.drafted.any()):
            is_read = canvas.editable  # the tokens of a draft will be doubted
        is_read = is_read & is_running[:, None]
        is_seen = torch.where(undecided, self._nearest(state, MAX_OPEN_SLOTS), ~_is_far(canvas)) | is_read
        running = is_running.nonzero().squeeze(1)  # (R,)
        view, order = canvas.take(running).keep(is_seen[running])
        hidden = self.denoiser.denoise(view.ids, self.prefix, padding=view.padding)
        hidden = hidden[is_read[running].gather(1, order) & view.editable]  # (N, D)
        logits = self.denoiser.logits(hidden).index_fill_(1, self.banned, IMPOSSIBLE)  # (N, V)
        rows = is_read.flatten().nonzero().squeeze(1)  # (N,)
        return Prediction.of_logits(logits, logits, canvas.ids, rows, None, self.draws), is_read

    def _best_ways(self, state: State, prediction: Prediction) -> _Ways:
        """Compares all tokens at all frontiers, and the rows that are finished as they are."""
        frontier = _first(self._undecided(state))
        lines = torch.searchsorted(prediction.rows, frontier.flatten().nonzero().squeeze(1))
        is_running = frontier.any(1)  # (B,)
        steps = prediction.logits[lines].log_softmax(1)  # (R, V), R rows are running
        for step, (word, text) in zip(steps, self._texts(state, frontier), strict=True):
            if len(text) < len(word):
                step[self._others(word[len(text) :])] = -torch.inf
            elif not self.goes_on and not text[len(word) :].strip() and step[self._delete] < MIN_LOG_SILENCE:
                step[self._delete] = -torch.inf
        best = steps.topk(min(self.width, steps.shape[1]), dim=1)  # (R, K)
        tokens = best.indices.new_zeros(len(is_running), best.indices.shape[1])
        scores = best.values.new_full(tokens.shape, -torch.inf)  # (B, K)
        scores[:, 0] = 0.0
        tokens[is_running], scores[is_running] = best.indices, best.values
        scores = (state.score[:, None] + scores).flatten()
        chosen = scores.topk(min(self.width, int((scores > IMPOSSIBLE).sum())))
        best_finished = state.score.masked_fill(is_running, -torch.inf).max()
        least = torch.maximum(best_finished - MAX_LAG_BEHIND_FINISHED, chosen.values.max() - MAX_LAG)
        num_ways = max(self.num_wanted, int((chosen.values >= least).sum()))
        indices = chosen.indices[:num_ways]
        return _Ways(indices // tokens.shape[1], tokens.flatten()[indices], chosen.values[:num_ways])

    def _texts(self, state: State, frontier: Tensor) -> Iterator[tuple[bytes, bytes]]:
        """For every running row, what the frontier's gap has to begin with, and what it holds before the frontier."""
        canvas = state.canvas
        for row, place in frontier.nonzero().tolist():
            gap = canvas.gaps[row, place]
            tokens = canvas.ids[row, :place][canvas.gaps[row, :place] == gap].tolist()
            yield self.word if gap == 0 else b"", b"".join(self.token_bytes[token] for token in tokens)

    def _must_spell(self, state: State, frontier: Tensor) -> Tensor:
        """Rows whose frontier still belongs to the word, (B,) bool."""
        is_spelling = [len(text) < len(word) for word, text in self._texts(state, frontier)]
        running = frontier.any(1)
        return running.masked_scatter(running, torch.tensor(is_spelling, dtype=torch.bool, device=running.device))

    def _others(self, rest: bytes) -> Tensor:
        """Tokens that do not go on in some bytes, (V,) bool."""
        others = torch.ones(len(self.token_bytes), dtype=torch.bool, device=self.denoiser.device)
        others[self.beginnings.compatible(rest)] = False
        return others

    @property
    def _delete(self) -> int:
        delete = self.denoiser.config.delete_token_id
        assert delete is not None, "the configuration allows no beams without deletes"
        return delete

    def _undecided(self, state: State) -> Tensor:
        return self.sampler.noise.undecided(state.canvas)

    def _nearest(self, state: State, most: int) -> Tensor:
        """The first undecided slots of each gap, (B, L) bool."""
        undecided, gaps = self._undecided(state), state.canvas.gaps
        count = undecided.cumsum(1)
        begins = F.pad(gaps[:, 1:] != gaps[:, :-1], (1, 0), value=True)
        before = torch.where(begins, count - undecided.long(), 0).cummax(1).values
        return undecided & (count - before <= most)


def _first(slots: Tensor) -> Tensor:
    """The first of each row's slots, (B, L) bool."""
    return slots & (slots.cumsum(1) == 1)


def _is_far(canvas: Canvas) -> Tensor:
    """Tokens too far behind the last gap to be seen, (B, L) bool."""
    is_behind = canvas.editable.flip(1).cumsum(1).flip(1) == 0
    return is_behind & (is_behind.cumsum(1) > MAX_SUFFIX_TOKENS)


def _run(sureness: Tensor, undecided: Tensor, frontier: Tensor) -> Tensor:
    """Undecided slots right behind the frontier that are certain together, (B, L) bool."""
    behind = (frontier.cumsum(1) == 1) & ~frontier
    log_sureness = sureness.log().masked_fill(~undecided, -torch.inf)
    together = log_sureness.masked_fill(~behind, 0.0).cumsum(1)
    return behind & (together >= math.log(MIN_PROBABILITY_OF_RUN))
