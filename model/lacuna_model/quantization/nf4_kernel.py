"""The product of rows with their experts' four-bit matrices on a GPU: weights are widened in registers, tile by tile.

Widening the stack first, as is done elsewhere, moves many times the bytes that the codes take. `nf4` imports this where
it is needed and nowhere else, since Triton is not to be had everywhere.
"""

import triton
import triton.language as tl
from torch import Tensor
from torch.library import triton_op, wrap_triton

NUM_COLUMNS = 64  # of a tile's outputs
NUM_BYTES = 64  # of a code row that a program widens at once
SMALLEST_TILE = 16  # rows: fewer no tensor core takes
LARGEST_TILE = 64


@triton.jit  # type: ignore[untyped-decorator]
def widen_and_multiply(  # type: ignore[no-untyped-def]
    rows,
    values,
    scales,
    levels,
    ends,
    product,
    num_experts,
    num_outputs,
    num_inputs,
    GROUP_SIZE: tl.constexpr,
    PADDED_EXPERTS: tl.constexpr,
    NUM_ROWS: tl.constexpr,
    NUM_COLUMNS: tl.constexpr,
    NUM_BYTES: tl.constexpr,
):
    """Makes one tile of the product, of rows of one expert; pointers but for the numbers, shapes as in `multiply`."""
    tile, first_column = tl.program_id(0), tl.program_id(1) * NUM_COLUMNS
    experts = tl.arange(0, PADDED_EXPERTS)
    is_expert = experts < num_experts
    last = tl.load(ends + experts, mask=is_expert, other=0)
    first = tl.load(ends + experts - 1, mask=is_expert & (experts > 0), other=0)
    num_tiles = tl.where(is_expert, (last - first + NUM_ROWS - 1) // NUM_ROWS, 0)
    until = tl.cumsum(num_tiles, 0)
    expert = tl.sum((until <= tile).to(tl.int32), 0)
    if expert >= num_experts:
        return
    mine = experts == expert
    row = tl.sum(tl.where(mine, first + (tile - until + num_tiles) * NUM_ROWS, 0), 0) + tl.arange(0, NUM_ROWS)
    is_row = row < tl.sum(tl.where(mine, last, 0), 0)
    row = row.to(tl.int64)  # a product of sizes can be larger than 32 bits hold
    column = first_column + tl.arange(0, NUM_COLUMNS)
    is_column = column < num_outputs
    matrix_row = expert.to(tl.int64) * num_outputs + column  # (NUM_COLUMNS,)
    row_bytes, row_groups = num_inputs // 2, num_inputs // GROUP_SIZE
    total = tl.zeros((NUM_ROWS, NUM_COLUMNS), tl.float32)
    for start in range(0, row_bytes, NUM_BYTES):
        byte = start + tl.arange(0, NUM_BYTES)
        is_byte = byte < row_bytes
        seen = is_row[:, None] & is_byte[None, :]
        even = tl.load(rows + row[:, None] * num_inputs + 2 * byte[None, :], mask=seen, other=0.0)
        odd = tl.load(rows + row[:, None] * num_inputs + 2 * byte[None, :] + 1, mask=seen, other=0.0)
        held = is_byte[:, None] & is_column[None, :]  # (NUM_BYTES, NUM_COLUMNS)
        codes = tl.load(values + matrix_row[None, :] * row_bytes + byte[:, None], mask=held, other=0).to(tl.int32)
        group = byte[:, None] // (GROUP_SIZE // 2)
        scale = tl.load(scales + matrix_row[None, :] * row_groups + group, mask=held, other=0.0).to(tl.float32)
        upper = (tl.load(levels + (codes >> 4)) * scale).to(rows.dtype.element_ty)
        lower = (tl.load(levels + (codes & 15)) * scale).to(rows.dtype.element_ty)
        total = tl.dot(even, upper, total, input_precision="ieee")
        total = tl.dot(odd, lower, total, input_precision="ieee")
    place = row[:, None] * num_outputs + column[None, :]
    tl.store(product + place, total.to(rows.dtype.element_ty), mask=is_row[:, None] & is_column[None, :])


@triton_op("lacuna::multiply_four_bits", mutates_args=())
def multiply(rows: Tensor, values: Tensor, scales: Tensor, levels: Tensor, ends: Tensor) -> Tensor:
    """Multiplies each row by its expert's matrix.

    Args:
        rows: grouped by expert, (T, in).
        values: codes two a byte, the even column's in the upper half, (E, out, in / 2) uint8.
        scales: of groups of weights, (E, out, in / GROUP_SIZE) bfloat16.
        levels: what the codes mean, rounded to the type of the rows, (16,) float32.
        ends: index behind each expert's last row, (E,) int32.

    Returns:
        (T, out).
    """
    (num_rows, num_inputs), (num_experts, num_outputs, _) = rows.shape, values.shape
    rows, product = rows.contiguous(), rows.new_empty(num_rows, num_outputs)
    tile = rows_of_a_tile(num_rows, num_experts)
    grid = (triton.cdiv(num_rows, tile) + num_experts, triton.cdiv(num_outputs, NUM_COLUMNS))
    wrap_triton(widen_and_multiply)[grid](
        rows,
        values,
        scales,
        levels,
        ends,
        product,
        num_experts,
        num_outputs,
        num_inputs,
        GROUP_SIZE=num_inputs // scales.shape[2],
        PADDED_EXPERTS=triton.next_power_of_2(num_experts),
        NUM_ROWS=tile,
        NUM_COLUMNS=NUM_COLUMNS,
        NUM_BYTES=NUM_BYTES,
    )
    return product


def rows_of_a_tile(num_rows: int, num_experts: int) -> int:
    """As many as an expert has on average, within bounds: a weight is widened once for each tile of its expert."""
    tile = SMALLEST_TILE
    while tile < LARGEST_TILE and tile * num_experts < num_rows:
        tile *= 2
    return tile
