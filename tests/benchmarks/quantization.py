"""Measures what quantised weights cost in precision: the formats, a trained model, and a layer of the released shapes.

Errors are root mean squares, relative to what float32 gives. The trained model is the embedded checkpoint; the layers
have random weights.

    .venv/bin/python tests/benchmarks/quantization.py [--tokens 64] [--skip-released]
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

import lacuna_model
from lacuna_model.checkpoint import load_denoiser
from lacuna_model.config import DenoiserConfig, LayerKind
from lacuna_model.evaluation.synthetic import RELEASED
from lacuna_model.quantization.fp8 import Fp8
from lacuna_model.quantization.nf4 import NF4_LEVELS, FourBit
from lacuna_model.quantization.precision import Precision, quantized
from lacuna_model.quantization.storage import Storage
from lacuna_model.tokenizer import Tokenizer
from lacuna_model.transformer.denoiser import Denoiser

CHECKPOINT = Path(lacuna_model.__file__).with_name("weights") / "nano"
TEXT = Path(lacuna_model.__file__).with_name("config.py")
NUM_PROMPT_TOKENS = 128
NUM_WEIGHTS = 2**20

E2M1 = tuple(sorted({sign * value / 6 for value in (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0) for sign in (-1, 1)}))
STORAGES: dict[str, Storage] = {
    "FP8 (e4m3, per channel)": Fp8(),
    "int4, symmetric": FourBit(tuple(level / 7 for level in range(-7, 8))),
    "FP4 (e2m1)": FourBit(E2M1),
    "NF4": FourBit(NF4_LEVELS),
}
PRECISIONS: tuple[Precision, ...] = get_args(Precision)


def error(found: Tensor, expected: Tensor) -> float:
    """Relative root mean square."""
    return float((found.float() - expected.float()).norm() / expected.float().norm())


def print_table(title: str, columns: Sequence[str], rows: Iterator[tuple[str, list[float]]]) -> None:
    """Prints a line of figures for each row, as it comes."""
    print(f"\n{title}\n{'':28}" + "".join(f"{column:>14}" for column in columns))
    for name, figures in rows:
        print(f"{name:28}" + "".join(f"{figure:14.4f}" for figure in figures), flush=True)


def rounding_errors(samples: dict[str, Tensor]) -> Iterator[tuple[str, list[float]]]:
    """Bits a weight, and the error of rounding weights, (out, in), of several distributions."""
    for name, storage in STORAGES.items():
        quantised = {sample: storage.quantize(weight) for sample, weight in samples.items()}
        values, scales = quantised["normal"]
        bits = 8 * (values.nbytes + scales.nbytes) / samples["normal"].numel()
        yield name, [bits, *(error(storage.dequantize(quantised[k], w), w) for k, w in samples.items())]


def states_of(denoiser: Denoiser, canvas: Tensor, prompt: Tensor) -> list[Tensor]:
    """Hidden states behind every layer, and the logits."""
    states: list[Tensor] = []
    hooks = [layer.register_forward_hook(lambda _, __, output: states.append(output[0])) for layer in denoiser.stack]
    _, prefix = denoiser.encode(prompt)
    states.clear()  # the encoder went through the same layers
    states.append(denoiser.logits(denoiser.denoise(canvas, prefix)))
    for hook in hooks:
        hook.remove()
    return states


def trained_errors(trained: Denoiser, num_tokens: int) -> Iterator[tuple[str, list[float]]]:
    """Errors behind each layer, of the logits, and of what follows from them, by precision."""
    ids = Tokenizer.load(CHECKPOINT).encode(TEXT.read_text(encoding="utf-8"))
    length = NUM_PROMPT_TOKENS + num_tokens
    texts = torch.tensor(ids[: len(ids) // length * length]).view(-1, length)
    prompt, canvas = texts[:, :NUM_PROMPT_TOKENS], texts[:, NUM_PROMPT_TOKENS:]
    assert trained.config.mask_token_id is not None
    masked = torch.rand(canvas.shape, generator=torch.Generator().manual_seed(0)) < 0.5
    canvas = canvas.masked_fill(masked, trained.config.mask_token_id)
    *layers, logits = states_of(trained, canvas, prompt)
    others = [states_of(quantized(trained, precision), canvas, prompt) for precision in PRECISIONS]
    for index, states in enumerate(layers):
        yield f"layer {index}, {trained.config.layer_kinds[index]}", [error(o[index], states) for o in others]
    yield "logits", [error(other[-1], logits) for other in others]
    expected = logits[masked].log_softmax(-1)
    slots = [other[-1][masked].log_softmax(-1) for other in others]
    yield "KL of a masked slot, nats", [float((expected.exp() * (expected - s)).sum(-1).mean()) for s in slots]
    yield "same best token, share", [float((s.argmax(-1) == expected.argmax(-1)).float().mean()) for s in slots]


def released_errors(kind: LayerKind, num_tokens: int) -> Iterator[tuple[str, list[float]]]:
    """Errors of one layer's parts, each given the inputs that float32 gives it, and of all of it, in bf16.

    The first figure is that of bf16 weights, the others are by precision.
    """
    config = replace(DenoiserConfig.load(RELEASED), vocab_size=256, layer_kinds=(kind,))
    generator = torch.Generator().manual_seed(0)
    wide = Denoiser(config).requires_grad_(False).eval()
    for name, parameter in wide.named_parameters():
        if "q_norm" in name:
            parameter.fill_(parameter.numel() ** -0.5)  # attention is not scaled, and would see a single token
        elif parameter.dim() > 1:
            parameter.normal_(std=parameter.shape[-1] ** -0.5, generator=generator)
            parameter.copy_(parameter.bfloat16())  # as they would be published
    canvas = torch.randint(256, (1, num_tokens), generator=generator)
    parts = {name: wide.stack[0].get_submodule(name) for name in ("self_attn", "mlp", "experts")}
    seen: dict[nn.Module, tuple[Any, Any]] = {}
    hooks = [
        part.register_forward_hook(lambda module, given, output: seen.update({module: (given, output)}))
        for part in parts.values()
    ]
    expected = states_of(wide, canvas, canvas[:, :1])
    for hook in hooks:
        hook.remove()
    calls = {name: tree_map(in_bf16, seen[part][0]) for name, part in parts.items()}
    outputs = {name: first(seen[part][1]) for name, part in parts.items()}

    narrow = wide.bfloat16()
    figures: dict[str, list[float]] = {name: [] for name in (*parts, "layer", "logits")}
    for precision in (None, *PRECISIONS):
        copy = narrow if precision is None else quantized(narrow, precision)
        for name, call in calls.items():
            figures[name].append(error(first(copy.stack[0].get_submodule(name)(*call)), outputs[name]))
        for name, found, reference in zip(
            ("layer", "logits"), states_of(copy, canvas, canvas[:, :1]), expected, strict=True
        ):
            figures[name].append(error(found, reference))
    yield from figures.items()


def in_bf16(argument: Any) -> Any:
    """A tensor of numbers rounded; anything else as it is."""
    return argument.bfloat16() if isinstance(argument, Tensor) and argument.is_floating_point() else argument


def first(output: Tensor | tuple[Tensor, Any]) -> Tensor:
    """What a part of a layer hands on."""
    return output[0] if isinstance(output, tuple) else output


@torch.inference_mode()
def main() -> None:
    """Prints three tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=64, help="length of the canvas")
    parser.add_argument("--skip-released", action="store_true", help="leave out the layer, which takes 12 GB of memory")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    trained = load_denoiser(CHECKPOINT, dtype=torch.float32)
    samples = {
        "normal": torch.randn(1024, NUM_WEIGHTS // 1024),
        "student-t (5)": torch.distributions.StudentT(5.0).sample((1024, NUM_WEIGHTS // 1024)),
        "trained": trained.stack[0].experts.gate_up_proj.flatten(0, 1),
    }
    print_table("rounding weights", ["bits/weight", *samples], rounding_errors(samples))
    print_table("embedded checkpoint", PRECISIONS, trained_errors(trained, arguments.tokens))
    if not arguments.skip_released:
        for kind in get_args(LayerKind):
            rows = released_errors(kind, arguments.tokens)
            print_table(f"one {kind} layer of the released shapes", ["bf16", *PRECISIONS], rows)


if __name__ == "__main__":
    main()
