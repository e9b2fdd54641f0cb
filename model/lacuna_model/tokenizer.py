"""Text to token ids and back, for checkpoints with a tokenizer.json."""

import json
import re
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from tokenizers import Tokenizer as BaseTokenizer

from lacuna_model.errors import CheckpointError, CheckpointNotFoundError

FILE_NAME = "tokenizer.json"

_BYTE_TOKEN = re.compile(r"<0x([0-9A-Fa-f]{2})>")
_METASPACE = "▁"


class Tokenizer:
    """A vocabulary of byte strings.

    Both spellings in use are understood: byte-level (every byte written as a printable character, "Ġ" for a space) and
    byte fallback ("▁" for a space, "<0x0A>" for bytes without a token of their own, as in Gemma's).
    """

    def __init__(self, base: BaseTokenizer) -> None:
        """Wraps a tokenizer of the tokenizers library; the library's own truncation and padding are switched off."""
        self._base = base
        self._base.encode_special_tokens = True  # "<mask>" in a source file is six characters, not a mask
        self._base.no_truncation()
        self._base.no_padding()

    @classmethod
    def load(cls, directory: Path) -> "Tokenizer":
        """Reads `directory`/tokenizer.json.

        Raises:
            CheckpointNotFoundError: if there is no such file.
            CheckpointError: if it is not a tokenizer.
        """
        path = directory / FILE_NAME
        try:
            content = path.read_text(encoding="utf-8")
        except (FileNotFoundError, NotADirectoryError) as error:
            raise CheckpointNotFoundError(f"{directory}: no {FILE_NAME} in this checkpoint directory") from error
        except (OSError, UnicodeDecodeError) as error:
            raise CheckpointError(f"{path}: cannot be read: {error}") from error
        try:
            return cls(BaseTokenizer.from_str(content))
        except Exception as error:  # the library raises nothing more specific
            raise CheckpointError(f"{path}: not a valid tokenizer: {error}") from error

    @property
    def vocab_size(self) -> int:
        """Number of tokens, special ones included."""
        return self._base.get_vocab_size()

    @cached_property
    def num_text_ids(self) -> int:
        """One more than the greatest id that stands for text; ids may have holes."""
        return max(set(self._base.get_vocab().values()) - self.special_ids, default=-1) + 1

    @cached_property
    def special_ids(self) -> frozenset[int]:
        """Ids that stand for no text."""
        return frozenset(id for id, token in self._base.get_added_tokens_decoder().items() if token.special)

    @cached_property
    def vocabulary(self) -> tuple[bytes, ...]:
        """The bytes of every token up to `num_text_ids`; none for special ones."""
        return tuple(self._bytes_of_id[: self.num_text_ids])

    def token_id(self, token: str) -> int | None:
        """Id of a token by its spelling in the vocabulary, such as "<delete>"; None if there is none."""
        return self._base.token_to_id(token)

    def language_id(self, language: str) -> int | None:
        """Id of the token that announces a language ("python"); None if the vocabulary has no such token."""
        return self.token_id(f"<|{language}|>")

    def encode(self, text: str) -> list[int]:
        """Ids of a text; never a special id, whatever the text says."""
        return self.encode_batch([text])[0]

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of several texts, in parallel."""
        return [encoding.ids for encoding in self._base.encode_batch_fast(list(texts), add_special_tokens=False)]

    def decode(self, ids: Sequence[int]) -> str:
        """Text of the ids, special ones skipped; bytes that are not UTF-8 become U+FFFD."""
        return self.decode_bytes(ids).decode("utf-8", errors="replace")

    def decode_bytes(self, ids: Sequence[int]) -> bytes:
        """Bytes of the ids, special ones skipped."""
        return b"".join(map(self.token_bytes, ids))

    def token_bytes(self, token_id: int) -> bytes:
        """The bytes that a token stands for; none for special tokens.

        Raises:
            IndexError: if the id is not in the vocabulary.
        """
        if not 0 <= token_id < len(self._bytes_of_id):
            raise IndexError(f"token id {token_id} is outside the vocabulary of {self.vocab_size}")
        return self._bytes_of_id[token_id]

    @cached_property
    def _bytes_of_id(self) -> list[bytes]:
        vocabulary = self._base.get_vocab(with_added_tokens=True)
        added = self._base.get_added_tokens_decoder()
        to_bytes = _byte_level_bytes if _is_byte_level(self._base) else _byte_fallback_bytes
        table = [b""] * (max(vocabulary.values()) + 1)
        for token, token_id in vocabulary.items():
            if token_id not in added:
                table[token_id] = to_bytes(token)
            elif token_id not in self.special_ids:
                table[token_id] = added[token_id].content.encode()  # added words are matched as they are written
        return table


def _is_byte_level(base: BaseTokenizer) -> bool:
    decoder = json.loads(base.to_str())["decoder"] or {}
    return "ByteLevel" in {part["type"] for part in (decoder, *decoder.get("decoders", ()))}


def _byte_level_alphabet() -> dict[str, int]:
    """Byte behind each character of the byte-level spelling, as GPT-2 introduced it.

    Printable bytes of Latin-1 stand for themselves; the others are numbered from U+0100 on.
    """
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(0x100 + rank): byte for rank, byte in enumerate(others)}


_BYTE_OF_CHARACTER = _byte_level_alphabet()


def _byte_level_bytes(token: str) -> bytes:
    return bytes(_BYTE_OF_CHARACTER[character] for character in token)


def _byte_fallback_bytes(token: str) -> bytes:
    if byte := _BYTE_TOKEN.fullmatch(token):
        return bytes([int(byte.group(1), 16)])
    return token.replace(_METASPACE, " ").encode()
