"""Fills behind a cut word: the word's bytes are the slots' beginning, and no fill has them."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from lacuna_model.config import DenoiserConfig, GenerationConfig
from lacuna_model.constraints.kinds import Constraint, Regex
from lacuna_model.infill import Infiller
from lacuna_model.request import InfillOptions, InfillRequest
from lacuna_model.tokenizer import Tokenizer
from lacuna_model.transformer.denoiser import Denoiser

GENERATION = GenerationConfig(num_denoising_steps=6, t_min=0.4, t_max=0.8, confidence=0.05)


@pytest.fixture(params=[{}, {"noise": "uniform", "mask_token_id": None}])
def infiller(
    request: pytest.FixtureRequest,
    tiny_config: Callable[..., DenoiserConfig],
    tiny_denoiser: Callable[..., Denoiser],
    byte_tokenizer: Tokenizer,
) -> Infiller:
    return Infiller(tiny_denoiser(tiny_config(**request.param)), byte_tokenizer, GENERATION)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("constraint", [None, Regex("re[a-z]{2,5}x", before="re")])
def test_the_word_is_read_again_and_not_returned(infiller: Infiller, constraint: Constraint | None, seed: int) -> None:
    constraints = None if constraint is None else (constraint,)
    options = InfillOptions(max_tokens=20, seed=seed, num_candidates=2)
    steps = infiller.run(InfillRequest(("x\n  re", "\n"), "python", options, constraints=constraints))
    prefixes: list[Any] = []
    encode = infiller.cache.encode
    infiller.cache.encode = lambda document, tokens: prefixes.append(tokens) or encode(document, tokens)  # type: ignore
    while True:
        try:
            shown = next(steps)
        except StopIteration as stop:
            result = stop.value
            break
    assert infiller.tokenizer.decode(prefixes[0]).endswith("x\n ")
    for fill in result.fills:
        if fill.texts[0].isascii():  # else a character may be several tokens, which spell nothing alone
            assert "".join(token.text for token in fill.tokens[0]) == fill.texts[0]
        if constraint is not None:
            assert re.fullmatch("[a-z]{2,5}x", fill.texts[0])
    assert result.num_tokens == sum(map(len, result.fills[0].tokens))
    if result.fills[0].texts[0].isascii() and shown.gaps[0] and all(slot.text is not None for slot in shown.gaps[0]):
        assert not "".join(slot.text or "" for slot in shown.gaps[0]).startswith(" re")
