"""Shows what the compiler makes of a captured pass of the released model for an H200, on a machine without a GPU.

A torch that was built for CUDA is needed, as PyPI has it for Linux; no GPU, and no weights: tensors are fake. For every
precision a denoising step and a decoded token are traced into one graph, turned into kernels, and the Triton ones among
them assembled for the GPU. How long they take, nobody can say without one; how many there are and what they move, this
can. `kernels`: launches, also divided by the layers. `moved`: bytes that kernels read and write beside the weights, as
the compiler counts them. `float32`: operations of matrix products that no tensor core makes. `widest`: the most of any
kernel's shared memory.

    PYTHONPATH=tests .venv/bin/python tests/benchmarks/generated_kernels.py [--layers 30] [--prefix 2000]

Exits with 1 if a graph breaks, a kernel cannot be assembled, or products are made in float32.
"""

# mypy: ignore-errors
import argparse
import re
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch
from benchmarks.pretended_gpu import pretend
from torch import Tensor
from torch._inductor.codecache import PyCodeCache
from torch._inductor.exc import InductorError
from torch._inductor.graph import GraphLowering
from torch._inductor.ir import InvokeSubgraph
from torch._inductor.virtualized import V
from torch._subclasses.fake_tensor import FakeTensorMode

from lacuna_model.captured import decoding, step
from lacuna_model.captured.buffers import Buffers, Shape
from lacuna_model.captured.denoising import LEAST_CAPACITY, _padded
from lacuna_model.config import DenoiserConfig
from lacuna_model.evaluation.bench_profile import NUM_DECODED, _sampler
from lacuna_model.evaluation.synthetic import released_document
from lacuna_model.quantization import nf4, nf4_kernel  # noqa: F401 - it brings the operation
from lacuna_model.quantization.precision import Precision, prepare
from lacuna_model.transformer.denoiser import Denoiser

FUNCTION = re.compile(r"^ *def (call|repeated_subgraph\d+)\((.*?)(?=^ *def |^class |\Z)", re.MULTILINE | re.DOTALL)
REPEATED = re.compile(r"(repeated_subgraph\d+)\(")
LAUNCH = re.compile(r"^ +(?:\w+ = )?(?:extern_kernels\.|torch\.ops\.|aten\.|\w+\.run\()", re.MULTILINE)
TRITON = re.compile(r"async_compile\.triton\('(\w+)', '''(.*?)''', device_str='cuda'\)", re.DOTALL)
PRODUCT = re.compile(r"extern_kernels\.b?mm")


@dataclass(frozen=True, slots=True)
class Generated:
    """What became of a pass.

    Attributes:
        num_launches: kernels that it asks for.
        num_moved: bytes that they read and write, weights left out.
        num_float32: operations of matrix products in float32.
        kernels: name and source of each Triton kernel.
    """

    num_launches: int
    num_moved: int
    num_float32: int
    kernels: tuple[tuple[str, str], ...]


class NothingToLoadError(Exception):
    """Ends a compilation where its result would be loaded."""

    def __init__(self, generated: Generated) -> None:
        super().__init__("nothing can be loaded")
        self.generated = generated


def watch(weights: set[torch.Size]) -> None:
    """Ends compilations once their code is there. `weights`: the shapes of all parameters."""

    def look(graph: GraphLowering) -> None:
        source = graph.codegen()[0].value
        bodies = dict(FUNCTION.findall(source))
        launches = {name: len(LAUNCH.findall(body)) for name, body in bodies.items()}
        repeated = sum(launches[name] for name in REPEATED.findall(bodies["call"]))
        moved, wide = traffic(graph, weights)
        kernels = tuple(TRITON.findall(source))
        raise NothingToLoadError(Generated(launches["call"] + repeated, moved, wide, kernels))

    GraphLowering.compile_to_module = look


def traffic(graph: GraphLowering, weights: set[torch.Size]) -> tuple[int, int]:
    """Bytes that are read and written beside weights, and operations of products in float32, regions included."""
    shapes = {name: tuple(map(int, graph.graph_inputs[name].get_size())) for name in graph.graph_input_names}
    skipped = {name for name, shape in shapes.items() if shape in weights}
    moved = wide = 0
    for node in graph.scheduler.nodes:
        operation = getattr(node, "node", None)
        if isinstance(operation, InvokeSubgraph):
            with V.set_graph_handler(operation.subgraph.graph):
                within = traffic(V.graph, weights)
            moved, wide = moved + within[0], wide + within[1]
            continue
        moved += int(
            sum(size for name, size in node.get_read_write_buffer_accesses(True, True).items() if name not in skipped)
        )
        if PRODUCT.match(getattr(operation, "python_kernel_name", None) or ""):
            left = operation.inputs[0]
            wide += int(2 * operation.get_numel() * left.get_size()[-1]) * (left.get_dtype() == torch.float32)
    return moved, wide


def generate(make: Callable[[], None]) -> Generated:
    """Compiles a function of fake tensors as `captured.graph.capture` does."""
    torch._dynamo.reset()
    try:
        torch.compile(make, fullgraph=True, dynamic=False)()
    except InductorError as error:
        if isinstance(error.inner_exception, NothingToLoadError):
            return error.inner_exception.generated
        raise
    raise AssertionError("Nothing was compiled.")


def assemble(name: str, source: str) -> int:
    """Makes machine code of a Triton kernel in all its configurations; returns the most shared memory of any."""
    kernel = getattr(PyCodeCache.load(source), name)
    made = [kernel._precompile_config(each).kernel for each in kernel.configs]
    return max(getattr(each, "metadata", each).shared for each in made)


def fake_denoiser(config: DenoiserConfig, precision: Precision | None, mode: FakeTensorMode) -> Denoiser:
    """A denoiser on the GPU that does not exist."""
    with torch.device("meta"):
        denoiser = Denoiser(config).to(torch.bfloat16)
    prepare(denoiser, precision)
    shapes = denoiser.state_dict()
    with mode:
        weights = {name: torch.empty_like(tensor, device="cuda") for name, tensor in shapes.items()}
    denoiser.load_state_dict(weights, assign=True)
    return denoiser.requires_grad_(False).eval()


def passes(denoiser: Denoiser, num_prefix_tokens: int) -> dict[str, Callable[[], None]]:
    """A step of a whole canvas, and a token."""
    config, sampler = denoiser.config, _sampler(denoiser.config.vocab_size)
    shape = Shape(1, config.canvas_length, config.canvas_length, _padded(num_prefix_tokens, LEAST_CAPACITY))
    buffers = Buffers.allocate(denoiser, shape)
    held = decoding.DecodingBuffers.allocate(denoiser, num_prefix_tokens + NUM_DECODED)
    is_banned = torch.zeros(config.vocab_size, dtype=torch.bool, device="cuda")
    return {
        f"step, {config.canvas_length}": lambda: step.advance(
            denoiser, sampler.acceptance, sampler.stopping, is_banned, buffers
        ),
        "token": lambda: decoding.advance(denoiser, held),
    }


def made_table(levels: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """In the place of a constant that would be copied to the device."""
    return torch.empty(16, device=device)


def main() -> None:
    """Prints a line for each pass."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--layers", type=int, default=30, help="of the released shape (%(default)s)")
    parser.add_argument("--prefix", type=int, default=2000, help="tokens before the canvas (%(default)s)")
    given = parser.parse_args()
    if not torch.version.cuda:
        sys.exit("This torch was not built for CUDA: install the one of PyPI into an environment of its own.")
    if torch.cuda.is_available():
        sys.exit("There is a GPU: `lacuna bench --profile gpu` measures what is only looked at here.")
    warnings.simplefilter("ignore")
    pretend()
    nf4._table, nf4._tried_kernel = made_table, lambda device: True
    config = DenoiserConfig.from_json(released_document(given.layers))
    assembled: dict[str, int] = {}
    print(f"torch {torch.__version__}, {given.layers} layers, {given.prefix} tokens before")
    print(f"{'':16}{'weights':>10}{'kernels':>9}{'a layer':>9}{'moved':>10}{'float32':>12}{'Triton':>8}{'widest':>10}")
    is_wide = False
    for precision in (None, "fp8", "4bit"):
        mode = FakeTensorMode(allow_non_fake_inputs=True)
        denoiser = fake_denoiser(config, precision, mode)
        held = denoiser.state_dict().values()
        weights = sum(tensor.nbytes for tensor in held)
        watch({tuple(tensor.shape) for tensor in held})
        with mode, torch.inference_mode():
            made = {name: generate(make) for name, make in passes(denoiser, given.prefix).items()}
        for name, generated in made.items():
            for kernel, source in generated.kernels:
                assembled[source] = assembled.get(source) or assemble(kernel, source)
            widest = max(assembled[source] for _, source in generated.kernels)
            is_wide |= generated.num_float32 > 0
            print(
                f"{precision or 'bf16':5}{name:11}{weights / 1e9:7.1f} GB{generated.num_launches:9}"
                f"{generated.num_launches / given.layers:9.1f}{generated.num_moved / 1e9:7.2f} GB"
                f"{generated.num_float32 / 1e9:6.1f} G ops{len(generated.kernels):8}{widest / 1e3:7.1f} kB",
                flush=True,
            )
    sys.exit(is_wide)


if __name__ == "__main__":
    main()
