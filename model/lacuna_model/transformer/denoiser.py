"""DiffusionGemma's text model: one stack of weights that encodes a prefix and denoises a canvas."""

import math

import torch
import torch.nn.functional as F  # noqa: N812 - the name every PyTorch reader knows
from torch import Tensor, nn

from lacuna_model.config import DenoiserConfig, LayerKind
from lacuna_model.transformer.attention import Attention, LayerKeyValues
from lacuna_model.transformer.feedforward import FeedForward
from lacuna_model.transformer.layer import Layer
from lacuna_model.transformer.linear import Embedding
from lacuna_model.transformer.norm import RMSNorm, rms_normalize
from lacuna_model.transformer.rope import Rotation, rotary_frequencies, rotation

KeyValues = tuple[LayerKeyValues, ...]
"""Keys and values of every layer for the same tokens: what the encoder writes and the denoiser reads."""


class SelfConditioning(FeedForward):
    """Mixes what the last denoising step believed into the canvas' embeddings (Chen et al., 2022)."""

    def __init__(self, config: DenoiserConfig) -> None:
        super().__init__(config.hidden_size, config.intermediate_size)
        self.eps = config.rms_norm_eps
        self.pre_norm = RMSNorm(config.hidden_size, config.rms_norm_eps)

    def mix(self, embeddings: Tensor, beliefs: Tensor | None) -> Tensor:
        """Adds soft embeddings to embeddings, both (B, L, D), and normalises; without beliefs only normalises."""
        if beliefs is not None:
            embeddings = embeddings + self(self.pre_norm(beliefs))
        return rms_normalize(embeddings, self.eps).type_as(embeddings)


class Denoiser(nn.Module):
    """The denoiser: `encode` reads given text causally, `denoise` reads a canvas in both directions.

    Both run the same layers. `encode` returns the keys and values of what it read; `denoise` attends to them and to
    the canvas, and writes nothing.
    """

    def __init__(self, config: DenoiserConfig) -> None:
        super().__init__()
        self.config = config
        self.embed_tokens = Embedding(config.vocab_size, config.hidden_size)
        self.stack = tuple(Layer(config, kind) for kind in config.layer_kinds)
        self.layers = nn.ModuleList(self.stack)  # registers their parameters
        self.norm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.self_conditioning = SelfConditioning(config)

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return self.embed_tokens.weight.device

    @property
    def dtype(self) -> torch.dtype:
        """Type of the weights."""
        return self.embed_tokens.weight.dtype

    @property
    def num_bytes_of_token(self) -> int:
        """Memory that the keys and values of one token take."""
        heads = (module.config for module in self.modules() if isinstance(module, Attention))
        return self.dtype.itemsize * sum(2 * config.num_kv_heads * config.head_dim for config in heads)

    def encode(self, token_ids: Tensor, prefix: KeyValues | None = None) -> tuple[Tensor, KeyValues]:
        """Reads text causally.

        Args:
            token_ids: the next tokens of the text, (B, T) int64.
            prefix: keys and values of the text before them, if any.

        Returns:
            Normalised hidden states, (B, T, D), and the keys and values of these tokens alone.
        """
        length = token_ids.shape[1]
        start = 0 if prefix is None else prefix[0][0].shape[2]
        seen = self._seen(start)
        masks = {
            kind: _causal_mask(first, start, length, self.config.attention(kind).window, token_ids.device)
            for kind, first in seen.items()
        }
        rotations = self._rotations(torch.arange(start, start + length, device=token_ids.device)[None])
        states = self.embed(token_ids)
        written = []
        for index, layer in enumerate(self.stack):
            mask = masks[layer.kind]
            states, key_values = layer(
                states,
                rotations[layer.kind],
                None if prefix is None else _from(seen[layer.kind], prefix[index]),
                mask,
                is_encoding=True,
                is_causal=start == 0 and mask is None,
            )
            written.append(key_values)
        return self.norm(states), tuple(written)

    def denoise(
        self,
        canvas: Tensor,
        prefix: KeyValues,
        beliefs: Tensor | None = None,
        prefix_lengths: Tensor | None = None,
        padding: Tensor | None = None,
    ) -> Tensor:
        """Reads a canvas in both directions, after a prefix.

        Args:
            canvas: token ids, (B, L) int64.
            prefix: keys and values of the text before the canvas, of B rows or one row that all share. With
                `prefix_lengths` a layer may hold the last ones alone, in a ring: those of position p at p modulo the
                number of places.
            beliefs: soft embeddings of the last step, (B, L, D); None in the first step.
            prefix_lengths: how many tokens of the prefix each row may see, (B,) int64; None: all.
            padding: positions behind a row's end, which no other may see, (B, L) bool; None: there are none.

        Returns:
            Normalised hidden states, (B, L, D).
        """
        length = canvas.shape[1]
        longest = prefix[0][0].shape[2]
        starts = torch.full((1,), longest, device=canvas.device) if prefix_lengths is None else prefix_lengths
        rotations = self._rotations(starts[:, None] + torch.arange(length, device=canvas.device))
        seen = self._seen(longest) if prefix_lengths is None else dict.fromkeys(self.config.layer_kinds, 0)
        num_places = {layer.kind: keys.shape[2] for layer, (keys, _) in zip(self.stack, prefix, strict=True)}
        masks: dict[LayerKind, Tensor | None] = {}
        for kind, first in seen.items():
            if prefix_lengths is not None:
                window = self.config.attention(kind).window
                masks[kind] = _canvas_mask(canvas, starts, num_places[kind], padding, window)
            else:
                masks[kind] = None if padding is None else _padding_mask(padding, longest - first)
        states = self.self_conditioning.mix(self.embed(canvas), beliefs)
        for layer, key_values in zip(self.stack, prefix, strict=True):
            visible = _from(seen[layer.kind], key_values)
            states, _ = layer(states, rotations[layer.kind], visible, masks[layer.kind], is_encoding=False)
        normalized: Tensor = self.norm(states)
        return normalized

    def logits(self, states: Tensor) -> Tensor:
        """Scores over the vocabulary, (..., V) float32, of normalised hidden states, (..., D)."""
        scores = F.linear(states, self.embed_tokens.weight).float()
        return self.config.logit_softcap * torch.tanh(scores / self.config.logit_softcap)

    def beliefs(self, logits: Tensor) -> Tensor:
        """Expected embedding under each position's logits, (..., V) to (..., D): the soft embeddings."""
        weight = self.embed_tokens.weight
        return (F.softmax(logits, dim=-1, dtype=torch.float32).to(weight.dtype) @ weight) * self._embedding_scale()

    def embed(self, token_ids: Tensor) -> Tensor:
        """Scaled embeddings, (..., D), of token ids, (...)."""
        embeddings: Tensor = self.embed_tokens(token_ids) * self._embedding_scale()
        return embeddings

    def _embedding_scale(self) -> Tensor:
        return torch.tensor(math.sqrt(self.config.hidden_size), dtype=self.dtype)  # rounded as the weights are

    def _seen(self, num_tokens: int) -> dict[LayerKind, int]:
        """The first token of a prefix that each kind of layer sees from behind its end."""
        windows = {kind: self.config.attention(kind).window for kind in self.config.layer_kinds}
        return {kind: 0 if window is None else max(0, num_tokens - window + 1) for kind, window in windows.items()}

    def _rotations(self, positions: Tensor) -> dict[LayerKind, Rotation]:
        return {
            kind: rotation(positions, rotary_frequencies(self.config.attention(kind), positions.device), self.dtype)
            for kind in set(self.config.layer_kinds)
        }


def _from(first: int, key_values: LayerKeyValues) -> LayerKeyValues:
    """Keys and values from some token on."""
    keys, values = key_values
    return keys[:, :, first:], values[:, :, first:]


def _causal_mask(first: int, start: int, length: int, window: int | None, device: torch.device) -> Tensor | None:
    """Mask of new tokens over [prefix from `first` on ; new tokens], (T, P + T); None where no mask is needed."""
    end = start + length
    if length == 1 or (start == 0 and (window is None or end <= window)):
        return None
    distance = torch.arange(start, end, device=device)[:, None] - torch.arange(first, end, device=device)  # (T, P + T)
    mask = distance >= 0
    return mask if window is None else mask & (distance < window)


def _padding_mask(padding: Tensor, num_seen: int) -> Tensor:
    """Mask of each row's canvas over [what it sees of the prefix ; canvas], (B, 1, 1, P + L)."""
    return F.pad(~padding, (num_seen, 0), value=True)[:, None, None, :]


def _canvas_mask(
    canvas: Tensor, prefix_lengths: Tensor, num_places: int, padding: Tensor | None, window: int | None
) -> Tensor:
    """Mask of each row's canvas over [ring of the prefix ; canvas], (B, 1, 1, P + L).

    A sliding layer shows the whole canvas its last `window - 1` prefix tokens.
    """
    ends = prefix_lengths[:, None]
    places = torch.arange(num_places, device=canvas.device)
    num_behind = (ends - 1 - places) % num_places  # (B or 1, P): tokens of the prefix behind the one that lies there
    seen = num_behind < ends
    if window is not None:
        seen = seen & (num_behind < window - 1)
    visible = torch.ones_like(canvas, dtype=torch.bool) if padding is None else ~padding  # (B, L)
    return torch.cat((seen.expand(len(canvas), -1), visible), dim=1)[:, None, None, :]
