"""How clean canvases become noisy ones.

A noise level t is drawn for each canvas, or for each of its gaps, and every slot of a gap's text is masked with
probability t, as in masked and uniform-state discrete diffusion (Austin et al., 2021; Sahoo et al., 2024). Slots
behind the text's end are masked always: the sampler drops them the moment it commits a delete, so no canvas it makes
ever shows one. A share of the canvases is masked as beams make them: the text up to some token is there, the rest not;
so are those whose batch says how much is there.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812 - the name every PyTorch reader knows
from torch import Tensor

from lacuna_model.config import NoiseKind
from lacuna_model.training.examples import ANY, Batch, Role


@dataclass(frozen=True, slots=True)
class Noising:
    """What masks a slot, and what else goes wrong in a canvas.

    Attributes:
        kind: masked slots hold the mask token (absorbing) or a random token (uniform).
        revision: share of the unmasked slots of absorbing noise that hold a wrong token, to be corrected.
        full: share of canvases in which everything is masked, as in the first step of every fill.
        left_to_right: share of canvases that show the first slots alone.
        others_weight: weight of their masked slots in the loss; the first one, which is decided next, weighs 1.
        surplus_weight: weight of a surplus slot in the loss; the first one, which matters, weighs 1.
        visible_weight: weight of an unmasked, right token where wrong ones occur: it must be kept.
    """

    kind: NoiseKind = "absorbing"
    revision: float = 0.1
    full: float = 0.25
    left_to_right: float = 0.0
    others_weight: float = 0.25
    surplus_weight: float = 0.1
    visible_weight: float = 0.2

    def __post_init__(self) -> None:
        if not all(0 <= share <= 1 for share in (self.revision, self.full, self.left_to_right)):
            raise ValueError("revision, full and left_to_right are shares between 0 and 1")


class NoisyCanvases(NamedTuple):
    """Canvases to denoise.

    Attributes:
        ids: (B * K, L) int64.
        weights: weight of every position in the loss, (B * K, L) float32; 0 for given tokens.
    """

    ids: Tensor
    weights: Tensor


def add_noise(
    batch: Batch, noising: Noising, mask_token_id: int | None, vocab_size: int, generator: torch.Generator
) -> NoisyCanvases:
    """Masks slots and corrupts some of those left, on the batch's device."""
    shape = batch.canvases.shape
    device = batch.canvases.device

    def uniform(*size: int) -> Tensor:
        return torch.rand(size, generator=generator, device=device)

    def levels(*size: int) -> Tensor:
        return torch.where(uniform(*size) < noising.full, 1.0, uniform(*size).clamp(min=1e-3))

    is_given = batch.roles == Role.GIVEN
    gap_of = (is_given[:, :-1] & ~is_given[:, 1:]).cumsum(1)  # (B * K, L - 1), of every position but the first
    level_of_gap = levels(*shape).gather(1, F.pad(gap_of, (1, 0)))
    is_even = uniform(shape[0], 1) < 0.5
    level = torch.where(is_even, levels(shape[0], 1), level_of_gap)
    is_middle = batch.roles == Role.MIDDLE
    is_surplus = (batch.roles == Role.END) | (batch.roles == Role.SURPLUS)
    is_given_order = batch.num_shown[:, None] != ANY  # (B * K, 1)
    num_shown = (uniform(shape[0], 1) * (is_middle.sum(1, keepdim=True) + 1)).floor()
    num_shown = torch.where(is_given_order, batch.num_shown[:, None], num_shown)
    is_ordered = (uniform(shape[0], 1) < noising.left_to_right) | is_given_order
    is_hidden = torch.where(is_ordered, is_middle.cumsum(1) > num_shown, uniform(*shape) < level)
    masked = is_surplus | (is_middle & is_hidden)
    random_ids = torch.randint(vocab_size, shape, generator=generator, device=device)
    is_absorbing = noising.kind == "absorbing"
    slot = torch.full_like(random_ids, mask_token_id) if is_absorbing and mask_token_id is not None else random_ids
    ids = torch.where(masked, slot, batch.canvases)
    weights = masked.float()
    if is_absorbing and noising.revision > 0:
        wrong = is_middle & ~masked & (uniform(*shape) < noising.revision)
        ids = torch.where(wrong, random_ids, ids)
        weights = torch.where(is_middle & ~masked, noising.visible_weight, weights)
        weights = torch.where(wrong, 1.0, weights)
    elif not is_absorbing:
        weights = (is_middle | is_surplus).float()
    is_later = is_ordered & masked & (masked.cumsum(1) > 1)
    weights = torch.where(is_later, noising.others_weight * weights, weights)
    weights = torch.where(batch.roles == Role.SURPLUS, noising.surplus_weight * weights, weights)
    return NoisyCanvases(ids, weights)
