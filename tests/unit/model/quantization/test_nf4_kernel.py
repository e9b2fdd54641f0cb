"""The GPU's product of four-bit weights, interpreted on the CPU; `test_cuda.py` runs it for real."""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from lacuna_model.quantization.nf4 import GROUP_SIZE, FourBit

pytest.importorskip("triton")

INTERPRET = """
import sys
from safetensors.torch import load_file, save_file
from lacuna_model.quantization.nf4_kernel import multiply, rows_of_a_tile

tensors = load_file(sys.argv[1])
names = ("rows", "values", "scales", "table", "ends")
products = {case: multiply(*(tensors[f"{case}.{name}"] for name in names)) for case in sys.argv[3:]}
save_file(products, sys.argv[2])
print(*[rows_of_a_tile(num_rows, 2) for num_rows in (1, 32, 33, 64, 65, 1000)])
"""
"""In a process of its own: whether kernels are interpreted is settled when Triton is imported."""


def inputs(seed: int) -> dict[str, Tensor]:
    """Experts without a row, outputs and inputs that fill no tile, experts of one tile and of several."""
    choose, generator = random.Random(seed), torch.Generator().manual_seed(seed)
    counts = [choose.choice([0, 1, 2, 15, 16, 17, 40, 130]) for _ in range(choose.randint(0, 4))]
    counts.append(choose.choice([1, 5, 200]))
    num_outputs, num_inputs = choose.choice([1, 16, 63, 64, 65, 130]), GROUP_SIZE * choose.choice([1, 2, 3, 5, 8])
    values, scales = FourBit().quantize(torch.randn(len(counts), num_outputs, num_inputs, generator=generator))
    return {
        "rows": torch.randn(sum(counts), num_inputs, generator=generator),
        "values": values,
        "scales": scales,
        "table": torch.tensor(FourBit().levels),
        "ends": torch.tensor(counts).cumsum(0, dtype=torch.int32),
    }


def test_it_gives_what_widening_gives(tmp_path: Path) -> None:
    """In float32, as the interpreter has no products in bfloat16."""
    cases = {str(seed): inputs(seed) for seed in range(40)}
    save_file(
        {f"{case}.{name}": tensor for case, given in cases.items() for name, tensor in given.items()}, tmp_path / "in"
    )
    child = subprocess.run(
        [sys.executable, "-c", INTERPRET, tmp_path / "in", tmp_path / "out", *cases],
        env=os.environ | {"TRITON_INTERPRET": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert child.returncode == 0, child.stderr
    assert child.stdout.split() == ["16", "16", "32", "32", "64", "64"]
    products = load_file(tmp_path / "out")
    for case, given in cases.items():
        expected = FourBit().grouped_product(given["rows"], (given["values"], given["scales"]), given["ends"])
        torch.testing.assert_close(products[case], expected, atol=1e-4, rtol=1e-5)
