"""What one forward pass says about every slot."""

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F  # noqa: N812 - the name every PyTorch reader knows
from torch import Tensor

from lacuna_model.sampling.draws import Draws


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """Figures for every position of a canvas, (B, L); those of given tokens mean nothing.

    Attributes:
        best: most probable token, int64.
        candidate: token proposed for acceptance, int64: drawn, or the best at temperature 0.
        entropy: of the slot's distribution in nats, float32.
        confidence: probability of the best token, float32.
        logits: of all tokens at the slots alone, not divided by any temperature, (N, V) float32.
        rows: where the slots lie in the flattened canvas, (N,) int64.
    """

    best: Tensor
    candidate: Tensor
    entropy: Tensor
    confidence: Tensor
    logits: Tensor
    rows: Tensor

    @classmethod
    def of_logits(
        cls, logits: Tensor, tempered: Tensor, ids: Tensor, rows: Tensor, is_greedy: Tensor | None, draws: Draws
    ) -> "Prediction":
        """Reads the logits of the slots.

        Args:
            logits: as the denoiser gave them, (N, V) float32.
            tempered: divided by the temperature, (N, V) float32: what decides.
            ids: the canvas, (B, L) int64.
            rows: where the slots lie in the flattened canvas, (N,) int64.
            is_greedy: slots that propose their best token instead of a drawn one, (N,) bool; None: all do.
            draws: for the others.
        """
        log_probabilities = F.log_softmax(tempered, dim=-1)  # (N, V)
        probabilities = F.softmax(tempered, dim=-1)
        confidence, best = probabilities.max(-1)  # (N,)
        candidate = best
        if is_greedy is not None:
            candidate = torch.where(is_greedy, best, draws.tokens(probabilities, rows, ids.shape))
        return cls(
            best=_spread(best, rows, ids),
            candidate=_spread(candidate, rows, ids),
            entropy=_spread(-(probabilities * log_probabilities).sum(-1), rows, ids),
            confidence=_spread(confidence, rows, ids),
            logits=logits,
            rows=rows,
        )

    def with_text(self, tokens: Tensor) -> "Prediction":
        """Proposes given tokens instead, (N,) int64; a negative one leaves its slot as it is."""
        is_given = tokens >= 0
        probability = self.logits.softmax(1).gather(1, tokens.clamp(min=0)[:, None]).squeeze(1)

        def spread(values: Tensor, otherwise: Tensor) -> Tensor:
            return _spread(torch.where(is_given, values, otherwise.flatten()[self.rows]), self.rows, otherwise)

        return replace(
            self,
            best=spread(tokens, self.best),
            candidate=spread(tokens, self.candidate),
            confidence=spread(probability, self.confidence),
        )

    def probability_of(self, ids: Tensor) -> Tensor:
        """Untempered probability of one token at every slot, (B, L) float32, for token ids, (B, L) int64."""
        chosen = self.logits.gather(1, ids.flatten()[self.rows, None]).squeeze(1)
        return _spread((chosen - self.logits.logsumexp(1)).exp(), self.rows, ids)


def _spread(values: Tensor, rows: Tensor, like: Tensor) -> Tensor:
    """Puts the slots' values, (N,), where the slots lie in a canvas, (B, L); zeros elsewhere."""
    return values.new_zeros(like.numel()).index_copy(0, rows, values).view_as(like)
