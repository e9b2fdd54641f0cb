"""CUDA graphs: work over tensors that stay where they are, asked for at once instead of kernel by kernel."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch

from lacuna_model.transformer.denoiser import Denoiser

NUM_WARM_UPS = 3
MAX_COMPILATIONS = 128  # in a process: every shape has one


@dataclass(frozen=True, slots=True, eq=False)
class Replay:
    """A graph, and the function that it was made of: its tensors, and those of its code, have to live on."""

    graph: torch.cuda.CUDAGraph
    compiled: Callable[[], None]

    def __call__(self) -> None:
        """Asks for all of it again."""
        self.graph.replay()


def can_be_captured(denoiser: Denoiser) -> bool:
    """Whether passes of a denoiser are on CUDA and no shape in them depends on which experts are chosen."""
    is_static = denoiser.dtype == torch.bfloat16 or all(layer.experts.runs_all for layer in denoiser.stack)
    return is_static and denoiser.device.type == "cuda"


def capture(make: Callable[[], None], device: torch.device) -> Replay:
    """Compiles a function of fixed tensors on a device and captures it as a CUDA graph.

    It is run a few times on the way, on whatever its tensors hold.
    """
    compiled = torch.compile(make, fullgraph=True, dynamic=False)
    with (
        torch.cuda.device(device),
        torch._dynamo.config.patch(recompile_limit=MAX_COMPILATIONS),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")  # the compiler's, about functions whose results are cached
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(NUM_WARM_UPS):
                compiled()
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            compiled()
    return Replay(graph, compiled)
