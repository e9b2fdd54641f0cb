"""The tensors that a captured step reads and writes, in place."""

from dataclasses import dataclass

import torch
from torch import Tensor

from lacuna_model.captured.rings import allocate_rings
from lacuna_model.transformer.denoiser import Denoiser, KeyValues


@dataclass(frozen=True, slots=True)
class Shape:
    """What a captured step is made for; a request is padded to it.

    Attributes:
        batch: rows.
        length: positions of a row.
        num_slots: slots of all rows together.
        capacity: tokens of the prefix.
    """

    batch: int
    length: int
    num_slots: int
    capacity: int


@dataclass(frozen=True, slots=True, eq=False)
class Buffers:
    """All that a step reads and writes, in place; what is not said here is as in `State`, padded.

    Attributes:
        prefix: keys and values in rings.
        prefix_length: how many tokens of it there are, (1,) int64.
        padding: positions behind a row's end, (B, L) bool.
        editable: slots, (B, L) bool.
        rows: where the slots lie in the flattened canvas, (num_slots,) int64; the last one repeats at the end.
        temperature: of each row in this step, (B,) float32.
        numbers: drawn for the candidates, (B, L) float32.
        fresh: noise drawn for the next canvas, (B, L) int64.
        num_steps: made until all rows were finished, () int64.
    """

    prefix: KeyValues
    prefix_length: Tensor
    padding: Tensor
    editable: Tensor
    rows: Tensor
    temperature: Tensor
    numbers: Tensor
    fresh: Tensor
    ids: Tensor
    whole: Tensor
    confidence: Tensor
    is_open: Tensor
    beliefs: Tensor
    num_stable_steps: Tensor
    finished: Tensor
    num_steps: Tensor

    @classmethod
    def allocate(cls, denoiser: Denoiser, shape: Shape) -> "Buffers":
        """Makes buffers of a canvas of padding."""
        device, dtype = denoiser.device, denoiser.dtype
        places = (shape.batch, shape.length)

        def zeros(*size: int, dtype: torch.dtype = torch.int64) -> Tensor:
            return torch.zeros(size, dtype=dtype, device=device)

        return cls(
            prefix=allocate_rings(denoiser, shape.capacity),
            prefix_length=zeros(1),
            padding=zeros(*places, dtype=torch.bool),
            editable=zeros(*places, dtype=torch.bool),
            rows=zeros(shape.num_slots),
            temperature=zeros(shape.batch, dtype=torch.float32),
            numbers=zeros(*places, dtype=torch.float32),
            fresh=zeros(*places),
            ids=zeros(*places),
            whole=zeros(*places),
            confidence=zeros(*places, dtype=torch.float32),
            is_open=zeros(*places, dtype=torch.bool),
            beliefs=zeros(*places, denoiser.config.hidden_size, dtype=dtype),
            num_stable_steps=zeros(shape.batch),
            finished=zeros(shape.batch, dtype=torch.bool),
            num_steps=zeros(),
        )
