"""CUDA graphs: work over tensors that stay where they are, asked for at once instead of kernel by kernel."""

import warnings
from collections.abc import Callable

import torch

NUM_WARM_UPS = 3
MAX_COMPILATIONS = 128  # in a process: every shape has one


def capture(make: Callable[[], None]) -> Callable[[], None]:
    """Compiles a function of fixed tensors and captures it as a CUDA graph; returns what replays it.

    It is run a few times on the way, on whatever its tensors hold.
    """
    compiled = torch.compile(make, fullgraph=True, dynamic=False)
    stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    stream.wait_stream(torch.cuda.current_stream())
    with torch._dynamo.config.patch(recompile_limit=MAX_COMPILATIONS), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the compiler's, about functions whose results are cached
        with torch.cuda.stream(stream):
            for _ in range(NUM_WARM_UPS):
                compiled()
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            compiled()
    replay: Callable[[], None] = graph.replay
    return replay
