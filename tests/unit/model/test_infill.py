import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from lacuna_model.checkpoint import save_checkpoint
from lacuna_model.config import DenoiserConfig, GenerationConfig
from lacuna_model.errors import CheckpointMismatchError, CheckpointNotFoundError, DeviceError, InputError
from lacuna_model.fills import cut_lines, fill_of
from lacuna_model.infill import Infiller
from lacuna_model.prefix_cache import PrefixCache
from lacuna_model.ranking import Candidates, Opinion
from lacuna_model.request import InfillOptions, InfillRequest
from lacuna_model.result import DenoisingStep, InfillResult
from lacuna_model.sampling.lengths import length_hypotheses
from lacuna_model.sampling.revision import LeastConfident
from lacuna_model.tokenizer import Tokenizer
from lacuna_model.training.recipe import NANO_GENERATION_CONFIG, initialized, nano_config
from lacuna_model.transformer.denoiser import Denoiser

DELETE = 3
GENERATION = GenerationConfig(num_denoising_steps=16, t_min=0.0, t_max=0.0, confidence=0.05)
KINDS: tuple[dict[str, Any], ...] = (
    {},
    {"delete_token_id": None},
    {"noise": "uniform", "mask_token_id": None},
    {"noise": "uniform", "mask_token_id": None, "delete_token_id": None},
    {"beam_width": 3},
)

InfillerFactory = Callable[..., Infiller]


@pytest.fixture(scope="session")
def infiller_of(
    tiny_config: Callable[..., DenoiserConfig], tiny_denoiser: Callable[..., Denoiser], byte_tokenizer: Tokenizer
) -> InfillerFactory:
    def build(generation: GenerationConfig = GENERATION, **overrides: Any) -> Infiller:
        denoiser = tiny_denoiser(tiny_config(**overrides))
        not_ascii = [id for id in range(byte_tokenizer.vocab_size) if byte_tokenizer.token_bytes(id) > b"~"]
        denoiser.embed_tokens.weight[not_ascii] = 0.0  # fills whose text can be compared token for token
        return Infiller(denoiser, byte_tokenizer, generation)

    return build


def ask(*segments: str, **options: Any) -> InfillRequest:
    return InfillRequest(segments, "python", InfillOptions(**options))


def exhaust(steps: Generator[DenoisingStep, None, InfillResult]) -> tuple[list[DenoisingStep], InfillResult]:
    found = []
    while True:
        try:
            found.append(next(steps))
        except StopIteration as stop:
            return found, stop.value


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("num_candidates", [1, 4])
def test_a_result_is_whole_and_consistent(
    infiller_of: InfillerFactory, kind: dict[str, Any], num_candidates: int
) -> None:
    result = infiller_of(**kind).infill(
        ask("def f(x):\n    ret", "n x", "", max_tokens=6, num_candidates=num_candidates)
    )
    assert 1 <= len(result.fills) <= num_candidates
    assert len({fill.texts for fill in result.fills}) == len(result.fills)
    scores = [fill.score for fill in result.fills]
    assert scores == sorted(scores, reverse=True)
    for fill in result.fills:
        assert len(fill.texts) == len(fill.tokens) == 2
        for text, tokens in zip(fill.texts, fill.tokens, strict=True):
            assert text == "".join(token.text for token in tokens)
            assert len(tokens) <= 6
            assert all(0 <= token.confidence <= 1 for token in tokens)
    assert result.num_tokens == sum(map(len, result.fills[0].tokens))
    num_canvases = 2 if kind.get("beam_width") else 1
    assert result.num_forwards - result.num_steps in (0, num_canvases)
    assert result.tokens_per_forward == result.num_tokens / result.num_forwards
    assert num_canvases > 1 or result.num_prefix_tokens == 2 + len("def f(x):\n    ret")


@pytest.mark.parametrize("kind", KINDS)
def test_running_and_infilling_are_one(infiller_of: InfillerFactory, kind: dict[str, Any]) -> None:
    request = ask("a = ", "\n", "b", max_tokens=5, seed=3)
    steps, result = exhaust(infiller_of(**kind).run(request))
    assert [step.step for step in steps] == list(range(1, result.num_steps + 1))
    assert all(len(step.gaps) == 2 for step in steps)
    again = infiller_of(**kind).infill(request)
    assert again.fills == result.fills and again.num_steps == result.num_steps


def test_steps_show_how_the_canvas_resolves(infiller_of: InfillerFactory) -> None:
    steps, result = exhaust(infiller_of(delete_token_id=None).run(ask("a = ", "\n", max_tokens=6, num_candidates=1)))
    num_masked = [sum(slot.text is None for slot in step.gaps[0]) for step in steps]
    assert num_masked[0] > 0
    num_rises = sum(later > earlier for earlier, later in pairwise(num_masked))
    assert num_rises <= LeastConfident().num_passes
    assert result.stop_reason == "stable"


@pytest.mark.parametrize("kind", KINDS)
def test_no_time_still_gives_a_whole_fill(infiller_of: InfillerFactory, kind: dict[str, Any]) -> None:
    result = infiller_of(**kind).infill(ask("x = ", "\n", max_tokens=12, deadline_ms=0))
    assert (result.num_steps, result.stop_reason) == (1, "deadline")
    text = result.fills[0].texts[0]
    assert text == "".join(token.text for token in result.fills[0].tokens[0])
    if kind.get("delete_token_id", DELETE) is None:
        assert text


class SlowDenoiser(Denoiser):
    """Takes 30 ms a forward pass."""

    def denoise(self, *arguments: Any, **more: Any) -> Tensor:
        time.sleep(0.03)
        return super().denoise(*arguments, **more)


def test_a_deadline_is_kept_within_a_step(
    tiny_config: Callable[..., DenoiserConfig], tiny_denoiser: Callable[..., Denoiser], byte_tokenizer: Tokenizer
) -> None:
    slow = tiny_denoiser(tiny_config(delete_token_id=None), kind=SlowDenoiser)
    result = Infiller(slow, byte_tokenizer, GENERATION).infill(ask("x = ", "\n", max_tokens=16, deadline_ms=200))
    assert result.stop_reason == "deadline"
    assert 1 <= result.num_steps <= 6
    assert result.timing.total_ms < 300  # a loaded machine may take long over a step
    assert result.timing.denoise_ms >= 30 * result.num_steps


@pytest.mark.parametrize("num_steps", [0, 1, 3])
def test_cancelling_ends_before_the_next_step(infiller_of: InfillerFactory, num_steps: int) -> None:
    answers = iter([False] * (num_steps + 1) + [True])  # the first time before the prefix is read
    steps, result = exhaust(infiller_of(delete_token_id=None).run(ask("x = ", "\n"), lambda: next(answers)))
    assert len(steps) == result.num_steps == num_steps
    assert (result.fills, result.stop_reason, result.num_tokens) == ((), "cancelled", 0)


def test_a_request_cancelled_at_once_reads_nothing(infiller_of: InfillerFactory) -> None:
    result = infiller_of().infill(ask("x = ", "\n"), lambda: True)
    assert (result.fills, result.stop_reason, result.num_prefix_tokens) == ((), "cancelled", 0)


def test_no_further_canvas_begins_that_cannot_end_in_time(
    tiny_config: Callable[..., DenoiserConfig], tiny_denoiser: Callable[..., Denoiser], byte_tokenizer: Tokenizer
) -> None:
    slow = Infiller(tiny_denoiser(tiny_config(delete_token_id=None), kind=SlowDenoiser), byte_tokenizer, GENERATION)
    slow.generation = GenerationConfig(num_denoising_steps=2, t_min=0.0, t_max=0.0, confidence=0.05)
    result = slow.infill(ask("x = ", "\n", max_tokens=400, deadline_ms=100))
    assert result.num_steps <= 3


def test_max_forwards_bounds_the_denoising(infiller_of: InfillerFactory) -> None:
    for num_forwards in (1, 3):
        result = infiller_of(delete_token_id=None).infill(ask("x = ", "\n", max_forwards=num_forwards, max_tokens=40))
        assert (result.num_steps, result.stop_reason) == (num_forwards, "max_steps")
        assert result.fills[0].texts[0]


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_gives_the_same_fills(infiller_of: InfillerFactory, kind: dict[str, Any]) -> None:
    def fills(seed: int) -> Any:
        options = {"max_tokens": 8, "num_candidates": 3, "seed": seed, "temperature": 1.0}
        return infiller_of(**kind).infill(ask("x = ", "\n", **options)).fills

    assert fills(1) == fills(1)
    assert fills(1) != fills(2)


def test_a_cached_prefix_changes_nothing(infiller_of: InfillerFactory) -> None:
    infiller = infiller_of()
    infiller.cache = PrefixCache(infiller.denoiser, 1 << 30, block_size=1)
    first, second = ask("x = ", "\n", max_tokens=8), ask("x = f", "\n", max_tokens=8)
    infiller.infill(first)
    cached = infiller.infill(second)
    assert cached.num_cached_tokens == cached.num_prefix_tokens - 1
    assert cached.fills[0].texts == infiller_of().infill(second).fills[0].texts


class DeletingDenoiser(Denoiser):
    """Is sure that every slot is surplus."""

    def logits(self, states: Tensor) -> Tensor:
        return super().logits(states).index_fill(-1, torch.tensor([DELETE]), 100.0)


@pytest.mark.parametrize("kind", [KINDS[0], KINDS[2]])
def test_a_fill_may_be_empty(
    tiny_config: Callable[..., DenoiserConfig],
    tiny_denoiser: Callable[..., Denoiser],
    byte_tokenizer: Tokenizer,
    kind: dict[str, Any],
) -> None:
    denoiser = tiny_denoiser(tiny_config(**kind), kind=DeletingDenoiser)
    result = Infiller(denoiser, byte_tokenizer, GENERATION).infill(ask("x", "y", "z", num_candidates=3, max_tokens=6))
    assert [fill.texts for fill in result.fills] == [("", "")]
    assert (result.num_steps, result.num_forwards, result.num_tokens) == (1, 1, 0)
    assert result.stop_reason == "stable"


def test_lengths_are_tried_where_the_model_cannot_delete(infiller_of: InfillerFactory) -> None:
    result = infiller_of(delete_token_id=None).infill(ask("x = ", "\n", max_tokens=16, num_candidates=9))
    lengths = sorted(len(fill.tokens[0]) for fill in result.fills)
    assert lengths == length_hypotheses(16, 9)
    assert result.num_forwards == result.num_steps + 1


@dataclass(frozen=True)
class Longest:
    num_forwards: int = 0

    def judge(self, candidates: Candidates) -> Opinion:
        return Opinion(candidates.canvas.editable.sum(1).float())


def test_beams_bring_other_candidates_without_chance(infiller_of: InfillerFactory) -> None:
    infiller = infiller_of(beam_width=3)
    fills = [
        infiller.infill(ask("a = ", "\n", max_tokens=5, num_candidates=4, seed=seed, temperature=temperature)).fills
        for seed, temperature in ((1, None), (2, None), (1, 0.0), (1, 0.9), (2, 0.9))
    ]
    assert len(fills[0]) == 4
    assert fills[0] == fills[1] == fills[2]
    assert fills[3] != fills[4]  # where chance is asked for, candidates are drawn
    single = infiller.infill(ask("a = ", "\n", max_tokens=5))
    assert len(single.fills) == 1
    assert single.num_forwards == single.num_steps + 1  # three compete, and the judge is asked


def test_a_long_gap_goes_on_in_further_canvases(infiller_of: InfillerFactory) -> None:
    built = infiller_of(delete_token_id=None)  # 16 slots a canvas
    infiller = Infiller(built.denoiser, built.tokenizer, built.generation, ranking=Longest())
    steps, result = exhaust(infiller.run(ask("x = ", "\n", max_tokens=40)))
    text, num_steps = "", 0
    for num_tokens in (16, 16, 8):
        block = infiller.infill(ask("x = " + text, "\n", max_tokens=num_tokens))
        text += block.fills[0].texts[0]
        num_steps += block.num_steps
    assert result.fills[0].texts == (text,)
    assert result.num_tokens == 40
    assert result.num_steps == num_steps == len(steps)
    assert len(steps[-1].gaps[0]) == 40


def test_further_canvases_end_where_the_positions_do(infiller_of: InfillerFactory) -> None:
    built = infiller_of(delete_token_id=None, max_positions=100)
    infiller = Infiller(built.denoiser, built.tokenizer, built.generation, ranking=Longest())
    result = infiller.infill(ask("x = ", "\n", max_tokens=400))
    assert result.num_tokens % 16 == 0
    assert 100 - 16 < result.num_prefix_tokens + result.num_tokens + built.denoiser.config.canvas_length - 16 <= 100


def test_further_canvases_end_with_the_lines(infiller_of: InfillerFactory) -> None:
    built = infiller_of(delete_token_id=None)
    line_break = built.tokenizer.encode("\n")[0]
    built.denoiser.embed_tokens.weight[line_break] *= 3.0
    infiller = Infiller(built.denoiser, built.tokenizer, built.generation, ranking=Longest())
    unlimited = infiller.infill(ask("x = ", "\n", max_tokens=64))
    assert "\n" in unlimited.fills[0].texts[0]
    limited = infiller.infill(ask("x = ", "\n", max_tokens=64, max_lines=1))
    assert limited.num_steps < unlimited.num_steps


def test_a_deleted_slot_ends_a_long_gap(
    tiny_config: Callable[..., DenoiserConfig], tiny_denoiser: Callable[..., Denoiser], byte_tokenizer: Tokenizer
) -> None:
    denoiser = tiny_denoiser(tiny_config(), kind=DeletingDenoiser)
    result = Infiller(denoiser, byte_tokenizer, GENERATION).infill(ask("x", "y", max_tokens=100))
    assert (result.fills[0].texts, result.num_steps) == (("",), 1)


@pytest.mark.parametrize(
    ("text", "max_lines", "following", "expected"),
    [
        ("a\nb\nc", None, "", "a\nb\nc"),
        ("a\nb\nc", 2, "\nz", "a\nb"),
        ("a\nb\nc", 2, "z", "a\nb\n"),
        ("a\n", 1, "z", "a\n"),
        ("a\n", 1, "\nz", "a"),
        ("a", 1, "", "a"),
        ("", 1, "", ""),
        ("\nb", 1, "\n", ""),
    ],
)
def test_lines_are_cut(text: str, max_lines: int | None, following: str, expected: str) -> None:
    assert cut_lines(text, max_lines, following) == expected


def test_cut_text_keeps_its_tokens(byte_tokenizer: Tokenizer) -> None:
    pieces = [(token, 0.5) for token in byte_tokenizer.encode("ab\ncd")]
    fill = fill_of([pieces], ["\n"], 0.0, 1, byte_tokenizer)
    assert fill.texts == ("ab",)
    assert [token.text for token in fill.tokens[0]] == ["a", "b"]


def test_cut_text_keeps_characters_of_several_tokens(byte_tokenizer: Tokenizer) -> None:
    pieces = [(token, 0.5) for token in byte_tokenizer.encode("é\nxy")]
    fill = fill_of([pieces], ["z"], 0.0, 1, byte_tokenizer)
    assert fill.texts == ("é\n",)
    assert len(fill.tokens[0]) == 3


def test_bytes_that_are_no_text_are_left_out(byte_tokenizer: Tokenizer) -> None:
    whole = byte_tokenizer.encode("é€")
    pieces = [(token, 0.5) for token in [*whole[:1], *byte_tokenizer.encode("a"), *whole[2:], *whole[:1]]]
    fill = fill_of([pieces], [""], 0.0, None, byte_tokenizer)
    assert fill.texts == ("a€",)
    assert len(fill.tokens[0]) == len(pieces)


@pytest.mark.parametrize(
    "options",
    [
        {"max_tokens": 0},
        {"max_lines": 0},
        {"num_candidates": 0},
        {"max_forwards": 0},
        {"deadline_ms": -1.0},
        {"deadline_ms": float("nan")},
        {"temperature": -0.5},
        {"seed": -1},
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(options))):
        InfillOptions(**options)


@pytest.mark.parametrize("segments", [(), ("only one",)])
def test_a_request_needs_a_gap(segments: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match="two segments"):
        InfillRequest(segments)


def test_a_saved_checkpoint_fills_as_before(
    tmp_path: Path, byte_tokenizer: Tokenizer, byte_tokenizer_json: str
) -> None:
    config = nano_config(byte_tokenizer, "absorbing")
    denoiser = initialized(DenoiserConfig.from_json(config), seed=0).requires_grad_(False).eval()
    save_checkpoint(tmp_path, denoiser, config, NANO_GENERATION_CONFIG, torch.float32)
    (tmp_path / "tokenizer.json").write_text(byte_tokenizer_json, encoding="utf-8")
    loaded = Infiller.load(tmp_path, device="cpu", dtype=torch.float32)
    assert loaded.generation.num_denoising_steps == NANO_GENERATION_CONFIG["max_denoising_steps"]
    request = ask("x = ", "\n", max_tokens=8)
    expected = Infiller(denoiser, byte_tokenizer, loaded.generation).infill(request)
    assert loaded.infill(request).fills == expected.fills


def test_a_tokenizer_of_another_model_is_refused(
    tmp_path: Path, byte_tokenizer: Tokenizer, byte_tokenizer_json: str
) -> None:
    config = nano_config(byte_tokenizer, "absorbing")
    config["text_config"]["vocab_size"] -= 1
    denoiser = initialized(DenoiserConfig.from_json(config), seed=0)
    save_checkpoint(tmp_path, denoiser, config, NANO_GENERATION_CONFIG, torch.float32)
    (tmp_path / "tokenizer.json").write_text(byte_tokenizer_json, encoding="utf-8")
    with pytest.raises(CheckpointMismatchError, match="different checkpoints"):
        Infiller.load(tmp_path, device="cpu")


def test_loading_refuses_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CheckpointNotFoundError):
        Infiller.load(tmp_path / "nothing", device="cpu")
    for device in ("gpu", "cuda:99", "meta"):
        with pytest.raises(DeviceError, match=device):
            Infiller.load(tmp_path, device=device)
