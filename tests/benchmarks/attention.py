"""Attention of competing rows over a shared prefix on this CPU: `shared_prefix.attend` beside torch's own.

All figures of a line come from alternating calls.

    .venv/bin/python tests/benchmarks/attention.py
"""

import statistics
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F  # noqa: N812
from rich.console import Console
from rich.table import Table

from lacuna_model.transformer.shared_prefix import attend

HEADS, KV_HEADS, HEAD_SIZE, CANVAS = 4, 2, 64, 36
REPETITIONS = 60


def seconds(calls: list[Callable[[], object]]) -> list[float]:
    """The median time of each call."""
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(REPETITIONS):
        for call, found in zip(calls, times, strict=True):
            began = time.perf_counter()
            call()
            found.append(time.perf_counter() - began)
    return [statistics.median(found) for found in times]


@torch.inference_mode()
def main() -> None:
    """Prints the table."""
    table = Table(
        "type", "rows", "prefix", "torch, us", "shared, us", "ratio", title=f"{torch.get_num_threads()} threads"
    )
    for dtype in (torch.float32, torch.bfloat16):
        for rows, num_shared in ((1, 1000), (2, 1000), (4, 1000), (4, 255), (4, 2000)):
            queries = torch.randn(rows, HEADS, CANVAS, HEAD_SIZE).to(dtype)
            prefix = tuple(torch.randn(1, KV_HEADS, num_shared, HEAD_SIZE).to(dtype) for _ in range(2))
            own = tuple(torch.randn(rows, KV_HEADS, CANVAS, HEAD_SIZE).to(dtype) for _ in range(2))

            def copied(queries=queries, prefix=prefix, own=own, rows=rows) -> torch.Tensor:  # type: ignore[no-untyped-def]
                keys, values = (
                    torch.cat((old.expand(rows, -1, -1, -1), new), 2) for old, new in zip(prefix, own, strict=True)
                )
                return F.scaled_dot_product_attention(queries, keys, values, scale=1.0, enable_gqa=True)

            def shared(queries=queries, prefix=prefix, own=own) -> torch.Tensor:  # type: ignore[no-untyped-def]
                return attend(queries, prefix, own, None)

            plain, ours = seconds([copied, shared])
            kind = str(dtype).removeprefix("torch.")
            figures = (f"{1e6 * plain:.0f}", f"{1e6 * ours:.0f}", f"{plain / ours:.2f}")
            table.add_row(kind, str(rows), str(num_shared), *figures)
    Console().print(table)


if __name__ == "__main__":
    main()
