"""Attention of competing rows over a shared prefix on this CPU: `shared_prefix.attend` beside torch's own.

All figures of a line come from alternating calls.

    .venv/bin/python tests/benchmarks/attention.py
"""

import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial

import torch
import torch.nn.functional as F  # noqa: N812
from rich.console import Console
from rich.table import Table
from torch import Tensor

from lacuna_model.transformer.shared_prefix import KeysAndValues, attend

HEADS, KV_HEADS, HEAD_SIZE, CANVAS = 4, 2, 64, 36
REPETITIONS = 60


def seconds(calls: Sequence[Callable[[], object]]) -> list[float]:
    """The median time of each call."""
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(REPETITIONS):
        for call, found in zip(calls, times, strict=True):
            began = time.perf_counter()
            call()
            found.append(time.perf_counter() - began)
    return [statistics.median(found) for found in times]


def copied(queries: Tensor, prefix: KeysAndValues, own: KeysAndValues) -> Tensor:
    """Torch's own attention over a copy of the prefix for each row."""
    pairs = zip(prefix, own, strict=True)
    keys, values = (torch.cat((old.expand(len(queries), -1, -1, -1), new), 2) for old, new in pairs)
    return F.scaled_dot_product_attention(queries, keys, values, scale=1.0, enable_gqa=True)


def random_pair(rows: int, length: int, dtype: torch.dtype) -> KeysAndValues:
    """Keys and values of so many tokens."""
    keys, values = torch.randn(2, rows, KV_HEADS, length, HEAD_SIZE).to(dtype)
    return keys, values


@torch.inference_mode()
def main() -> None:
    """Prints the table."""
    table = Table(
        "type", "rows", "prefix", "torch, us", "shared, us", "ratio", title=f"{torch.get_num_threads()} threads"
    )
    for dtype in (torch.float32, torch.bfloat16):
        for rows, num_shared in ((1, 1000), (2, 1000), (4, 1000), (4, 255), (4, 2000)):
            queries = torch.randn(rows, HEADS, CANVAS, HEAD_SIZE).to(dtype)
            prefix = random_pair(1, num_shared, dtype)
            own = random_pair(rows, CANVAS, dtype)

            calls = [partial(copied, queries, prefix, own), partial(attend, queries, prefix, own, None)]
            plain, ours = seconds(calls)
            kind = str(dtype).removeprefix("torch.")
            figures = (f"{1e6 * plain:.0f}", f"{1e6 * ours:.0f}", f"{plain / ours:.2f}")
            table.add_row(kind, str(rows), str(num_shared), *figures)
    Console().print(table)


if __name__ == "__main__":
    main()
