import gc
import weakref
from collections.abc import Callable
from contextlib import nullcontext
from types import SimpleNamespace

import pytest
import torch

from lacuna_model.captured import graph
from lacuna_model.config import DenoiserConfig
from lacuna_model.transformer.denoiser import Denoiser


@pytest.fixture
def stands_in_for_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = SimpleNamespace(wait_stream=lambda other: None)
    for name, value in {
        "device": lambda device: nullcontext(),
        "Stream": lambda: stream,
        "current_stream": lambda: stream,
        "stream": lambda entered: nullcontext(),
        "CUDAGraph": lambda: SimpleNamespace(replay=lambda: None),
        "graph": lambda captured: nullcontext(),
    }.items():
        monkeypatch.setattr(torch.cuda, name, value)
    monkeypatch.setattr(torch, "compile", lambda make, **options: make)


def captured() -> tuple[graph.Replay, weakref.ref[torch.Tensor]]:
    """A graph and the tensor that it adds one to, which nothing else knows."""
    tensor = torch.zeros(3)

    def make() -> None:
        tensor.add_(1)

    return graph.capture(make, torch.device("cuda")), weakref.ref(tensor)


def test_what_a_graph_reads_lives_as_long_as_it(stands_in_for_cuda: None) -> None:
    """A graph knows addresses alone: a tensor that nobody else holds would be overwritten."""
    replay, tensor = captured()
    gc.collect()
    held = tensor()
    assert held is not None and held.tolist() == [graph.NUM_WARM_UPS + 1] * 3
    del held, replay
    gc.collect()
    assert tensor() is None


class OnGpu(Denoiser):
    @property
    def device(self) -> torch.device:
        return torch.device("cuda")


@pytest.mark.parametrize(
    ("dtype", "num_experts", "can"),
    [(torch.bfloat16, 16, True), (torch.bfloat16, 4, True), (torch.float32, 4, True), (torch.float32, 16, False)],
)
def test_float32_is_captured_where_all_experts_run(
    tiny_config: Callable[..., DenoiserConfig], dtype: torch.dtype, num_experts: int, can: bool
) -> None:
    config = tiny_config(num_experts=num_experts)
    assert graph.can_be_captured(OnGpu(config).to(dtype)) == can
    assert not graph.can_be_captured(Denoiser(config).to(dtype))
