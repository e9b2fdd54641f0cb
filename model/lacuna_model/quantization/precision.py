"""Which weights of a denoiser are quantised, and how: the one place that decides it.

Attention, the dense feed-forward block and the experts are. Embeddings, routers, norms and self-conditioning stay as
they are: together they are 3 % of the weights, and a router that errs picks another expert.
"""

import re
from collections.abc import Iterator
from typing import Literal

import torch
from torch import Tensor, nn

from lacuna_model.quantization.fp8 import Fp8
from lacuna_model.quantization.modules import QuantizedExperts, QuantizedLinear
from lacuna_model.quantization.nf4 import FourBit
from lacuna_model.quantization.storage import Storage
from lacuna_model.transformer.denoiser import Denoiser
from lacuna_model.transformer.experts import Experts

Precision = Literal["fp8", "4bit"]
"""All of them in FP8, or the experts in four bits and the others in FP8."""

DENSE = re.compile(r"layers\.\d+\.(self_attn|mlp)\.\w+_proj\.weight")
EXPERTS = re.compile(r"layers\.\d+\.experts\.(gate_up|down)_proj")
QUANTIZED = (QuantizedLinear, QuantizedExperts)


def storage_of(name: str, precision: Precision | None) -> Storage | None:
    """How a parameter of the denoiser is stored; None: as it is."""
    if precision is None:
        return None
    if DENSE.fullmatch(name):
        return Fp8()
    if EXPERTS.fullmatch(name):
        return Fp8() if precision == "fp8" else FourBit()
    return None


def held_as(denoiser: Denoiser) -> str:
    """What most weights of a denoiser are held as: a `Precision`, or the name of its type."""
    kinds = {type(module.storage) for module in denoiser.modules() if isinstance(module, QUANTIZED)}
    if not kinds:
        return str(denoiser.dtype).removeprefix("torch.")
    precision: Precision = "4bit" if FourBit in kinds else "fp8"
    return precision


def prepare(denoiser: Denoiser, precision: Precision | None) -> None:
    """Puts modules for quantised weights into a denoiser on the meta device.

    Its `state_dict` then asks for what `quantize` gives.
    """
    for place, module in list(denoiser.named_modules()):
        if isinstance(module, nn.Linear) and (storage := storage_of(f"{place}.weight", precision)):
            replacement: nn.Module = QuantizedLinear(module.weight.detach(), storage)
        elif isinstance(module, Experts) and (storage := storage_of(f"{place}.gate_up_proj", precision)):
            with torch.device("meta"):
                replacement = QuantizedExperts(denoiser.config, storage)
        else:
            continue
        parent, _, name = place.rpartition(".")
        setattr(denoiser.get_submodule(parent), name, replacement)


def quantize(name: str, tensor: Tensor, precision: Precision | None) -> Iterator[tuple[str, Tensor]]:
    """Yields a loaded tensor under its name, or its values and its scales, on the same device.

    Args:
        name: our name of a parameter or buffer.
        tensor: what was read for it, of any float type. Let go of it before reading the next.
        precision: of the denoiser; None yields the tensor as it is.

    Raises:
        ConfigError: the tensor's shape does not fit the format.
    """
    storage = storage_of(name, precision)
    if storage is None:
        yield name, tensor
    else:
        values, scales = storage.quantize(tensor)
        yield name, values
        yield f"{name}_scale", scales


def quantized(denoiser: Denoiser, precision: Precision) -> Denoiser:
    """A quantised copy of a denoiser; what is not quantised is shared with it."""
    with torch.device("meta"):
        copy = Denoiser(denoiser.config)
    prepare(copy, precision)
    pairs = (pair for name, tensor in denoiser.state_dict().items() for pair in quantize(name, tensor, precision))
    copy.load_state_dict(dict(pairs), strict=True, assign=True)
    return copy.requires_grad_(False).eval()
