from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from lacuna_model.config import DenoiserConfig
from lacuna_model.errors import ConfigError
from lacuna_model.quantization.fp8 import Fp8, round_rows
from lacuna_model.quantization.modules import QuantizedExperts
from lacuna_model.quantization.nf4 import FourBit
from lacuna_model.quantization.precision import Precision, held_as, prepare, quantize, quantized, storage_of
from lacuna_model.transformer.denoiser import Denoiser
from lacuna_model.transformer.experts import Experts, Projection

PRECISIONS: list[Precision] = ["fp8", "4bit"]
CANVAS = torch.tensor([[30, 40, 4, 4, 4, 50]])
PROMPT = torch.tensor([[2, 30, 40, 50, 60]])


@pytest.fixture(scope="module")
def denoiser(tiny_config: Callable[..., DenoiserConfig], tiny_denoiser: Callable[..., Denoiser]) -> Denoiser:
    return tiny_denoiser(tiny_config(hidden_size=64, expert_size=32, num_experts=6))


def logits(denoiser: Denoiser) -> Tensor:
    with torch.inference_mode():
        _, prefix = denoiser.encode(PROMPT)
        return denoiser.logits(denoiser.denoise(CANVAS, prefix))


def rounded(rows: Tensor) -> Tensor:
    return Fp8().dequantize(round_rows(rows), rows)


class RoundingExperts(Experts):
    def product(self, projection: Projection, rows: Tensor, expert: int) -> Tensor:
        return super().product(projection, rounded(rows), expert)


def widened(copy: Denoiser, precision: Precision) -> Denoiser:
    """The oracle: plain modules with the weights that a quantised denoiser computes with, and activations rounded."""
    tensors = copy.state_dict()
    wide = {}
    for name, tensor in tensors.items():
        storage = storage_of(name, precision)
        if storage is not None:
            wide[name] = storage.dequantize((tensor, tensors[f"{name}_scale"]), torch.empty(0))
        elif not name.endswith("_scale") or name.endswith("per_expert_scale"):
            wide[name] = tensor
    denoiser = Denoiser(copy.config).requires_grad_(False).eval()
    for layer in denoiser.stack:
        if precision == "fp8":
            layer.experts = RoundingExperts(copy.config)
        layer.experts.runs_all = False
        for module in (*layer.self_attn.children(), *layer.mlp.children()):
            if isinstance(module, nn.Linear):
                module.register_forward_pre_hook(lambda _, inputs: (rounded(inputs[0]),))
    denoiser.load_state_dict(wide, strict=True, assign=True)
    return denoiser


@pytest.mark.parametrize(
    ("precision", "quantised", "least_saving"),
    [("fp8", {torch.float8_e4m3fn}, 3.0), ("4bit", {torch.float8_e4m3fn, torch.uint8}, 3.8)],
)
def test_what_is_quantised_and_what_is_not(
    denoiser: Denoiser, precision: Precision, quantised: set[torch.dtype], least_saving: float
) -> None:
    copy = quantized(denoiser, precision)
    before, after = denoiser.state_dict(), copy.state_dict()
    kept = {name for name in before if after[name].dtype == before[name].dtype}
    assert all(after[name].data_ptr() == before[name].data_ptr() for name in kept)
    parts = ("embed_tokens", "norm", "router", "self_conditioning", "layer_scalar")
    assert all(any(part in name for part in parts) for name in kept)
    changed = set(before) - kept
    assert {after[name].dtype for name in changed} == quantised
    assert set(after) == set(before) | {f"{name}_scale" for name in changed}
    assert {name.split(".", 2)[2] for name in changed} == {
        *(f"self_attn.{part}_proj.weight" for part in "qkvo"),
        *(f"mlp.{part}_proj.weight" for part in ("gate", "up", "down")),
        *("experts.gate_up_proj", "experts.down_proj"),
    }

    def num_bytes(tensors: dict[str, Tensor]) -> int:
        return sum(tensor.nbytes for name, tensor in tensors.items() if name.removesuffix("_scale") in changed)

    assert num_bytes(before) / num_bytes(after) > least_saving  # float32 before


@pytest.mark.parametrize("precision", PRECISIONS)
def test_loading_tensor_by_tensor_fits_a_prepared_denoiser(denoiser: Denoiser, precision: Precision) -> None:
    """As the loader does it: shapes from the meta device, tensors one at a time."""
    with torch.device("meta"):
        model = Denoiser(denoiser.config)
    prepare(model, precision)
    expected = {name: (tensor.shape, tensor.dtype) for name, tensor in model.state_dict().items()}
    tensors: dict[str, Tensor] = {}
    for name, tensor in denoiser.state_dict().items():
        tensors.update(quantize(name, tensor, precision))
    assert {name: (tensor.shape, tensor.dtype) for name, tensor in tensors.items()} == expected
    model.load_state_dict(tensors, strict=True, assign=True)
    assert torch.equal(logits(model), logits(quantized(denoiser, precision)))


@pytest.mark.parametrize("precision", PRECISIONS)
def test_what_weights_are_held_as_is_found_out(denoiser: Denoiser, precision: Precision) -> None:
    assert held_as(quantized(denoiser, precision)) == precision
    assert held_as(denoiser) == str(denoiser.dtype).removeprefix("torch.")


@pytest.mark.parametrize("precision", PRECISIONS)
def test_preparing_rounds_nothing(denoiser: Denoiser, precision: Precision, monkeypatch: pytest.MonkeyPatch) -> None:
    """The released checkpoint has thousands of matrices, and rounding takes seconds even on the meta device."""
    for storage in (Fp8, FourBit):
        monkeypatch.setattr(storage, "quantize", None)
    with torch.device("meta"):
        model = Denoiser(denoiser.config)
    prepare(model, precision)
    assert held_as(model) == precision and all(tensor.is_meta for tensor in model.state_dict().values())


def test_no_precision_changes_nothing(denoiser: Denoiser) -> None:
    with torch.device("meta"):
        model = Denoiser(denoiser.config)
    names = list(model.state_dict())
    prepare(model, None)
    assert list(model.state_dict()) == names
    tensors = dict(pair for item in denoiser.state_dict().items() for pair in quantize(*item, None))
    assert [tensor.data_ptr() for tensor in tensors.values()] == [
        tensor.data_ptr() for tensor in denoiser.state_dict().values()
    ]


@pytest.mark.parametrize("precision", PRECISIONS)
def test_logits_equal_those_of_plain_modules_that_round(denoiser: Denoiser, precision: Precision) -> None:
    copy = quantized(denoiser, precision)
    found, expected = logits(copy), logits(widened(copy, precision))
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=1e-3)
    assert float((found - logits(denoiser)).norm() / found.norm()) > 0.01  # far more than they may differ


@pytest.mark.parametrize("precision", PRECISIONS)
def test_every_path_of_the_experts_sees_the_same_weights(denoiser: Denoiser, precision: Precision) -> None:
    experts = quantized(denoiser, precision).stack[0].experts
    assert isinstance(experts, QuantizedExperts)
    states, weights = torch.randn(9, 64), torch.rand(9, 2)
    chosen = torch.stack([torch.randperm(6)[:2] for _ in range(9)])
    expected = experts.run_chosen(states, weights, chosen)
    torch.testing.assert_close(experts.run_grouped(states, weights, chosen), expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(experts(states, weights, chosen), expected, atol=1e-5, rtol=1e-5)


def test_experts_whose_width_is_no_whole_group_have_no_four_bits(tiny_denoiser: Callable[..., Denoiser]) -> None:
    with pytest.raises(ConfigError, match="groups of 32, and 16 are none"):
        quantized(tiny_denoiser(), "4bit")
