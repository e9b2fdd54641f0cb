"""Structured tasks: canvases of which some tokens are given and the others have to be found, each in its slot.

A task is a file of JSON lines, an example each: `prefix`, which is read before the canvas, `canvas`, the whole right
text of it, and `givens`, a text of the same length that differs from it at the characters to be found.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
from torch.utils.data import Dataset

from lacuna_model.config import DenoiserConfig
from lacuna_model.errors import InputError
from lacuna_model.evaluation.rows import read_rows
from lacuna_model.tokenizer import Tokenizer
from lacuna_model.training.examples import ANY, Order, Role, Window

SUFFIXES = (".jsonl", ".jsonl.gz")


@dataclass(frozen=True, slots=True)
class CanvasExample:
    """One example, as token ids.

    Attributes:
        prefix: what the encoder reads.
        canvas: the right tokens.
        is_given: which of them are clamped.
    """

    prefix: tuple[int, ...]
    canvas: tuple[int, ...]
    is_given: tuple[bool, ...]


def read_examples(path: Path, tokenizer: Tokenizer, config: DenoiserConfig) -> list[CanvasExample]:
    """Reads a task. What is given and what is to be found is tokenised apart, stretch by stretch.

    Raises:
        InputError: the file cannot be read, or an example is wrong; the message names it.
    """
    examples = []
    for number, row in enumerate(read_rows(path, ("prefix", "givens", "canvas")), start=1):
        prefix, givens, canvas = row["prefix"], row["givens"], row["canvas"]
        if len(givens) != len(canvas) or givens == canvas:
            raise InputError(
                f"{path}, example {number}: givens must be as long as canvas, and leave something to find."
            )
        known = [one == other for one, other in zip(givens, canvas, strict=True)]
        stretches = [(is_given, list(places)) for is_given, places in groupby(range(len(known)), known.__getitem__)]
        pieces = tokenizer.encode_batch([prefix, *(canvas[places[0] : places[-1] + 1] for _, places in stretches)])
        language = tokenizer.language_id("text")
        example = CanvasExample(
            prefix=(config.bos_token_id, *(() if language is None else (language,)), *pieces[0]),
            canvas=tuple(token for piece in pieces[1:] for token in piece),
            is_given=tuple(is_given for (is_given, _), piece in zip(stretches, pieces[1:], strict=True) for _ in piece),
        )
        examples.append(example)
    if not examples:
        raise InputError(f"There is no example in {path}.")
    return examples


class CanvasDataset(Dataset[Window]):
    """Examples as windows of one canvas each, endlessly, in an order that the seed decides."""

    def __init__(self, examples: Sequence[CanvasExample], pad_token_id: int, seed: int) -> None:
        self.examples = examples
        self.pad_token_id = pad_token_id
        self.num_tokens = max(len(example.prefix) for example in examples)
        self.canvas_length = max(len(example.canvas) for example in examples)
        self.order = Order(len(examples), seed)

    def __getitem__(self, index: int) -> Window:
        """Window `index`, the same for the same seed."""
        example = self.examples[self.order[index]]
        tokens = np.full(self.num_tokens, self.pad_token_id)
        canvases = np.full((1, self.canvas_length), self.pad_token_id)
        roles = np.full((1, self.canvas_length), int(Role.GIVEN))
        length = len(example.canvas)
        tokens[: len(example.prefix)] = example.prefix
        canvases[0, :length] = example.canvas
        roles[0, :length] = np.where(example.is_given, Role.GIVEN, Role.MIDDLE)
        return Window(tokens, canvases, roles, np.array([len(example.prefix)]), np.array([ANY]))
