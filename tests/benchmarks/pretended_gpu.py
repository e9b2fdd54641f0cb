"""Makes torch believe in an H200 that is not there, so that its compiler can be watched at work.

For a torch that was built for CUDA, on a machine without a GPU. Nothing can be run: tensors are fake, and what the
compiler writes is looked at and assembled, but never loaded. Part of `generated_kernels.py`.
"""

# mypy: ignore-errors
from types import SimpleNamespace
from typing import Any

import torch
import triton
from torch._dynamo import device_interface
from torch._inductor import config
from torch._inductor.fx_passes import fuse_attention, joint_graph, misc_patterns, pad_mm
from torch._inductor.runtime import triton_helpers
from torch._subclasses import fake_tensor
from triton.backends.compiler import GPUTarget

CAPABILITY = (9, 0)
PROPERTIES = SimpleNamespace(
    name="NVIDIA H200",
    major=9,
    minor=0,
    total_memory=150 * 10**9,
    multi_processor_count=132,
    warp_size=32,
    regs_per_multiprocessor=65536,
    max_threads_per_multi_processor=2048,
    max_threads_per_block=1024,
    shared_memory_per_block=49152,
    shared_memory_per_block_optin=232448,
    shared_memory_per_multiprocessor=233472,
    L2_cache_size=60 * 2**20,
    gcnArchName="",
)


def _always(value: object) -> Any:
    return lambda *arguments, **options: value


class _Driver:
    """What Triton asks of its driver to assemble a kernel."""

    get_current_target = staticmethod(_always(GPUTarget("cuda", 10 * CAPABILITY[0] + CAPABILITY[1], 32)))
    get_current_device = get_current_stream = staticmethod(_always(0))
    get_active_torch_device = staticmethod(_always(torch.device("cuda", 0)))
    get_device_capability = staticmethod(_always(CAPABILITY))
    get_device_interface = staticmethod(_always(torch.cuda))


def pretend() -> None:
    """Replaces what asks for a device in torch and Triton, in this process, for good."""
    torch._C._ensureCUDADeviceGuardSet()
    cuda, interface = torch.cuda, device_interface.CudaInterface
    for name, value in {
        "is_available": True,
        "device_count": 1,
        "current_device": 0,
        "_exchange_device": 0,
        "get_device_capability": CAPABILITY,
        "get_device_properties": PROPERTIES,
        "get_rng_state": torch.zeros(16, dtype=torch.uint8),
        **dict.fromkeys(("set_device", "synchronize", "set_rng_state", "_lazy_init")),
    }.items():
        setattr(cuda, name, _always(value))
    cuda._maybe_exchange_device = _always(0)  # not the function before: each has a handler of its own
    cuda.device.__enter__, cuda.device.__exit__ = _always(None), _always(False)
    for name, value in {
        "is_available": True,
        "device_count": 1,
        "current_device": 0,
        "get_compute_capability": 10 * CAPABILITY[0] + CAPABILITY[1],
        "get_device_properties": PROPERTIES,
        "get_raw_stream": 0,
        "is_triton_capable": True,
        "raise_if_triton_unavailable": None,
    }.items():
        setattr(interface, name, staticmethod(_always(value)))
    interface.Worker.get_device_properties = staticmethod(_always(PROPERTIES))
    interface.Worker.current_device = staticmethod(_always(0))
    torch.accelerator.is_available = _always(False)  # else the streams of a graph are looked up
    torch._C._cuda_getCurrentRawStream = _always(0)
    triton.runtime.driver.set_active(_Driver())
    triton_helpers.set_driver_to_gpu = _always(None)
    if hasattr(fake_tensor, "init_gpu_context"):
        fake_tensor.init_gpu_context = _always(None)
    # What tries out kernels, or makes constants, on the device.
    fuse_attention._sfdp_init = pad_mm._pad_mm_init = misc_patterns._misc_patterns_init = _always(None)
    joint_graph.constant_fold_uniform_value = _always(None)
    config.joint_graph_constant_folding = False
    config.compile_threads, config.fx_graph_cache = 1, False
