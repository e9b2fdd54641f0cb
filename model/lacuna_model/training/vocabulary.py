"""Trains the tokenizer: a byte-level BPE of 8,192 tokens that knows about indentation."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from tokenizers import AddedToken, Regex, decoders, models, pre_tokenizers, trainers
from tokenizers import Tokenizer as BaseTokenizer

from lacuna_model.errors import ConfigError
from lacuna_model.evaluation.documents import Document, read_documents

VOCABULARY_SIZE = 8192

SPECIAL_TOKENS = (
    *("<pad>", "<eos>", "<bos>", "<delete>", "<mask>"),
    *("<|python|>", "<|javascript|>", "<|typescript|>", "<|json|>", "<|text|>"),
    *(f"<|reserved_{number}|>" for number in range(6)),
)
"""Tokens that text never encodes to; their ids are their places here."""

PIECES = (
    r"(?:\r?\n)+[ \t]*"  # line ends and the indentation after them: one token for "\n        "
    r"| ?[\p{L}_][\p{L}\p{M}_]*"  # a word or an identifier, with the space before it
    r"| ?\p{N}"  # digits one by one
    r"| ?[^\s\p{L}\p{N}_]{1,3}"  # short runs of punctuation
    r"|[ \t]+(?=[ \t\r\n]|$)|\s"  # spaces but for the one that belongs to what follows
)
"""Pieces within which merges happen."""

_BYTES_PER_TRAINING_RUN = 60_000_000
_MAX_TOKEN_CHARACTERS = 24


def train_tokenizer(corpus: Path, directory: Path) -> dict[str, float]:
    """Trains on `corpus`/train.jsonl.gz and writes tokenizer.json and tokenizer_config.json into `directory`.

    At most the first 60 MB of documents are read; the corpus is shuffled, so they keep its mix of languages.

    Returns:
        Characters per token by language, measured on `corpus`/valid.jsonl.gz.

    Raises:
        ConfigError: if the corpus cannot be read, or is too small for 8,192 tokens.
    """
    tokenizer = train_on((document.text for document in read_documents(corpus / "train.jsonl.gz")), VOCABULARY_SIZE)
    directory.mkdir(parents=True, exist_ok=True)
    for name, content in (
        ("tokenizer.json", tokenizer.to_str(pretty=False)),
        ("tokenizer_config.json", json.dumps(_TOKENIZER_CONFIG, indent=2)),
    ):
        partial = directory / f"{name}.partial"
        partial.write_text(content + "\n", encoding="utf-8")
        partial.replace(directory / name)
    return characters_per_token(tokenizer, read_documents(corpus / "valid.jsonl.gz"))


def train_on(texts: Iterable[str], vocabulary_size: int) -> BaseTokenizer:
    """Trains a tokenizer of exactly `vocabulary_size` tokens: the special ones, the 256 bytes, then merges.

    Raises:
        ConfigError: if the texts hold too few different pairs to fill the vocabulary.
    """
    tokenizer = BaseTokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PIECES), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary_size,
        special_tokens=[AddedToken(token, special=True, normalized=False) for token in SPECIAL_TOKENS],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        max_token_length=_MAX_TOKEN_CHARACTERS,
        show_progress=False,
    )
    tokenizer.train_from_iterator(_first_bytes(texts, _BYTES_PER_TRAINING_RUN), trainer)
    if tokenizer.get_vocab_size() != vocabulary_size:
        raise ConfigError(
            f"the corpus is too small: {tokenizer.get_vocab_size()} tokens found, {vocabulary_size} wanted"
        )
    return tokenizer


def characters_per_token(tokenizer: BaseTokenizer, documents: Iterable[Document]) -> dict[str, float]:
    """Characters that one token stands for on average, by language."""
    characters: Counter[str] = Counter()
    tokens: Counter[str] = Counter()
    for document in documents:
        characters[document.language] += len(document.text)
        tokens[document.language] += len(tokenizer.encode(document.text, add_special_tokens=False).ids)
    return {language: characters[language] / tokens[language] for language in sorted(characters) if tokens[language]}


def _first_bytes(texts: Iterable[str], limit: int) -> Iterator[str]:
    for text in texts:
        if limit <= 0:
            return
        limit -= len(text.encode())
        yield text


_TOKENIZER_CONFIG = {
    "tokenizer_class": "PreTrainedTokenizerFast",
    "pad_token": "<pad>",
    "eos_token": "<eos>",
    "bos_token": "<bos>",
    "mask_token": "<mask>",
    "additional_special_tokens": [*SPECIAL_TOKENS[3:4], *SPECIAL_TOKENS[5:]],
    "clean_up_tokenization_spaces": False,
}
