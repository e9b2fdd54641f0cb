"""Decoding one token at a time over tensors that stay where they are: what captured denoising is measured against."""

from dataclasses import dataclass

import torch
from torch import Tensor

from lacuna_model.captured.graph import can_be_captured, capture
from lacuna_model.captured.rings import allocate_rings, fill_rings
from lacuna_model.config import LayerKind
from lacuna_model.prefix_cache import Prefix
from lacuna_model.transformer.denoiser import Denoiser, KeyValues
from lacuna_model.transformer.rope import rotary_frequencies, rotation


@dataclass(frozen=True, slots=True, eq=False)
class DecodingBuffers:
    """All that reading a token reads and writes, in place.

    Attributes:
        held: keys and values of the tokens before the last one, in rings.
        token: the last token, (1, 1) int64.
        position: its position, which is also how many tokens there are before it, (1,) int64.
    """

    held: KeyValues
    token: Tensor
    position: Tensor

    @classmethod
    def allocate(cls, denoiser: Denoiser, capacity: int) -> "DecodingBuffers":
        """Makes buffers for the last token of a text of none before it, which may grow to `capacity` before it."""
        token, position = (torch.zeros(size, dtype=torch.int64, device=denoiser.device) for size in ((1, 1), (1,)))
        return cls(allocate_rings(denoiser, capacity), token, position)


def advance(denoiser: Denoiser, now: DecodingBuffers) -> None:
    """Reads the last token causally and puts the likeliest next one in its place: one graph, as in denoising."""
    config = denoiser.config
    num_places: dict[LayerKind, int] = {
        kind: keys.shape[2] for kind, (keys, _) in zip(config.layer_kinds, now.held, strict=True)
    }
    rotations, masks, places = {}, {}, {}
    for kind, size in num_places.items():
        frequencies = rotary_frequencies(config.attention(kind), denoiser.device)
        rotations[kind] = rotation(now.position[None], frequencies, denoiser.dtype)
        places[kind] = now.position % size  # its own; what a ring holds there, the token no longer sees
        index = torch.arange(size + 1, device=denoiser.device)  # the last one is the token itself
        is_seen = (index < now.position) & (index != places[kind]) | (index == size)
        masks[kind] = is_seen[None, None, None]  # (1, 1, 1, places + 1)
    states = denoiser.embed(now.token)  # (1, 1, D)
    for layer, held in zip(denoiser.stack, now.held, strict=True):
        states, written = layer(states, rotations[layer.kind], held, masks[layer.kind], is_encoding=True)
        for target, source in zip(held, written, strict=True):
            target[:, :, places[layer.kind]] = source
    now.token.copy_(denoiser.logits(denoiser.norm(states)).argmax(-1))
    now.position.add_(1)


class CapturedDecoding:
    """Greedy decoding after an encoded prefix, with the causal mode of the weights, ready to be run again and again.

    On CUDA the pass is compiled as a whole and captured as a graph when this is made; elsewhere it is called.
    """

    def __init__(self, denoiser: Denoiser, capacity: int) -> None:
        """Makes room for a prefix and all decoded tokens but the last, `capacity` together."""
        self.capacity = capacity
        self._denoiser = denoiser
        with torch.inference_mode():
            self.buffers = DecodingBuffers.allocate(denoiser, capacity)
            now = self.buffers

            def make() -> None:
                advance(denoiser, now)

            self.is_captured = can_be_captured(denoiser)
            self.make = capture(make, denoiser.device) if self.is_captured else make

    @torch.inference_mode()
    def load(self, prefix: Prefix) -> None:
        """Takes a prefix, at most as long as there is room for, and the first token, which it foretells."""
        now = self.buffers
        fill_rings(now.held, prefix.key_values)
        now.token.copy_(self._denoiser.logits(prefix.hidden).argmax(-1)[None])
        now.position.fill_(prefix.num_tokens)

    @torch.inference_mode()
    def decode(self, prefix: Prefix, num_tokens: int) -> list[int]:
        """Decodes exactly so many tokens; the first one needs no pass of its own, and none waits for the host."""
        assert prefix.num_tokens + num_tokens - 1 <= self.capacity
        self.load(prefix)
        tokens = [self.buffers.token.clone()]
        for _ in range(num_tokens - 1):
            self.make()
            tokens.append(self.buffers.token.clone())
        return torch.cat(tokens, dim=1)[0].tolist()
