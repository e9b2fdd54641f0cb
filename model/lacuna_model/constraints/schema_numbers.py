"""Ranges of numbers as regular expressions over their decimal texts."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from math import ceil, floor

from lacuna_model.errors import ConstraintError

_SIGNIFICANT_DIGITS = 15
"""Decimals of so many digits are different as 64-bit floats, too."""

_MAX_FRACTION = 6

_INTEGER = "-?(?:0|[1-9][0-9]*)"
_DECIMAL = rf"{_INTEGER}(?:\.[0-9]+)?"
_NUMBER = rf"{_DECIMAL}(?:[eE][+-]?[0-9]{{1,2}})?"


@dataclass(frozen=True, slots=True)
class Bound:
    """One end of a range of numbers; `is_open`: the value itself is outside."""

    value: Decimal
    is_open: bool = False


def integers(lower: Bound | None, upper: Bound | None) -> str | None:
    """Whole numbers within bounds; None if there are none."""
    if lower is None and upper is None:
        return _INTEGER
    least = None if lower is None else floor(lower.value) + 1 if lower.is_open else ceil(lower.value)
    most = None if upper is None else ceil(upper.value) - 1 if upper.is_open else floor(upper.value)
    options: list[str] = []
    if most is None or most >= 0:
        options += _decimals(max(least or 0, 0), most, 0)
    if least is None or least < 0:
        negative = _decimals(1 if most is None else max(-most, 1), None if least is None else -least, 0)
        options += [f"-{option}" for option in negative]
    return _any_of(options)


def numbers(lower: Bound | None, upper: Bound | None, *, exponents: bool = True) -> str | None:
    """Numbers within bounds; None if there are none.

    Args:
        lower: bound.
        upper: bound.
        exponents: whether those without a bound may have them; no others do.

    Raises:
        ConstraintError: a bound has more digits than floats can tell apart.
    """
    if lower is None and upper is None:
        return _NUMBER if exponents else _DECIMAL
    if lower is not None and upper is not None and lower.value > upper.value:
        return None
    options: list[str] = []
    zero = Bound(Decimal(0))
    if upper is None or upper.value >= 0:
        options += _non_negative(lower if lower is not None and lower.value >= 0 else zero, upper)
    if lower is None or lower.value < 0:
        nearest = Bound(-upper.value, upper.is_open) if upper is not None and upper.value <= 0 else zero
        farthest = None if lower is None else Bound(-lower.value, lower.is_open)
        options += [f"-{option}" for option in _non_negative(nearest, farthest)]
    return _any_of(options)


def _non_negative(lower: Bound, upper: Bound | None) -> Iterator[str]:
    bounds = [bound.value for bound in (lower, upper) if bound is not None]
    places = max(_num_places(value) for value in bounds)
    room = _SIGNIFICANT_DIGITS - places - max(len(str(int(value))) for value in bounds)
    if room < 1:
        raise ConstraintError(f"bounds of more than {_SIGNIFICANT_DIGITS - 1} digits are not supported for numbers")
    num_more = min(room, _MAX_FRACTION)
    for num_places in range(places + 1):
        low, high = lower.value.scaleb(num_places), None if upper is None else upper.value.scaleb(num_places)
        least = floor(low) + 1 if lower.is_open else ceil(low)
        most = None if high is None or upper is None else ceil(high) - 1 if upper.is_open else floor(high)
        yield from _decimals(least, most, num_places)
    least = int(lower.value.scaleb(places))
    most = None if upper is None else int(upper.value.scaleb(places))
    for text in _decimals(least + lower.is_open, None if most is None else most - 1, places):
        yield f"{_with_point(text, places)}[0-9]{{1,{num_more}}}"
    if lower.is_open and (most is None or least < most):
        for text in _decimals(least, least, places):
            yield f"{_with_point(text, places)}[0-9]{{0,{num_more - 1}}}[1-9]"
    if most is not None and upper is not None and not upper.is_open and (least < most or not lower.is_open):
        for text in _decimals(most, most, places):
            yield f"{_with_point(text, places)}0{{1,{num_more}}}"


def _with_point(text: str, num_places: int) -> str:
    return text if num_places else rf"{text}\."


def _num_places(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    assert isinstance(exponent, int)
    return max(-exponent, 0)


def _decimals(least: int, most: int | None, num_places: int) -> list[str]:
    """Decimals with so many places behind the point; `least` and `most`, at least 0, count units of the last place."""
    shortest = num_places + 1
    width = max(len(str(least)), shortest)
    longest = width if most is None else max(len(str(most)), shortest)
    found = []
    for digits in range(width, longest + 1):
        smallest = 0 if digits == shortest else 10 ** (digits - 1)
        low, high = max(least, smallest), 10**digits - 1 if most is None else min(most, 10**digits - 1)
        if low <= high:
            for classes in _between(str(low).zfill(digits), str(high).zfill(digits)):
                found.append(_run(classes[: digits - num_places]) + _fraction(_run(classes[digits - num_places :])))
    if most is None:
        found.append(f"[1-9][0-9]{{{width - num_places},}}" + _fraction("[0-9]" * num_places))
    return found


def _fraction(digits: str) -> str:
    return rf"\.{digits}" if digits else ""


def _between(low: str, high: str) -> Iterator[list[tuple[str, str]]]:
    """Digit texts from one to another of the same length, as sequences of ranges of digits."""
    if not low:
        yield []
        return
    first, last = low[0], high[0]
    zeros, nines = "0" * (len(low) - 1), "9" * (len(low) - 1)
    if first == last:
        yield from ([(first, first), *rest] for rest in _between(low[1:], high[1:]))
        return
    if low[1:] != zeros:
        yield from ([(first, first), *rest] for rest in _between(low[1:], nines))
        first = str(int(first) + 1)
    is_partial = high[1:] != nines
    full = str(int(last) - is_partial)
    if first <= full:
        yield [(first, full), *[("0", "9")] * len(nines)]
    if is_partial:
        yield from ([(last, last), *rest] for rest in _between(zeros, high[1:]))


def _run(classes: Iterable[tuple[str, str]]) -> str:
    return "".join(first if first == last else f"[{first}-{last}]" for first, last in classes)


def _any_of(options: list[str]) -> str | None:
    return f"(?:{'|'.join(options)})" if options else None
