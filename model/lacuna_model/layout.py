"""How a request becomes a prefix for the encoder and a canvas: the layout that the denoiser was trained on.

Every piece of text is tokenised apart, so a cursor in the middle of a word cuts tokens there.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain, groupby

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

MAX_HOLE_SURPLUS = 4
"""Slots that an open run inside a draft gets beyond those it asks for: what fits there is seldom as long as what did
not. The model deletes the ones it has no use for."""

END_OF_TURN = 106
"""DiffusionGemma's `<turn|>`, which ended every text it was tuned on."""

MAX_CHARACTERS_PER_TOKEN = 8
"""Longer text is not tokenised only to be cut off again."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What a gap holds to begin with; one that nothing is known of is all open.

    Attributes:
        tokens: of the first slots, None for open ones.
        is_open_ended: more slots may follow them; otherwise the gap ends there.
    """

    tokens: tuple[int | None, ...] = ()
    is_open_ended: bool = True

    def slots(self, num_slots: int) -> tuple[int | None, ...]:
        """The gap's slots: if it is open-ended, `num_slots` or as many as it has tokens."""
        return self.tokens + (None,) * (num_slots - len(self.tokens)) if self.is_open_ended else self.tokens

    def split(self, num_slots: int) -> tuple["Draft", "Draft"]:
        """What goes into a canvas with so many slots, and what is left for the next one."""
        head, rest = self.tokens[:num_slots], self.tokens[num_slots:]
        return Draft(head, self.is_open_ended and not rest), Draft(rest, self.is_open_ended)


@dataclass(frozen=True, slots=True)
class Layout:
    """The tokens of a request.

    Attributes:
        prefix: tokens before the first gap, at least one.
        anchors: given tokens between the gaps.
        suffix: given tokens behind the last gap, more than fit.
        drafts: what each gap begins with.
        max_slots: most slots of each gap in one canvas.
        max_tokens: of each gap, where they are fewer than that.
        length: length of a canvas, more only where the anchors need it.
        pad_token_id: fills rows that are shorter than others.
    """

    prefix: tuple[int, ...]
    anchors: tuple[tuple[int, ...], ...]
    suffix: tuple[int, ...]
    drafts: tuple[Draft, ...]
    max_slots: int
    max_tokens: tuple[int, ...]
    length: int
    pad_token_id: int

    def canvas(self, num_slots: Sequence[int], device: torch.device) -> tuple[Canvas, torch.Tensor]:
        """Lays out one row for each number of slots a gap; gaps of fewer tokens get fewer.

        Returns:
            The canvas, its open slots still without noise, and each row's number of tokens behind the last gap, (B,)
            int64.
        """
        rows: list[list[tuple[int, int]]] = []
        num_suffix_tokens = []
        for slots in num_slots:
            row = self._slots(0, slots)
            for gap, anchor in enumerate(self.anchors, start=1):
                row += [(token, CLAMPED) for token in anchor]
                row += self._slots(gap, slots)
            head = self.suffix[: max(MIN_SUFFIX_TOKENS, self.length - len(row))]
            rows.append(row + [(token, CLAMPED) for token in head])
            num_suffix_tokens.append(len(head))
        return Canvas.of_rows(rows, self.pad_token_id, device), torch.tensor(num_suffix_tokens, device=device)

    def num_slots(self, most: int) -> tuple[int, ...]:
        """Slots of each gap in a row of at most so many a gap."""
        return tuple(len(self._slots(gap, most)) for gap in range(len(self.drafts)))

    def split(self, num_slots: int) -> tuple["Layout", "Layout"]:
        """The layout of a canvas with so many slots a gap, and that of whatever canvases follow it."""
        heads, rests = zip(*(draft.split(num_slots) for draft in self.drafts), strict=True)
        return replace(self, drafts=heads), replace(self, drafts=rests)

    def _slots(self, gap: int, num_slots: int) -> list[tuple[int, int]]:
        slots = self.drafts[gap].slots(min(num_slots, self.max_tokens[gap]))
        return [(self.pad_token_id if token is None else token, gap) for token in slots]


def lay_out(
    request: InfillRequest,
    tokenizer: Tokenizer,
    config: DenoiserConfig,
    generation: GenerationConfig,
    max_prefix_tokens: int,
) -> Layout:
    """Tokenises a request.

    Raises:
        InputError: the text between the gaps is longer than the model can read, or a draft than its gap may get.
    """
    before, *between, after = request.segments
    anchors = tuple(tuple(tokenizer.encode(text)) for text in between)
    num_anchor_tokens = sum(len(anchor) for anchor in anchors)
    max_slots = share_slots(request.max_tokens, config.canvas_length - MIN_SUFFIX_TOKENS - num_anchor_tokens)
    num_canvas_tokens = request.num_gaps * max_slots + num_anchor_tokens + config.canvas_length
    budget = min(max_prefix_tokens, config.max_positions - num_canvas_tokens)
    if budget < MIN_SUFFIX_TOKENS:
        raise InputError(f"The text between the gaps is too long: {num_anchor_tokens} tokens leave no room for others.")
    can_delete = config.delete_token_id is not None
    longest = request.max_tokens  # of the drafts: a single gap may take several canvases
    if request.num_gaps > 1:
        longest = tuple(min(most, max_slots) for most in longest)
    language = tokenizer.language_id(request.language)
    if language is None:
        language = tokenizer.language_id("text")
    start = (config.bos_token_id, *(() if language is None else (language,)))
    return Layout(
        prefix=(*start, *_end_of_prefix(before, tokenizer, budget - len(start))),
        anchors=anchors,
        suffix=_head_of_suffix(after, tokenizer, config, generation),
        drafts=tuple(
            _draft_of(pieces, tokenizer, most, MAX_HOLE_SURPLUS if can_delete else 0)
            for pieces, most in zip(request.draft or ((None,),) * request.num_gaps, longest, strict=True)
        ),
        max_slots=max_slots,
        max_tokens=request.max_tokens,
        length=config.canvas_length,
        pad_token_id=config.pad_token_id,
    )


def share_slots(max_tokens: Sequence[int], room: int) -> int:
    """Shares the room of a canvas among gaps: what one leaves, since it holds fewer tokens, goes to the others.

    Args:
        max_tokens: most tokens of each gap.
        room: positions for slots.

    Returns:
        The most slots that a gap may get, at least `MIN_SLOTS` unless no gap wants as many.
    """
    share = 0
    for num_served, most in enumerate(sorted(max_tokens)):
        share = room // (len(max_tokens) - num_served)
        if share < most:
            break
        room -= most
    return min(max(max_tokens), max(share, MIN_SLOTS))


def _draft_of(pieces: Sequence[str | None], tokenizer: Tokenizer, max_slots: int, max_surplus: int) -> Draft:
    """Tokenises a draft and widens the holes in it as far as there is room."""
    runs = [list(run) for _, run in groupby(pieces, lambda piece: piece is None)]
    is_open_ended = pieces[-1:] == (None,)
    if is_open_ended:
        runs.pop()
    tokens = [[token for text in run for token in ([None] if text is None else tokenizer.encode(text))] for run in runs]
    num_tokens = sum(map(len, tokens))
    if num_tokens > max_slots:
        raise InputError(f"A draft of {num_tokens} tokens is longer than its gap may get, {max_slots}.")
    holes = [run for run in tokens if None in run]
    surplus = min(max_surplus, (max_slots - num_tokens) // max(1, len(holes)))
    for hole in holes:
        hole += [None] * surplus
    return Draft(tuple(chain.from_iterable(tokens)), is_open_ended)


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
