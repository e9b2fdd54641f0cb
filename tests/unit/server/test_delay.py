import pytest
from hypothesis import given
from hypothesis import strategies as st

from lacuna_server.delay import LONGEST, PAUSE, Pace, next_delay

seconds = st.floats(0, 10)
paces = st.builds(Pace, st.none() | seconds, st.none() | seconds, st.integers(0, 50))


@pytest.mark.parametrize(
    ("pace", "in_prose", "delay"),
    [
        (Pace(), False, 0.1),
        (Pace(typing_interval=0.2, latency=0.5), False, 0.2),  # not before the next key
        (Pace(typing_interval=0.05, latency=0.5), False, 0.1),
        (Pace(typing_interval=0.2, latency=0.04), False, 0.04),  # the engine is done before the next key
        (Pace(latency=0.04), False, 0.04),
        (Pace(typing_interval=0.2), False, 0.1),
        (Pace(), True, 0.2),
        (Pace(num_rejected=2), False, 0.1),
        (Pace(num_rejected=3), False, 0.2),
        (Pace(num_rejected=4), False, 0.4),
        (Pace(num_rejected=40), False, 0.4),
        (Pace(num_rejected=3), True, 0.4),
        (Pace(typing_interval=1.5, latency=10, num_rejected=9), True, LONGEST),
    ],
)
def test_delay(pace: Pace, in_prose: bool, delay: float) -> None:
    assert next_delay(pace, base=0.1, in_prose=in_prose) == pytest.approx(delay)


def test_pace_is_learned() -> None:
    pace = Pace().typed(0.2).typed(PAUSE).answered(0.5).rejected().rejected()
    assert pace == Pace(0.2, 0.5, 2)
    assert pace.accepted() == Pace(0.2, 0.5, 0)
    for _ in range(50):
        pace = pace.typed(0.1).answered(0.3)
    assert pace.typing_interval == pytest.approx(0.1)
    assert pace.latency == pytest.approx(0.3)


@given(paces, seconds)
def test_rejections_and_prose_never_hasten(pace: Pace, base: float) -> None:
    delay = next_delay(pace, base=base, in_prose=False)
    assert 0 <= delay <= LONGEST
    assert next_delay(pace, base=base, in_prose=True) >= delay
    assert next_delay(pace.rejected(), base=base, in_prose=False) >= delay


@given(paces, seconds, seconds)
def test_an_engine_that_answers_at_once_is_asked_at_once(pace: Pace, base: float, interval: float) -> None:
    assert next_delay(Pace(interval, 0.0), base=base, in_prose=False) == 0
