"""Keys and values of encoded prefixes, kept between requests so that a keystroke only encodes what it changed.

A prefix is read block by block, the last one padded, and only whole blocks are reused. So the same products are made
in the same shapes whatever was cached: a fill with the cache equals one without it bit for bit, in bfloat16 too.

Tensors are never written to once they are made: extending or truncating a document makes new ones. So a `Prefix`
stays valid for as long as its holder likes, whatever the cache does next. The price is one copy of the reused part,
which is less than the encoder itself copies when it attends to that part.
"""

from collections import OrderedDict
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from lacuna_model.transformer.denoiser import Denoiser, KeyValues

BLOCK_SIZE = 64
"""Tokens that are read at once on a CPU: as many as hardly take longer than one."""

BLOCK_SIZE_OF_ACCELERATOR = 512
"""The same elsewhere, where a pass reads all weights of a large model."""


@dataclass(frozen=True, slots=True)
class Prefix:
    """An encoded prefix; its tensors must not be written to.

    Attributes:
        key_values: keys and values of every layer, each (1, num_kv_heads, P, head_dim).
        hidden: normalised hidden state of the last token, (1, D).
        num_tokens: length P of the prefix.
        num_cached_tokens: how many of its tokens were not encoded anew.
    """

    key_values: KeyValues
    hidden: Tensor
    num_tokens: int
    num_cached_tokens: int

    @property
    def num_bytes(self) -> int:
        """Memory that the tensors take."""
        return self.hidden.nbytes + sum(keys.nbytes + values.nbytes for keys, values in self.key_values)


@dataclass(frozen=True, slots=True)
class _Entry:
    token_ids: tuple[int, ...]
    prefix: Prefix


class PrefixCache:
    """Encodes prefixes, reusing the longest common token prefix with what any document had when it was last seen.

    Holds one prefix a document and at most `max_bytes` in all; the documents not used for longest are dropped first.
    A prefix larger than `max_bytes` is encoded and not kept. Not for several threads at once.
    """

    def __init__(self, denoiser: Denoiser, max_bytes: int, block_size: int | None = None) -> None:
        """Makes an empty cache.

        Args:
            denoiser: reads.
            max_bytes: memory that the kept prefixes may take.
            block_size: tokens that are read at once; None: what suits the device.
        """
        if block_size is None:
            block_size = BLOCK_SIZE if denoiser.device.type == "cpu" else BLOCK_SIZE_OF_ACCELERATOR
        self._denoiser = denoiser
        self._block_size = block_size
        self._max_bytes = max_bytes
        self._num_bytes = 0
        self._entries: OrderedDict[str, _Entry] = OrderedDict()  # least recently used first

    @property
    def num_bytes(self) -> int:
        """Memory that the kept prefixes take."""
        return self._num_bytes

    @torch.no_grad()
    def encode(self, document: str, token_ids: list[int]) -> Prefix:
        """Encodes a prefix, or as much of it as is not known.

        Args:
            document: names the document that the prefix belongs to.
            token_ids: the whole prefix, at least one token.
        """
        assert token_ids, "a prefix has at least its first token"
        wanted = tuple(token_ids)
        prefix = self._extend(*self._closest(document, wanted), wanted)
        self._keep(document, _Entry(wanted, prefix))
        return prefix

    def _closest(self, document: str, wanted: tuple[int, ...]) -> tuple[_Entry | None, int]:
        """The entry that begins most like `wanted`, and for how many tokens; the document's own if equally good."""
        closest, length = None, 0
        own = self._entries.get(document)
        for entry in (() if own is None else (own,)) + tuple(self._entries.values()):
            if (common := _common_length(entry.token_ids, wanted)) > length:
                closest, length = entry, common
        return closest, length

    def _extend(self, entry: _Entry | None, num_common: int, wanted: tuple[int, ...]) -> Prefix:
        if entry is not None and entry.token_ids == wanted:
            return replace(entry.prefix, num_cached_tokens=len(wanted))
        size = self._block_size
        num_cached = min(num_common, len(wanted) - 1)  # the last token is read again: its hidden state is needed
        num_cached -= num_cached % size
        known: KeyValues | None = None
        if entry is not None and num_cached:
            known = tuple(
                (keys[:, :, :num_cached], values[:, :, :num_cached]) for keys, values in entry.prefix.key_values
            )
        padding = (self._denoiser.config.pad_token_id,) * (-len(wanted) % size)  # nothing before it sees it
        padded = torch.tensor([wanted + padding], device=self._denoiser.device)
        for start in range(num_cached, len(wanted), size):
            states, written = self._denoiser.encode(padded[:, start : start + size], known)
            known = _append(known, written, min(size, len(wanted) - start))
        assert known is not None
        return Prefix(
            key_values=known,
            hidden=states[:, size - len(padding) - 1].clone(),  # a view would keep the states of all tokens alive
            num_tokens=len(wanted),
            num_cached_tokens=num_cached,
        )

    def _keep(self, document: str, entry: _Entry) -> None:
        replaced = self._entries.pop(document, None)
        if replaced is not None:
            self._num_bytes -= replaced.prefix.num_bytes
        if entry.prefix.num_bytes > self._max_bytes:
            return
        self._entries[document] = entry
        self._num_bytes += entry.prefix.num_bytes
        while self._num_bytes > self._max_bytes:
            _, dropped = self._entries.popitem(last=False)
            self._num_bytes -= dropped.prefix.num_bytes


def _append(known: KeyValues | None, written: KeyValues, num_tokens: int) -> KeyValues:
    """Appends the first of some keys and values to others, in tensors of their own."""
    written = tuple((keys[:, :, :num_tokens], values[:, :, :num_tokens]) for keys, values in written)
    if known is None:
        return tuple((keys.clone(), values.clone()) for keys, values in written)
    return tuple(
        (torch.cat((old_keys, keys), dim=2), torch.cat((old_values, values), dim=2))
        for (old_keys, old_values), (keys, values) in zip(known, written, strict=True)
    )


def _common_length(first: tuple[int, ...], second: tuple[int, ...]) -> int:
    """How many tokens two sequences begin with in common."""
    length = 0
    for left, right in zip(first, second, strict=False):
        if left != right:
            break
        length += 1
    return length
