"""How a request becomes a prefix for the encoder and a canvas: the layout that the denoiser was trained on.

Every piece of text is tokenised apart, so a cursor in the middle of a word cuts tokens there.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from lacuna_model.canvas import CLAMPED, Canvas
from lacuna_model.config import DenoiserConfig, GenerationConfig
from lacuna_model.errors import InputError
from lacuna_model.request import InfillRequest
from lacuna_model.tokenizer import Tokenizer

MIN_SUFFIX_TOKENS = 16
"""Positions of a canvas that slots leave to the suffix."""

MIN_SLOTS = 8
"""Slots a gap gets, if it wants them, however long the text between the gaps is."""

END_OF_TURN = 106
"""DiffusionGemma's `<turn|>`, which ended every text it was tuned on."""

MAX_CHARACTERS_PER_TOKEN = 8
"""Longer text is not tokenised only to be cut off again."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The tokens of a request.

    Attributes:
        prefix: tokens before the first gap, at least one.
        anchors: given tokens between the gaps.
        suffix: given tokens behind the last gap, more than fit.
        max_slots: most slots of each gap in one canvas.
        length: length of a canvas, more only where the anchors need it.
        pad_token_id: fills rows that are shorter than others.
    """

    prefix: tuple[int, ...]
    anchors: tuple[tuple[int, ...], ...]
    suffix: tuple[int, ...]
    max_slots: int
    length: int
    pad_token_id: int

    def canvas(self, num_slots: Sequence[int], device: torch.device) -> tuple[Canvas, torch.Tensor]:
        """Lays out one row for each number of slots a gap.

        Returns:
            The canvas, its slots still without noise, and each row's number of tokens behind the last gap, (B,) int64.
        """
        rows: list[list[tuple[int, int]]] = []
        num_suffix_tokens = []
        for slots in num_slots:
            row = [(self.pad_token_id, 0)] * slots
            for gap, anchor in enumerate(self.anchors, start=1):
                row += [(token, CLAMPED) for token in anchor]
                row += [(self.pad_token_id, gap)] * slots
            head = self.suffix[: max(MIN_SUFFIX_TOKENS, self.length - len(row))]
            rows.append(row + [(token, CLAMPED) for token in head])
            num_suffix_tokens.append(len(head))
        return Canvas.of_rows(rows, self.pad_token_id, device), torch.tensor(num_suffix_tokens, device=device)


def lay_out(
    request: InfillRequest,
    tokenizer: Tokenizer,
    config: DenoiserConfig,
    generation: GenerationConfig,
    max_prefix_tokens: int,
) -> Layout:
    """Tokenises a request.

    Raises:
        InputError: the text between the gaps is longer than the model can read.
    """
    before, *between, after = request.segments
    anchors = tuple(tuple(tokenizer.encode(text)) for text in between)
    num_anchor_tokens = sum(len(anchor) for anchor in anchors)
    room = (config.canvas_length - MIN_SUFFIX_TOKENS - num_anchor_tokens) // request.num_gaps
    max_slots = min(request.options.max_tokens, max(room, MIN_SLOTS))
    num_canvas_tokens = request.num_gaps * max_slots + num_anchor_tokens + config.canvas_length
    budget = min(max_prefix_tokens, config.max_positions - num_canvas_tokens)
    if budget < MIN_SUFFIX_TOKENS:
        raise InputError(f"The text between the gaps is too long: {num_anchor_tokens} tokens leave no room for others.")
    language = tokenizer.language_id(request.language)
    start = (config.bos_token_id, *(() if language is None else (language,)))
    return Layout(
        prefix=(*start, *_end_of_prefix(before, tokenizer, budget - len(start))),
        anchors=anchors,
        suffix=_head_of_suffix(after, tokenizer, config, generation),
        max_slots=max_slots,
        length=config.canvas_length,
        pad_token_id=config.pad_token_id,
    )


def _end_of_prefix(text: str, tokenizer: Tokenizer, budget: int) -> list[int]:
    """The last tokens of a text, at most `budget`.

    The cut moves in steps of a quarter of the budget: were it to move with every token that is typed, no two prefixes
    of a long document would begin alike and none could be reused.
    """
    start = _cut(len(text), budget * MAX_CHARACTERS_PER_TOKEN)
    if start:
        start = text.find("\n", start, start + 200) + 1 or start
    tokens = tokenizer.encode(text[start:])
    return tokens[_cut(len(tokens), budget) :]


def _cut(length: int, budget: int) -> int:
    """Where to cut what is `length` long so that at most `budget` remains, in steps of a quarter of the budget."""
    step = max(1, budget // 4)
    return max(0, -(-(length - budget) // step)) * step


def _head_of_suffix(
    text: str, tokenizer: Tokenizer, config: DenoiserConfig, generation: GenerationConfig
) -> tuple[int, ...]:
    """The first tokens of a text and, if that is all of it, what the model expects after a text's end."""
    most = max(config.canvas_length, MIN_SUFFIX_TOKENS)
    tokens = tokenizer.encode(text[: most * MAX_CHARACTERS_PER_TOKEN])
    if len(text) > most * MAX_CHARACTERS_PER_TOKEN:
        return tuple(tokens)
    if config.delete_token_id is not None:
        return (*tokens, config.eos_token_id)
    end_of_turn = (END_OF_TURN,) if END_OF_TURN in generation.eos_token_ids else ()
    return (*tokens, *end_of_turn, *[config.eos_token_id] * config.canvas_length)
