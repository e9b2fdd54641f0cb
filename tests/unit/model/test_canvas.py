import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lacuna_model.canvas import CLAMPED, PADDING, Canvas

CPU = torch.device("cpu")
PAD = 0

Row = list[tuple[int, int]]


@st.composite
def rows(draw: st.DrawFn) -> list[Row]:
    """Rows of tokens with gaps numbered from left to right, some of them empty or side by side."""
    found = []
    for _ in range(draw(st.integers(1, 3))):
        row: Row = []
        for gap in range(draw(st.integers(1, 3))):
            row += [(draw(st.integers(1, 9)), gap) for _ in range(draw(st.integers(0, 4)))]
            row += [(draw(st.integers(1, 9)), CLAMPED) for _ in range(draw(st.integers(0, 3)))]
        found.append([*row, (9, CLAMPED)])
    return found


def random_slots(canvas: Canvas, seed: int) -> torch.Tensor:
    return canvas.editable & (torch.rand(canvas.ids.shape, generator=torch.Generator().manual_seed(seed)) < 0.4)


def test_rows_are_padded_at_the_right() -> None:
    canvas = Canvas.of_rows([[(5, 0), (6, CLAMPED)], [(7, 0)]], PAD, CPU)
    assert canvas.ids.tolist() == [[5, 6], [7, PAD]]
    assert canvas.gaps.tolist() == [[0, CLAMPED], [0, PADDING]]
    assert canvas.editable.tolist() == [[True, False], [True, False]]


@pytest.mark.parametrize("position", [1, 2])
def test_given_tokens_and_padding_can_neither_be_written_nor_dropped(position: int) -> None:
    canvas = Canvas.of_rows([[(5, 0), (6, CLAMPED)], [(7, 0), (8, CLAMPED), (9, CLAMPED)]], PAD, CPU)
    where = torch.zeros(canvas.ids.shape, dtype=torch.bool)
    where[0, position] = True
    with pytest.raises(AssertionError, match="given tokens"):
        canvas.write(canvas.ids, where)
    with pytest.raises(AssertionError, match="given tokens"):
        canvas.drop(where)


@given(rows(), st.integers(0, 1000))
def test_drop_equals_leaving_positions_out(given_rows: list[Row], seed: int) -> None:
    canvas = Canvas.of_rows(given_rows, PAD, CPU)
    slots = random_slots(canvas, seed)
    dropped, order = canvas.drop(slots)

    kept = [
        [place for place, _ in enumerate(row) if not dropping[place]]
        for row, dropping in zip(given_rows, slots.tolist(), strict=True)
    ]
    expected = Canvas.of_rows(
        [[row[i] for i in places] for row, places in zip(given_rows, kept, strict=True)], PAD, CPU
    )
    assert dropped.ids.tolist() == expected.ids.tolist()
    assert dropped.gaps.tolist() == expected.gaps.tolist()
    for places, from_where in zip(kept, order.tolist(), strict=True):
        assert from_where[: len(places)] == places


@given(rows(), st.integers(0, 1000), st.booleans())
def test_behind_equals_a_walk_from_left_to_right(given_rows: list[Row], seed: int, has_fences: bool) -> None:
    canvas = Canvas.of_rows(given_rows, PAD, CPU)
    slots = random_slots(canvas, seed)
    fences = random_slots(canvas, seed + 1) & has_fences
    columns = (canvas.behind(slots, fences), canvas.gaps, slots, fences)
    for row, gaps, marked, fenced in zip(*(column.tolist() for column in columns), strict=True):
        met: set[int] = set()
        for is_behind, gap, is_marked, is_fence in zip(row, gaps, marked, fenced, strict=True):
            if is_fence:
                met.discard(gap)
            if is_marked:
                met.add(gap)
            assert is_behind == (gap in met)


@given(rows(), st.integers(0, 1000))
def test_writing_changes_the_chosen_slots_alone(given_rows: list[Row], seed: int) -> None:
    canvas = Canvas.of_rows(given_rows, PAD, CPU)
    slots = random_slots(canvas, seed)
    written = canvas.write(torch.full_like(canvas.ids, 77), slots)
    assert (written.ids == 77).tolist() == slots.tolist()
    assert written.ids[~slots].tolist() == canvas.ids[~slots].tolist()
