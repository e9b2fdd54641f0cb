"""One denoising step over tensors that stay where they are: a CUDA graph replays it, and no step waits for the host.

It is `Denoising.step` for the released sampler: uniform noise, acceptance by entropy, no deletes and no constraints.
What is random is drawn outside, a number and a token for each slot.
"""

from dataclasses import replace

import torch
import torch.nn.functional as F  # noqa: N812 - the name every PyTorch reader knows
from torch import Tensor

from lacuna_model.canvas import PADDING, Canvas
from lacuna_model.captured.buffers import Buffers, Shape
from lacuna_model.captured.draws import Drawn
from lacuna_model.captured.graph import can_be_captured, capture
from lacuna_model.captured.rings import fill_rings
from lacuna_model.constraints.token_classes import IMPOSSIBLE
from lacuna_model.denoising import State
from lacuna_model.sampling.acceptance import Acceptance
from lacuna_model.sampling.prediction import Prediction
from lacuna_model.sampling.stopping import Stopping
from lacuna_model.transformer.denoiser import Denoiser, KeyValues


def advance(denoiser: Denoiser, acceptance: Acceptance, stopping: Stopping, is_banned: Tensor, now: Buffers) -> None:
    """Makes a step: one graph, without a value that the host would have to know. Finished rows stay as they are."""
    length = now.ids.shape[1]
    editable, rows = now.editable, now.rows
    # Before the first step there are no beliefs, which is the same as none at every position.
    has_beliefs = (now.num_stable_steps >= 0)[:, None, None]
    beliefs = torch.where(editable[..., None], now.beliefs, denoiser.embed(now.ids)) * has_beliefs
    hidden = denoiser.denoise(now.ids, now.prefix, beliefs, now.prefix_length, now.padding).flatten(0, 1)
    logits = denoiser.logits(hidden[rows])  # (N, V)
    temperature = now.temperature[rows // length]  # (N,)
    is_greedy = temperature == 0
    tempered = logits / temperature.masked_fill(is_greedy, 1.0)[:, None]
    logits, tempered = (each.masked_fill(is_banned, IMPOSSIBLE) for each in (logits, tempered))

    running = ~now.finished[:, None]
    undecided = editable & running
    drawn = Drawn(now.numbers, now.fresh)
    prediction = Prediction.of_logits(logits, tempered, now.ids, rows, is_greedy, drawn)
    accepted = acceptance.accept(prediction, undecided)
    ids = torch.where(undecided, torch.where(accepted, prediction.candidate, now.fresh), now.ids)
    whole = torch.where(running, torch.where(editable, prediction.best, ids), now.whole)
    is_same = ((whole == now.whole) | ~editable).all(1)
    num_stable_steps = torch.where(is_same & (now.num_stable_steps >= 0), now.num_stable_steps + 1, 0)
    mean_entropy = (prediction.entropy * undecided).sum(1) / undecided.sum(1).clamp(min=1)
    soft = torch.zeros_like(hidden).index_copy(0, rows, denoiser.beliefs(tempered.to(hidden.dtype)))

    now.num_steps.add_(~now.finished.all())
    now.confidence.copy_(torch.where(running, prediction.probability_of(whole), now.confidence))
    now.is_open.copy_(editable & ~accepted & running)
    now.finished.logical_or_(stopping.stop(num_stable_steps, mean_entropy))
    now.beliefs.copy_(soft.view_as(now.beliefs))
    now.num_stable_steps.copy_(num_stable_steps)
    now.whole.copy_(whole)
    now.ids.copy_(ids)


class CapturedStep:
    """A step of one shape, ready to be made again and again.

    On CUDA it is compiled as a whole and captured as a graph when it is made, which takes seconds to minutes; elsewhere
    it is called.
    """

    def __init__(
        self, denoiser: Denoiser, acceptance: Acceptance, stopping: Stopping, banned: Tensor, shape: Shape
    ) -> None:
        self.shape = shape
        with torch.inference_mode():
            self.buffers = Buffers.allocate(denoiser, shape)
            now = self.buffers
            vocabulary = torch.zeros(denoiser.config.vocab_size, dtype=torch.bool, device=denoiser.device)
            is_banned = vocabulary.index_fill(0, banned, True)

            def make() -> None:
                advance(denoiser, acceptance, stopping, is_banned, now)

            self._make = capture(make, denoiser.device) if can_be_captured(denoiser) else make

    @torch.inference_mode()
    def load(self, state: State, prefix: KeyValues, slots: Tensor) -> None:
        """Takes a canvas before its first step.

        Args:
            state: of `Denoising.start`, at most as long as the shape.
            prefix: keys and values, one row, at most as many tokens as the shape has room for.
            slots: where the slots lie in the flattened canvas, (N,) int64, rising; at least one.
        """
        now, canvas = self.buffers, state.canvas
        length = canvas.ids.shape[1]
        num_missing = self.shape.length - length
        now.prefix_length.fill_(prefix[0][0].shape[2])
        fill_rings(now.prefix, prefix)
        gaps = F.pad(canvas.gaps, (0, num_missing), value=PADDING)
        now.padding.copy_(gaps == PADDING)
        now.editable.copy_(gaps >= 0)
        rows = slots // length * self.shape.length + slots % length
        now.rows.copy_(F.pad(rows[None], (0, self.shape.num_slots - len(rows)), mode="replicate")[0])
        for target, source in ((now.ids, canvas.ids), (now.whole, state.whole)):
            target.copy_(F.pad(source, (0, num_missing), value=canvas.pad_token_id))
        now.is_open.copy_(F.pad(state.is_open, (0, num_missing)))
        now.num_stable_steps.copy_(state.num_stable_steps)
        now.finished.copy_(state.finished)
        for tensor in (now.confidence, now.beliefs, now.num_steps):
            tensor.zero_()

    @torch.inference_mode()
    def make(self, temperature: Tensor, numbers: Tensor | None, fresh: Tensor) -> None:
        """Makes a step; on CUDA only asks for it.

        Args:
            temperature: of each row, (B,) float32.
            numbers: drawn for the candidates, (B, L) float32; None where all rows take their best.
            fresh: drawn noise, (B, L) int64.
        """
        now = self.buffers
        now.temperature.copy_(temperature)
        if numbers is not None:
            now.numbers[:, : numbers.shape[1]] = numbers
        now.fresh[:, : fresh.shape[1]] = fresh
        self._make()

    @torch.inference_mode()
    def state(self, before: State) -> State:
        """A copy of what the last step has left, of the length of a state before it."""
        now, length = self.buffers, before.whole.shape[1]

        def copied(tensor: Tensor) -> Tensor:
            return tensor[:, :length].clone()

        canvas: Canvas = replace(before.canvas, ids=copied(now.ids))
        return replace(
            before,
            canvas=canvas,
            whole=copied(now.whole),
            confidence=copied(now.confidence),
            is_open=copied(now.is_open),
            beliefs=copied(now.beliefs),
            num_stable_steps=now.num_stable_steps.clone(),
            finished=now.finished.clone(),
        )
