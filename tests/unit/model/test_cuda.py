"""What only a GPU can show: its own products, and steps that are captured. Run on one with `pytest` and this file."""

from collections.abc import Callable

import pytest
import torch
from denoising_loops import BANNED, check_equal, limits, sampler_of

from lacuna_model.canvas import CLAMPED, Canvas
from lacuna_model.captured.decoding import CapturedDecoding
from lacuna_model.captured.denoising import CapturedDenoising, CapturedSteps, can_capture
from lacuna_model.captured.draws import SlotDraws
from lacuna_model.config import DenoiserConfig
from lacuna_model.evaluation.references import LeftToRight
from lacuna_model.prefix_cache import PrefixCache
from lacuna_model.quantization.fp8 import Fp8
from lacuna_model.quantization.nf4 import FourBit, _has_kernel
from lacuna_model.quantization.precision import Precision, quantized
from lacuna_model.quantization.storage import Storage
from lacuna_model.transformer.denoiser import Denoiser
from lacuna_model.transformer.experts import Experts, Router

pytestmark = [
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA"),
    pytest.mark.filterwarnings("default"),  # the compiler's warnings are not ours
]

RELEASED_NOISE = {"noise": "uniform", "mask_token_id": None, "delete_token_id": None}
MANY_EXPERTS = {"hidden_size": 64, "intermediate_size": 64, "expert_size": 32, "num_experts": 16}


@pytest.fixture
def gpu_denoiser(
    tiny_config: Callable[..., DenoiserConfig], tiny_denoiser: Callable[..., Denoiser]
) -> Callable[..., Denoiser]:
    def make(**overrides: object) -> Denoiser:
        return tiny_denoiser(tiny_config(**RELEASED_NOISE, **overrides)).cuda()

    return make


@pytest.mark.parametrize("ends", [[0, 9, 9, 20, 31, 32, 48, 50], [0, 90, 90, 220, 310, 311, 480, 600]])
@pytest.mark.parametrize("storage", [Fp8(), FourBit()])
def test_products_equal_those_of_the_cpu(storage: Storage, ends: list[int]) -> None:
    """At the released widths, so that tensor cores take part."""
    generator = torch.Generator().manual_seed(0)
    stack = torch.randn(8, 1408, 2816, generator=generator).bfloat16()
    rows = torch.randn(ends[-1], 2816, generator=generator).bfloat16()
    values, scales = storage.quantize(stack)
    on_gpu = storage.quantize(stack.cuda())
    for found, expected in zip(on_gpu, (values, scales), strict=True):
        assert torch.equal(found.cpu().float(), expected.float())
    behind = torch.tensor(ends, dtype=torch.int32)
    expected = storage.grouped_product(rows, (values, scales), behind)
    found = storage.grouped_product(rows.cuda(), on_gpu, behind.cuda()).cpu()
    torch.testing.assert_close(found, expected, atol=1.0, rtol=2e-2)  # of sums that are about 50
    expected = storage.product(rows, (values[1], scales[1]))
    found = storage.product(rows.cuda(), (on_gpu[0][1], on_gpu[1][1])).cpu()
    torch.testing.assert_close(found, expected, atol=1.0, rtol=2e-2)


def test_grouped_experts_equal_single_ones(tiny_config: Callable[..., DenoiserConfig]) -> None:
    config = tiny_config(**MANY_EXPERTS)
    router, experts = Router(config).requires_grad_(False).cuda(), Experts(config).requires_grad_(False).cuda()
    for parameter in (*router.parameters(), *experts.parameters()):
        parameter.copy_(torch.randn_like(parameter) * 0.3 + (parameter.ndim == 1))
    router.bfloat16(), experts.bfloat16()
    states = torch.randn(77, 64, device="cuda").bfloat16()
    weights, chosen = router(states)
    assert experts.groups(states)
    torch.testing.assert_close(
        experts.run_grouped(states, weights, chosen), experts.run_chosen(states, weights, chosen), atol=0.1, rtol=0.03
    )


@pytest.mark.parametrize("num_slots", [4, 20])
def test_captured_steps_give_the_plain_loops_canvases(gpu_denoiser: Callable[..., Denoiser], num_slots: int) -> None:
    denoiser = gpu_denoiser()
    sampler, steps = sampler_of(denoiser.config, 0.05, 0.1), CapturedSteps(denoiser, BANNED.cuda())
    assert can_capture(denoiser, sampler, None)
    for seed, length in enumerate((26, 5, 26)):
        rows = [[(0, 0)] * num_slots + [(60, CLAMPED)], [(0, 0)] * (num_slots // 2) + [(60, CLAMPED)]]
        _, prefix = denoiser.encode(torch.arange(30, 30 + length, device="cuda")[None])
        check_equal(denoiser, sampler, prefix, Canvas.of_rows(rows, 0, torch.device("cuda")), seed, steps, most=10)


@pytest.mark.parametrize("precision", [None, "fp8", "4bit"])
def test_no_step_waits_for_the_host(gpu_denoiser: Callable[..., Denoiser], precision: Precision | None) -> None:
    denoiser = gpu_denoiser(**MANY_EXPERTS).bfloat16()
    denoiser = denoiser if precision is None else quantized(denoiser, precision)
    device = torch.device("cuda")
    _, prefix = denoiser.encode(torch.arange(30, 60, device=device)[None])
    canvas = Canvas.of_rows([[(0, 0)] * 30 + [(60, CLAMPED)]], 0, device)
    sampler, steps = sampler_of(denoiser.config, 0.4, 0.8), CapturedSteps(denoiser, BANNED.cuda())
    draws = SlotDraws.of_seed(0, device)
    loop = CapturedDenoising(denoiser, sampler, prefix, BANNED.cuda(), draws, steps=steps)
    step = steps.step(sampler, canvas, 30, 30)
    step.load(loop.start(canvas), prefix, torch.arange(30, device=device))
    temperature, shape = torch.full((1,), 0.5, device=device), canvas.ids.shape
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(3):
            step.make(temperature, draws.numbers(shape), draws.noise(shape, denoiser.config.vocab_size))
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert int(step.buffers.num_steps) == 3
    states = list(loop.run(canvas, limits(4)))
    assert bool((states[-1].confidence[:, :30] > 0).all())


def test_captured_decoding_gives_the_plain_loops_tokens(gpu_denoiser: Callable[..., Denoiser]) -> None:
    denoiser = gpu_denoiser()
    denoiser.embed_tokens.weight.mul_(0.03)  # so that no token follows itself for ever
    decoding, cache = CapturedDecoding(denoiser, 64), PrefixCache(denoiser, 0)
    for num_tokens in (26, 5, 40):
        prefix = cache.encode("", list(range(30, 30 + num_tokens)))
        expected = LeftToRight(denoiser, prefix).decode(24)
        assert len(set(expected)) > 10
        assert decoding.decode(prefix, 24) == expected


@pytest.mark.parametrize("precision", [None, "fp8", "4bit"])
def test_no_decoded_token_waits_for_the_host(
    gpu_denoiser: Callable[..., Denoiser], precision: Precision | None
) -> None:
    denoiser = gpu_denoiser(**MANY_EXPERTS).bfloat16()
    denoiser = denoiser if precision is None else quantized(denoiser, precision)
    decoding = CapturedDecoding(denoiser, 64)
    decoding.load(PrefixCache(denoiser, 0).encode("", list(range(30, 60))))
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(3):
            decoding.make()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert int(decoding.buffers.position) == 33


def test_four_bits_are_multiplied_by_the_kernel() -> None:
    assert _has_kernel(torch.device("cuda", torch.cuda.current_device()))
