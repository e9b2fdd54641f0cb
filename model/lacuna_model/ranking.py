"""Which of several fills is best: three opinions behind one interface.

All see whole candidates that share the text around the gaps. `EncoderJudge` is the default; model/EXPERIMENTS.md says
what was measured.
"""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
import torch.nn.functional as F  # noqa: N812 - the name every PyTorch reader knows
from torch import Tensor

from lacuna_model.canvas import PADDING, Canvas
from lacuna_model.prefix_cache import Prefix
from lacuna_model.sampling.draws import Draws
from lacuna_model.sampling.noise import Noise
from lacuna_model.transformer.denoiser import Denoiser


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Whole fills to be compared.

    Attributes:
        denoiser: the model that made them.
        noise: its noise.
        draws: for fresh noise.
        prefix: the text before the canvas.
        canvas: one candidate a row, all slots decided.
        confidence: probability of every token in the pass that decided it or the last one, (B, L) float32.
        score: log-probability of each under the denoiser, (B,) float32; all zero where it was not counted.
        num_suffix_tokens: given tokens behind the last gap of each row, at least one, (B,) int64.
        first_bytes: first byte of every token's text, -1 for special ones, (V,) int64.
    """

    denoiser: Denoiser
    noise: Noise
    draws: Draws
    prefix: Prefix
    canvas: Canvas
    confidence: Tensor
    score: Tensor
    num_suffix_tokens: Tensor
    first_bytes: Tensor

    def suffix_heads(self, num_tokens: int) -> Tensor:
        """The first so many tokens of each row's suffix, (B, L) bool."""
        starts = self._suffix_starts()
        index = torch.arange(self.canvas.ids.shape[1], device=starts.device)
        return (index >= starts) & (index < starts + num_tokens) & (self.canvas.gaps != PADDING)

    def up_to_suffix_heads(self, num_tokens: int) -> Tensor:
        """Everything up to the end of `suffix_heads`, (B, L) bool."""
        starts = self._suffix_starts()
        index = torch.arange(self.canvas.ids.shape[1], device=starts.device)
        return (index < starts + num_tokens) & (self.canvas.gaps != PADDING)

    def _suffix_starts(self) -> Tensor:
        lengths = (self.canvas.gaps != PADDING).sum(1)
        return (lengths - self.num_suffix_tokens)[:, None]  # (B, 1)


class Opinion(NamedTuple):
    """What a policy says of candidates.

    Attributes:
        score: higher is better, (B,) float32.
        log_following: log-probability, given all that stands before it, that the text behind the last gap begins with
            the byte it begins with, (B,) float32; None where the policy does not look at it. It tells whether a fill
            comes to its end there, however the text goes on.
    """

    score: Tensor
    log_following: Tensor | None = None


class Ranking(Protocol):
    """A ranking policy."""

    @property
    def num_forwards(self) -> int:
        """Forward passes it takes."""
        ...

    def judge(self, candidates: Candidates) -> Opinion:
        """Compares the candidates."""
        ...


@dataclass(frozen=True, slots=True)
class EncoderJudge:
    """log P(middle, head of the suffix | prefix) under the causal mode, summed and not divided by any length.

    By the chain rule that ranks middles of every length by P(middle | prefix, suffix), as far as the head of the
    suffix tells, since all candidates share the prefix and the head. One pass on top of the prefix's keys and values.
    The denoiser's own score, where it kept one, is added: two opinions on the same probability, multiplied.

    Attributes:
        num_suffix_tokens: length of the head.
    """

    num_suffix_tokens: int = 16
    num_forwards: int = 1

    @torch.inference_mode()
    def judge(self, candidates: Candidates) -> Opinion:
        """Reads every candidate left to right."""
        judged = candidates.up_to_suffix_heads(self.num_suffix_tokens)
        length = int(judged.sum(1).max())
        judged, ids = judged[:, :length], candidates.canvas.ids[:, :length]  # (B, T)
        denoiser, prefix = candidates.denoiser, candidates.prefix
        states, _ = denoiser.encode(ids, prefix.key_values)  # (B, T, D)
        before = torch.cat((prefix.hidden.expand(len(ids), 1, -1), states[:, :-1]), dim=1)
        first = candidates.suffix_heads(1)[:, :length]
        following = denoiser.logits(before[first]).log_softmax(1)  # (B, V)
        is_other = candidates.first_bytes != candidates.first_bytes[ids[first]][:, None]
        score = (_log_probabilities(denoiser, before, ids) * judged).sum(1) + candidates.score
        return Opinion(score, following.masked_fill(is_other, -torch.inf).logsumexp(1))


@dataclass(frozen=True, slots=True)
class RemaskedScore:
    """Half the mean log-probability of the middle, half that of the suffix's first tokens, all masked at once.

    Attributes:
        num_suffix_tokens: tokens of the suffix that are masked too.
    """

    num_suffix_tokens: int = 4
    num_forwards: int = 1

    @torch.inference_mode()
    def judge(self, candidates: Candidates) -> Opinion:
        """Masks and predicts once more; an empty middle is judged by the suffix alone."""
        ids, middle = candidates.canvas.ids, candidates.canvas.editable
        head = candidates.suffix_heads(self.num_suffix_tokens)
        noise = candidates.noise.draw(ids.shape, ids.device, candidates.draws)
        masked = torch.where(middle | head, noise, ids)
        hidden = candidates.denoiser.denoise(masked, candidates.prefix.key_values, padding=candidates.canvas.padding)
        log_probabilities = _log_probabilities(candidates.denoiser, hidden, ids)
        of_middle, of_head = _masked_mean(log_probabilities, middle), _masked_mean(log_probabilities, head)
        return Opinion(torch.where(middle.any(1), 0.5 * of_middle + 0.5 * of_head, of_head))


@dataclass(frozen=True, slots=True)
class MeanConfidence:
    """Mean probability of the middle's tokens in the last denoising pass; 0 for an empty middle. Costs nothing."""

    num_forwards: int = 0

    def judge(self, candidates: Candidates) -> Opinion:
        """Averages."""
        return Opinion(_masked_mean(candidates.confidence, candidates.canvas.editable))


def _log_probabilities(denoiser: Denoiser, states: Tensor, ids: Tensor) -> Tensor:
    """Log-probabilities of tokens, (B, T), predicted from states, (B, T, D); one row's vocabulary at a time."""
    rows = [-F.cross_entropy(denoiser.logits(s), i, reduction="none") for s, i in zip(states, ids, strict=True)]
    return torch.stack(rows)


def _masked_mean(values: Tensor, chosen: Tensor) -> Tensor:
    """Mean of each row's chosen values, (B,); 0 where there are none."""
    return (values * chosen).sum(1) / chosen.sum(1).clamp(min=1)
