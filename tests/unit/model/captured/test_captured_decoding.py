from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from lacuna_model.captured import decoding as captured_decoding
from lacuna_model.captured.decoding import CapturedDecoding
from lacuna_model.config import DenoiserConfig
from lacuna_model.evaluation.references import LeftToRight
from lacuna_model.prefix_cache import Prefix, PrefixCache
from lacuna_model.quantization.precision import Precision, quantized
from lacuna_model.transformer.denoiser import Denoiser

# The compiler says so of the rotary frequencies. It is right, and does with them what the cache would.
pytestmark = pytest.mark.filterwarnings("ignore:Dynamo detected a call to a `functools.lru_cache`-wrapped:UserWarning")

WIDE = {"hidden_size": 64, "intermediate_size": 64, "expert_size": 32, "num_experts": 6}


@pytest.fixture(scope="module")
def denoiser(tiny_config: Callable[..., DenoiserConfig], tiny_denoiser: Callable[..., Denoiser]) -> Denoiser:
    return changeable(tiny_denoiser(tiny_config()))


def changeable(denoiser: Denoiser) -> Denoiser:
    """Makes the embeddings so small that what follows a token is not the same token again."""
    denoiser.embed_tokens.weight.mul_(0.03)
    return denoiser


def prefix_of(denoiser: Denoiser, num_tokens: int) -> Prefix:
    return PrefixCache(denoiser, 0).encode("", list(range(30, 30 + num_tokens)))


@pytest.mark.parametrize("window", [1, 2, 8, 16])
@pytest.mark.parametrize("num_prefix_tokens", [1, 7, 8, 9, 26])
def test_tokens_equal_those_of_plain_decoding(
    tiny_config: Callable[..., DenoiserConfig],
    tiny_denoiser: Callable[..., Denoiser],
    window: int,
    num_prefix_tokens: int,
) -> None:
    config = tiny_config()
    denoiser = changeable(tiny_denoiser(replace(config, sliding=replace(config.sliding, window=window))))
    prefix = prefix_of(denoiser, num_prefix_tokens)
    expected = LeftToRight(denoiser, prefix).decode(24)  # past the ring's end, wherever it begins
    assert len(set(expected)) > 10
    assert CapturedDecoding(denoiser, num_prefix_tokens + 23).decode(prefix, 24) == expected


@pytest.mark.parametrize("precision", ["fp8", "4bit"])
def test_quantised_weights_decode_the_same(
    tiny_config: Callable[..., DenoiserConfig], tiny_denoiser: Callable[..., Denoiser], precision: Precision
) -> None:
    denoiser = quantized(changeable(tiny_denoiser(tiny_config(**WIDE))), precision)
    prefix = prefix_of(denoiser, 20)
    assert CapturedDecoding(denoiser, 40).decode(prefix, 12) == LeftToRight(denoiser, prefix).decode(12)


def test_a_decoding_knows_nothing_of_earlier_prefixes(denoiser: Denoiser) -> None:
    decoding = CapturedDecoding(denoiser, 40)
    for num_tokens in (30, 3, 12):
        prefix = prefix_of(denoiser, num_tokens)
        assert decoding.decode(prefix, 9) == LeftToRight(denoiser, prefix).decode(9)
    assert len(decoding.decode(prefix_of(denoiser, 40), 1)) == 1
    with pytest.raises(AssertionError):
        decoding.decode(prefix_of(denoiser, 40), 2)


@pytest.mark.parametrize("precision", [None, "fp8", "4bit"])
def test_a_pass_is_one_graph_for_every_token(
    tiny_config: Callable[..., DenoiserConfig],
    tiny_denoiser: Callable[..., Denoiser],
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
    precision: Precision | None,
) -> None:
    """No value, only the shape, decides what is computed."""
    graphs: list[torch.fx.GraphModule] = []

    def keep(graph: torch.fx.GraphModule, _: list[Tensor]) -> torch.fx.GraphModule:
        graphs.append(graph)
        return graph

    request.addfinalizer(torch._dynamo.reset)
    compiled = torch.compile(captured_decoding.advance, fullgraph=True, dynamic=False, backend=keep)
    monkeypatch.setattr(captured_decoding, "advance", compiled)
    denoiser = tiny_denoiser(tiny_config(**WIDE)).bfloat16()
    denoiser = denoiser if precision is None else quantized(denoiser, precision)
    decoding = CapturedDecoding(denoiser, 40)
    for num_tokens in (1, 20):
        assert len(decoding.decode(prefix_of(denoiser, num_tokens), 12)) == 12
    assert len(graphs) == 1
    within = [module for module in graphs[0].modules() if isinstance(module, torch.fx.GraphModule)]
    assert not {"item", "tolist", "nonzero"} & {str(node.target) for each in within for node in each.graph.nodes}
