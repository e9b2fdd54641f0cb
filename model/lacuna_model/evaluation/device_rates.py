"""What a device can do by itself: bytes and operations a second, memory, and a watch that waits for it."""

import resource
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from lacuna_model.memory_budget import available_memory

_MANY = 9  # steps
_LARGEST_COPY = 2**30
_SMALLEST_COPY = 2**27  # beyond what caches hold
_MATRIX_SIZES = {"cuda": 8192}
_MATRIX_SIZE = 1024


@dataclass(frozen=True, slots=True)
class Stopwatch:
    """Times work on a device: by its own events on CUDA, by the wall clock elsewhere."""

    device: torch.device
    repetitions: int

    def seconds(self, run: Callable[[], object]) -> float:
        """Median time of a call, after one that is not counted."""
        run()
        return statistics.median(self._once(run) for _ in range(self.repetitions))

    def seconds_each(self, run: Callable[[int], object]) -> float:
        """Time of one step of a call that is told how many to make: what does not grow with them is left out.

        Where the machine is too busy to see it grow, that is left in.
        """
        one, many = self.seconds(lambda: run(1)), self.seconds(lambda: run(_MANY))
        return (many - one) / (_MANY - 1) if many > one else many / _MANY

    def _once(self, run: Callable[[], object]) -> float:
        if self.device.type == "cuda":
            return _seconds_on_cuda(run, self.device)
        start = time.perf_counter()
        run()
        return time.perf_counter() - start


def _seconds_on_cuda(run: Callable[[], object], device: torch.device) -> float:
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
    stream = torch.cuda.current_stream(device)
    torch.cuda.synchronize(device)
    start.record(stream)
    run()
    end.record(stream)
    end.synchronize()
    milliseconds: float = start.elapsed_time(end)
    return milliseconds / 1000


def copy_bandwidth(watch: Stopwatch) -> float:
    """Bytes a second that a large copy reads and writes."""
    available = available_memory(watch.device) or 0
    size = min(_LARGEST_COPY, max(_SMALLEST_COPY, available // 16)) if watch.device.type == "cuda" else _SMALLEST_COPY
    source = torch.ones(size, dtype=torch.uint8, device=watch.device)  # untouched zeros would all be one page
    target = torch.empty_like(source)
    return 2 * size / watch.seconds(lambda: target.copy_(source))


def matrix_rate(watch: Stopwatch, dtype: torch.dtype) -> float:
    """Operations a second of one large square product."""
    size = _MATRIX_SIZES.get(watch.device.type, _MATRIX_SIZE)
    left = torch.ones(size, size, dtype=dtype, device=watch.device)
    return 2 * size**3 / watch.seconds(lambda: left @ left)


def peak_memory(device: torch.device) -> int:
    """Most bytes held so far: by torch's allocator on a CUDA device, by the process elsewhere."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak  # bytes there, kilobytes elsewhere
