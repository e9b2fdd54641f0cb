"""The two losses: next token on the text, and the clean canvas from the noisy one."""

import torch
import torch.nn.functional as F  # noqa: N812 - the name every PyTorch reader knows
from torch import Tensor

from lacuna_model.training.noising import NoisyCanvases
from lacuna_model.transformer.denoiser import Denoiser, KeyValues

IGNORED = -100


def next_token_loss(model: Denoiser, tokens: Tensor, rows: Tensor) -> tuple[Tensor, KeyValues]:
    """Cross-entropy of the causal mode at some of its positions.

    Args:
        model: the denoiser.
        tokens: text, (B, T) int64, padded.
        rows: positions of the flattened (B, T - 1) at which to predict, (N,) int64: the vocabulary is what costs.

    Returns:
        Mean loss in nats, and the keys and values of the text.
    """
    hidden, key_values = model.encode(tokens)
    targets = tokens[:, 1:].flatten()[rows]
    targets = targets.masked_fill(targets == model.config.pad_token_id, IGNORED)
    logits = model.logits(hidden[:, :-1].flatten(0, 1)[rows])  # (N, V)
    return F.cross_entropy(logits, targets, ignore_index=IGNORED), key_values


def canvas_loss(
    model: Denoiser, canvases: Tensor, noisy: NoisyCanvases, prefix: KeyValues, starts: Tensor, self_condition: bool
) -> Tensor:
    """Weighted cross-entropy of the clean canvas, flat in the noise level, at the slots that carry weight.

    Args:
        model: the denoiser.
        canvases: the clean canvases, (B * K, L) int64.
        noisy: what the model sees of them.
        prefix: keys and values of the B windows.
        starts: how much of its window each canvas sees, (B * K,) int64.
        self_condition: run once without gradient first, and show the model what it believed.
    """
    prefix = of_canvases(prefix, len(canvases))
    slots, weights = heaviest(noisy.weights.flatten(), share=0.5)
    padding = canvases == model.config.pad_token_id
    beliefs = None
    if self_condition:
        with torch.no_grad():
            hidden = model.denoise(noisy.ids, prefix, None, starts, padding).flatten(0, 1)
            given = model.embed(noisy.ids).flatten(0, 1)
            believed = model.beliefs(model.logits(hidden[slots])).to(given.dtype)
            believed = torch.where(weights[:, None] > 0, believed, given[slots])
            beliefs = given.index_copy(0, slots, believed).view(*noisy.ids.shape, -1)
    hidden = model.denoise(noisy.ids, prefix, beliefs, starts, padding).flatten(0, 1)
    losses = F.cross_entropy(model.logits(hidden[slots]), canvases.flatten()[slots], reduction="none")
    return (losses * weights).sum() / weights.sum()


def of_canvases(prefix: KeyValues, num_canvases: int) -> KeyValues:
    """Keys and values of B windows, once for each of their canvases."""
    copies = num_canvases // prefix[0][0].shape[0]
    return tuple((k.repeat_interleave(copies, 0), v.repeat_interleave(copies, 0)) for k, v in prefix)


def heaviest(weights: Tensor, share: float) -> tuple[Tensor, Tensor]:
    """The positions of greatest weight, a fixed share of all, so that shapes stay static: (N,) indices and weights."""
    chosen = weights.topk(int(len(weights) * share))
    return chosen.indices, chosen.values
