import math

import pytest

from lacuna_server.engine.backoff import BackOff


@pytest.mark.parametrize(
    ("starts", "delay"),
    [
        ([], 0),
        ([0], 1),
        ([0, 1], 2),
        ([0, 1, 3], 4),
        ([0, 1, 3, 7, 15, 31, 63], 60),
        ([0, 1, 3, 7, 15, 31, 63, 123, 183], 60),
        ([0, 100], 1),  # lived for long
        ([0, 1, 3, 7, 15, 31, 63, 184], 1),
    ],
)
def test_delay_doubles_and_begins_anew(starts: list[float], delay: float) -> None:
    back_off = BackOff()
    for start in starts:
        assert back_off.seconds_left(start) == 0
        back_off = back_off.after_start(start)
    last = starts[-1] if starts else -math.inf
    assert back_off == BackOff(last, delay)
    if starts:
        assert back_off.seconds_left(last + delay / 4) == pytest.approx(0.75 * delay)
