"""One batch of canvases, from noise to text. Every decision is the sampler's; this is only the order of events."""

import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from lacuna_model.canvas import Canvas
from lacuna_model.constraints.token_classes import IMPOSSIBLE
from lacuna_model.gap_constraints import GapConstraints
from lacuna_model.result import StopReason
from lacuna_model.sampling.draws import Draws
from lacuna_model.sampling.prediction import Prediction
from lacuna_model.sampling.sampler import Sampler
from lacuna_model.transformer.denoiser import Denoiser, KeyValues


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """The batch after a denoising step.

    Attributes:
        canvas: what the next step will read.
        whole: the text so far with a guess in every undecided slot, (B, L) int64.
        confidence: probability of each token of `whole`, (B, L) float32: in the last pass or, under a constraint, which
            leaves a decided slot no choice, in the pass that decided it.
        is_open: slots that nothing was accepted for yet, (B, L) bool.
        drafted: slots whose first token came with the canvas, (B, L) bool.
        beliefs: soft embeddings of the last prediction at the slots, (B, L, D); None before the first step.
        num_stable_steps: for how many steps `whole` has not changed, (B,) int64.
        finished: rows that need no further step, (B,) bool.
        score: log-probability of what was accepted, as far as candidates are compared by it, (B,) float32.
    """

    canvas: Canvas
    whole: Tensor
    confidence: Tensor
    is_open: Tensor
    drafted: Tensor
    beliefs: Tensor | None
    num_stable_steps: Tensor
    finished: Tensor
    score: Tensor

    def take(self, rows: Tensor) -> "State":
        """A batch of some of the rows, (B',) int64; a row may be taken several times."""
        return State(
            canvas=self.canvas.take(rows),
            whole=self.whole[rows],
            confidence=self.confidence[rows],
            is_open=self.is_open[rows],
            drafted=self.drafted[rows],
            beliefs=None if self.beliefs is None else self.beliefs[rows],
            num_stable_steps=self.num_stable_steps[rows],
            finished=self.finished[rows],
            score=self.score[rows],
        )

    def drop(self, slots: Tensor) -> "State":
        """Takes slots out, (B, L) bool."""
        canvas, order = self.canvas.drop(slots)
        beliefs = self.beliefs
        if beliefs is not None:
            beliefs = beliefs.gather(1, order[..., None].expand(-1, -1, beliefs.shape[-1]))
        return replace(
            self,
            canvas=canvas,
            whole=torch.where(canvas.editable, self.whole.gather(1, order), canvas.ids),
            confidence=self.confidence.gather(1, order),
            is_open=self.is_open.gather(1, order) & canvas.editable,
            drafted=self.drafted.gather(1, order) & canvas.editable,
            beliefs=beliefs,
        )

    def behind(self, deleted: Tensor) -> Tensor:
        """Slots that a delete among some slots, (B, L) bool, may sweep away: those up to the next drafted token."""
        return self.canvas.behind(deleted, self.drafted)


@dataclass(frozen=True, slots=True)
class Limits:
    """When to stop early.

    Attributes:
        num_steps: most denoising steps.
        deadline: moment to be done by, on the clock of `time.perf_counter`; None: whenever.
        num_reserved_forwards: passes that still have to fit in after the denoising.
        cancelled: asked once before every step.
    """

    num_steps: int
    deadline: float | None
    num_reserved_forwards: int
    cancelled: Callable[[], bool]

    def allow(self, last_forward: float) -> bool:
        """Whether a pass, if it takes as many seconds as the last one, would end before the deadline."""
        if self.deadline is None:
            return True
        return time.perf_counter() + (1 + self.num_reserved_forwards) * last_forward <= self.deadline


@dataclass(frozen=True, slots=True, eq=False)
class Denoised:
    """A batch of whole texts, with the scores of the last state: no slot is undecided or holds a delete token."""

    canvas: Canvas
    confidence: Tensor
    score: Tensor
    num_steps: int
    stop_reason: StopReason


@dataclass(frozen=True, slots=True, eq=False)
class Denoising:
    """Denoises canvases after one prefix.

    Attributes:
        denoiser: the model.
        sampler: the policies.
        prefix: keys and values of the text before the canvas, one row.
        banned: tokens that never belong in a gap, (N,) int64.
        draws: where randomness comes from.
        constraints: what the gaps have to obey; None: nothing.
    """

    denoiser: Denoiser
    sampler: Sampler
    prefix: KeyValues
    banned: Tensor
    draws: Draws
    constraints: GapConstraints | None = None

    def run(self, canvas: Canvas, limits: Limits) -> Generator[State, None, Denoised]:
        """Denoises a batch of canvases and yields it after every step. Tokens in their slots count as accepted.

        At least one step is made unless the request was cancelled before.
        """
        state = self.start(canvas)
        num_revisions = 0
        num_steps = 0
        stop_reason: StopReason = "max_steps"
        last_forward = 0.0
        while num_steps < limits.num_steps:
            if limits.cancelled():
                stop_reason = "cancelled"
                break
            if num_steps and not limits.allow(last_forward):
                stop_reason = "deadline"
                break
            began = time.perf_counter()
            state = self.step(state, limits.num_steps - num_steps, limits.num_steps)
            num_steps += 1
            is_finished = bool(state.finished.all())
            last_forward = time.perf_counter() - began
            yield state
            if is_finished:
                revised = self.revise(state) if num_revisions < self.sampler.revision.num_passes else None
                if revised is None:
                    stop_reason = "stable"
                    break
                num_revisions += 1
                state = revised
        settled = self.settle(state)
        return Denoised(settled.canvas, settled.confidence, settled.score, num_steps, stop_reason)

    @torch.inference_mode()
    def start(self, canvas: Canvas) -> State:
        """Puts noise into the open slots."""
        is_open = canvas.open
        noise = self.sampler.noise.draw(canvas.ids.shape, canvas.ids.device, self.draws)
        canvas = canvas.write(noise, is_open)
        return State(
            canvas=canvas,
            whole=canvas.ids,
            confidence=torch.zeros_like(canvas.ids, dtype=torch.float32),
            is_open=is_open,
            drafted=canvas.editable & ~is_open,
            beliefs=None,
            num_stable_steps=torch.full_like(canvas.ids[:, 0], -1),  # the first guess has none before it to equal
            finished=~canvas.editable.any(1),
            score=torch.zeros_like(canvas.ids[:, 0], dtype=torch.float32),
        )

    @torch.inference_mode()
    def step(self, state: State, num_steps_left: int, num_steps: int) -> State:
        """Makes one forward pass and accepts what the sampler accepts; finished rows stay as they are."""
        canvas, sampler = state.canvas, self.sampler
        editable = canvas.editable
        rows = editable.flatten().nonzero().squeeze(1)  # (N,)
        beliefs = self._beliefs(state)
        hidden = self.denoiser.denoise(canvas.ids, self.prefix, beliefs, padding=canvas.padding).flatten(0, 1)
        logits = self.denoiser.logits(hidden[rows])  # (N, V)
        tempered, is_greedy = self._temper(logits, rows, canvas, num_steps_left, num_steps)
        for each in (logits, tempered):
            each.index_fill_(1, self.banned, IMPOSSIBLE)
        running = ~state.finished[:, None]
        undecided = sampler.noise.undecided(canvas) & running
        text = None
        if self.constraints is not None:
            text = self.constraints.apply(tempered, canvas, undecided, is_greedy, self.draws)
            logits = tempered
        prediction = Prediction.of_logits(logits, tempered, canvas.ids, rows, is_greedy, self.draws)
        if text is not None:
            prediction = prediction.with_text(text)

        accepted = sampler.acceptance.accept(prediction, undecided)
        canvas = sampler.noise.advance(canvas, undecided, accepted, prediction.candidate, self.draws)

        still_undecided = sampler.noise.undecided(canvas)
        whole = torch.where(running, torch.where(still_undecided, prediction.best, canvas.ids), state.whole)
        is_same = ((whole == state.whole) | ~editable).all(1)
        num_stable_steps = torch.where(is_same & (state.num_stable_steps >= 0), state.num_stable_steps + 1, 0)
        mean_entropy = (prediction.entropy * undecided).sum(1) / undecided.sum(1).clamp(min=1)
        is_judged = running & (undecided | ~self._has_no_choice(state.canvas))
        beliefs = hidden.new_zeros(hidden.shape).index_copy(0, rows, self.denoiser.beliefs(tempered.to(hidden.dtype)))
        after = replace(
            state,
            canvas=canvas,
            whole=whole,
            confidence=torch.where(is_judged, prediction.probability_of(whole), state.confidence),
            is_open=still_undecided & ~accepted & running,
            beliefs=beliefs.view(*canvas.ids.shape, -1),
            num_stable_steps=num_stable_steps,
            finished=state.finished | sampler.stopping.stop(num_stable_steps, mean_entropy),
        )
        after = self._drop_surplus(after, accepted)
        return replace(after, finished=after.finished | ~sampler.noise.undecided(after.canvas).any(1))

    @torch.inference_mode()
    def settle(self, state: State) -> State:
        """Decides all slots: those from the first delete on go, the others get their best token."""
        canvas = state.canvas
        undecided = self.sampler.noise.undecided(canvas)
        state = replace(state, canvas=canvas.write(state.whole, canvas.editable))
        if self.denoiser.config.delete_token_id is not None:
            deleted = canvas.editable & (state.whole == self.denoiser.config.delete_token_id)
            state = state.drop(state.behind(deleted) & (undecided | deleted))
        return replace(state, is_open=torch.zeros_like(state.is_open), finished=torch.ones_like(state.finished))

    @torch.inference_mode()
    def revise(self, state: State) -> State | None:
        """Settles, then puts noise back where the sampler doubts the text; None where it doubts nothing."""
        state = self.settle(state)
        canvas = state.canvas
        doubted = self.sampler.revision.doubt(state.confidence, canvas.editable) & ~self._has_no_choice(canvas)
        if not bool(doubted.any()):
            return None
        noise = self.sampler.noise.draw(canvas.ids.shape, canvas.ids.device, self.draws)
        return replace(
            state,
            canvas=canvas.write(noise, doubted),
            is_open=doubted,
            num_stable_steps=torch.zeros_like(state.num_stable_steps),
            finished=~doubted.any(1),
        )

    def _has_no_choice(self, canvas: Canvas) -> Tensor:
        """Slots that a constraint keeps as they are once they are decided, (B, L) bool."""
        if self.constraints is None:
            return torch.zeros_like(canvas.editable)
        return self.constraints.bind(canvas)

    def _beliefs(self, state: State) -> Tensor | None:
        """What self-conditioning sees: the last prediction at the slots, certainty at the given tokens."""
        if state.beliefs is None:
            return None
        return torch.where(state.canvas.editable[..., None], state.beliefs, self.denoiser.embed(state.canvas.ids))

    def _temper(
        self, logits: Tensor, rows: Tensor, canvas: Canvas, num_steps_left: int, num_steps: int
    ) -> tuple[Tensor, Tensor | None]:
        """Divides each row's logits by its temperature; also tells which slots are greedy, None for all."""
        temperature = self.sampler.schedule.temperature(num_steps_left, num_steps)
        batch, length = canvas.ids.shape
        others = max(temperature, self.sampler.candidate_temperature)
        if temperature == 0 and (batch == 1 or others == 0):
            return logits, None
        temperatures = torch.tensor([temperature] + [others] * (batch - 1), device=logits.device)
        temperatures = temperatures[rows // length]  # (N,)
        is_greedy = temperatures == 0
        return logits / temperatures.masked_fill(is_greedy, 1.0)[:, None], is_greedy

    def _drop_surplus(self, state: State, accepted: Tensor) -> State:
        """Takes out accepted deletes, and with them the open slots behind them."""
        if self.denoiser.config.delete_token_id is None:
            return state
        deleted = accepted & (state.canvas.ids == self.denoiser.config.delete_token_id)
        if not bool(deleted.any()):
            return state
        return state.drop(deleted | (state.behind(deleted) & state.is_open))
