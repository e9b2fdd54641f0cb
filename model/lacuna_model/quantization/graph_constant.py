"""Functions whose results are constants of a compiled graph."""

from collections.abc import Callable
from typing import TypeVar

_Function = TypeVar("_Function", bound=Callable[..., object])


def graph_constant(function: _Function) -> _Function:
    """Marks a function as `torch.compiler.assume_constant_result` does.

    That one imports the compiler to do so, which would be a third of the time it takes to start.
    """
    function._dynamo_marked_constant = True  # type: ignore[attr-defined]
    return function
