"""Shows a canvas as it resolves: in its place on a terminal, as a log elsewhere."""

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live
from rich.text import Text

from lacuna_server.gaps import Gaps
from lacuna_server.render import has_colour, in_context, one_line, step_texts

if TYPE_CHECKING:
    from lacuna_model.result import DenoisingStep, InfillResult

NUM_CONTEXT_LINES = 1
"""Lines shown around a canvas that is being denoised."""


def show_steps(run: "Generator[DenoisingStep, None, InfillResult]", gaps: Gaps, console: Console) -> "InfillResult":
    """Runs a fill to its end, shows every step, and returns its result."""
    if not console.is_terminal:
        return _exhaust(run, lambda step: console.print(_line(step), soft_wrap=True))
    with Live(console=console, auto_refresh=False, transient=True) as live:
        return _exhaust(run, lambda step: live.update(_frame(step, gaps, console), refresh=True))


def _exhaust(
    run: "Generator[DenoisingStep, None, InfillResult]", show: "Callable[[DenoisingStep], None]"
) -> "InfillResult":
    while True:
        try:
            step = next(run)
        except StopIteration as stop:
            result: InfillResult = stop.value
            return result
        show(step)


def _line(step: "DenoisingStep") -> Text:
    return Text(f"step {step.step:>2}  {one_line(step_texts(step))}")


def _frame(step: "DenoisingStep", gaps: Gaps, console: Console) -> Text:
    canvas = in_context(gaps.segments, step_texts(step), NUM_CONTEXT_LINES, brackets=not has_colour(console))
    frame = Text.assemble((f"step {step.step}", "bold"), "\n", canvas)
    frame.no_wrap, frame.overflow = True, "ellipsis"
    return frame
