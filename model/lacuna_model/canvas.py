"""The canvas: slots to be filled, and given tokens that can never change."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

CLAMPED = -1
PADDING = -2


@dataclass(frozen=True, slots=True, eq=False)
class Canvas:
    """A batch of canvases of one length.

    Attributes:
        ids: tokens, (B, L) int64.
        gaps: the gap that each position is a slot of, counted from 0, or CLAMPED for given tokens, or PADDING behind
            the end of a row, (B, L) int64. Gaps are numbered from left to right.
        pad_token_id: the token of padding.
    """

    ids: Tensor
    gaps: Tensor
    pad_token_id: int

    def __post_init__(self) -> None:
        assert self.ids.shape == self.gaps.shape and self.ids.dim() == 2

    @classmethod
    def of_rows(cls, rows: Sequence[Sequence[tuple[int, int]]], pad_token_id: int, device: torch.device) -> "Canvas":
        """Stacks rows of (token, gap or CLAMPED), padded at the right to the longest."""
        longest = max(len(row) for row in rows)
        padded = [[*row, *[(pad_token_id, PADDING)] * (longest - len(row))] for row in rows]
        ids, gaps = torch.tensor(padded, dtype=torch.int64, device=device).view(len(rows), longest, 2).unbind(-1)
        return cls(ids.contiguous(), gaps.contiguous(), pad_token_id)

    @property
    def editable(self) -> Tensor:
        """Which positions are slots, (B, L) bool."""
        return self.gaps >= 0

    @property
    def open(self) -> Tensor:
        """Slots that hold no token yet: padding stands in its place, (B, L) bool."""
        return self.editable & (self.ids == self.pad_token_id)

    @property
    def padding(self) -> Tensor | None:
        """Which positions lie behind a row's end, (B, L) bool; None where there are none."""
        is_padding = self.gaps == PADDING
        return is_padding if bool(is_padding.any()) else None

    def write(self, ids: Tensor, where: Tensor) -> "Canvas":
        """Puts tokens into slots.

        Args:
            ids: tokens, (B, L) int64.
            where: slots to write to, (B, L) bool; given tokens may not be among them.
        """
        assert not bool((where & (self.gaps < 0)).any()), "given tokens cannot be written"
        return replace(self, ids=torch.where(where, ids, self.ids))

    def take(self, rows: Tensor) -> "Canvas":
        """A batch of some of the rows, (B',) int64; a row may be taken several times."""
        return replace(self, ids=self.ids[rows], gaps=self.gaps[rows])

    def drop(self, slots: Tensor) -> tuple["Canvas", Tensor]:
        """Takes slots out; what stands behind them moves left.

        Args:
            slots: (B, L) bool; given tokens may not be among them.

        Returns:
            The shorter canvas, (B, L'), and for each of its positions the one it came from, (B, L') int64: what lies
            beside a canvas is moved along by `gather`. Behind a row's end it points to any dropped position.
        """
        assert not bool((slots & (self.gaps < 0)).any()), "given tokens cannot be dropped"
        return self.keep(~slots)

    def keep(self, positions: Tensor) -> tuple["Canvas", Tensor]:
        """The same canvas as if it had only some of its positions, (B, L) bool; returns what `drop` does."""
        gone = ~positions | (self.gaps == PADDING)
        num_kept = (~gone).sum(1)  # (B,)
        length = int(num_kept.max())
        order = gone.to(torch.uint8).argsort(dim=1, stable=True)[:, :length]  # (B, L')
        is_padding = torch.arange(length, device=order.device) >= num_kept[:, None]
        ids = self.ids.gather(1, order).masked_fill(is_padding, self.pad_token_id)
        gaps = self.gaps.gather(1, order).masked_fill(is_padding, PADDING)
        return replace(self, ids=ids, gaps=gaps), order

    def behind(self, slots: Tensor, fences: Tensor) -> Tensor:
        """Positions at or right of the first of some slots in the same stretch of a gap, (B, L) bool.

        Args:
            slots: (B, L) bool.
            fences: slots that a new stretch of their gap begins with, (B, L) bool.
        """
        # These numbers never fall from left to right, so the greatest one met is that of the last slot met.
        stretches = self.gaps * self.gaps.shape[1] + fences.cumsum(1)
        met = torch.where(slots, stretches, CLAMPED).cummax(1).values
        return self.editable & (met == stretches)
