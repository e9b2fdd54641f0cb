"""Losses of runs on held-out text, comparable between runs: the same windows and gaps, whichever run is asked."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F  # noqa: N812 - the name every PyTorch reader knows
from rich.table import Column, Table
from torch import Tensor

from lacuna_model.errors import InputError
from lacuna_model.training.examples import Batch, Role, WindowDataset, batches
from lacuna_model.training.loss import IGNORED, of_canvases
from lacuna_model.training.noising import Noising, add_noise
from lacuna_model.training.recipe import BEAMS_SHAPE
from lacuna_model.training.runs import Material
from lacuna_model.training.spans import SpanMixture
from lacuna_model.transformer.denoiser import Denoiser

BATCH_SIZE = 8
SHAPE = replace(BEAMS_SHAPE, beams=1.0)
NOISING = Noising("absorbing", revision=0.0)


@dataclass(frozen=True, slots=True, eq=False)
class HeldOutLosses:
    """Cross-entropies in nats.

    Attributes:
        next_token: of the causal mode, one mean over the text of each window, (N,) float64.
        next_slot: of the slot that beams decide next, seen as they see it, one of each gap, (G,) float64.
    """

    next_token: Tensor
    next_slot: Tensor


@torch.inference_mode()
def measure(model: Denoiser, material: Material, num_windows: int, seed: int) -> HeldOutLosses:
    """Measures a denoiser with absorbing noise.

    Args:
        model: the denoiser.
        material: its held-out documents are used.
        num_windows: how many windows of them; the last batch is a full one.
        seed: of windows and gaps.

    Raises:
        InputError: the denoiser was trained with other noise.
    """
    config = model.config
    if config.mask_token_id is None:
        raise InputError("Only runs with absorbing noise can be measured: beams fill masked slots.")
    windows = WindowDataset(material.held_out, material.vocabulary, config, SHAPE, SpanMixture(), seed)
    next_token, next_slot = [], []
    for step, batch in zip(range(-(-num_windows // BATCH_SIZE)), batches(windows, BATCH_SIZE, 0, 0), strict=False):
        generator = torch.Generator().manual_seed(seed + step)
        noisy = add_noise(batch, NOISING, config.mask_token_id, config.vocab_size, generator)
        batch = Batch(*(tensor.to(model.device) for tensor in batch))
        hidden, key_values = model.encode(batch.tokens)
        targets = batch.tokens[:, 1:].masked_fill(batch.tokens[:, 1:] == config.pad_token_id, IGNORED)
        next_token += [
            F.cross_entropy(model.logits(states[:-1]), tokens, ignore_index=IGNORED)
            for states, tokens in zip(hidden, targets, strict=True)
        ]
        prefix = of_canvases(key_values, len(batch.canvases))
        padding = batch.canvases == config.pad_token_id
        hidden = model.denoise(noisy.ids.to(model.device), prefix, None, batch.starts, padding)
        rows, places = torch.arange(len(hidden), device=hidden.device), batch.num_shown.clamp(min=0)
        losses = F.cross_entropy(model.logits(hidden[rows, places]), batch.canvases[rows, places], reduction="none")
        next_slot.append(losses[(batch.roles != Role.GIVEN).any(1)])
    return HeldOutLosses(torch.stack(next_token).double().cpu(), torch.cat(next_slot).double().cpu())


def table_of(runs: Mapping[str, HeldOutLosses]) -> Table:
    """A table of runs, each compared with the first one; standard errors are those of paired differences."""
    table = Table(Column("run", overflow="fold"), "next token", "than the first", "next slot", "than the first")
    first, *_ = runs.values()
    for name, losses in runs.items():
        cells = []
        for ours, theirs in ((losses.next_token, first.next_token), (losses.next_slot, first.next_slot)):
            difference = ours - theirs
            error = difference.std() / len(difference) ** 0.5
            cells += [f"{ours.mean():.3f}", "" if losses is first else f"{difference.mean():+.3f} ± {error:.3f}"]
        table.add_row(name, *cells)
    return table
