"""Shows a canvas as it resolves: in its place on a terminal, as a log elsewhere."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.text import Text

from lacuna_server.engine.protocol import StepEvent
from lacuna_server.gaps import Gaps
from lacuna_server.render import has_colour, in_context, one_line, step_texts

NUM_CONTEXT_LINES = 1
"""Lines shown around a canvas that is being denoised."""


@contextmanager
def steps_shown(gaps: Gaps, console: Console) -> Iterator[Callable[[StepEvent], None]]:
    """Yields a function that shows a step; on a terminal nothing of it remains."""
    if not console.is_terminal:
        yield lambda step: console.print(_line(step), soft_wrap=True)
        return
    with Live(console=console, auto_refresh=False, transient=True) as live:
        yield lambda step: live.update(_frame(step, gaps, console), refresh=True)


def _line(step: StepEvent) -> Text:
    return Text(f"step {step.step:>2}  {one_line(step_texts(step))}")


def _frame(step: StepEvent, gaps: Gaps, console: Console) -> Text:
    canvas = in_context(gaps.segments, step_texts(step), NUM_CONTEXT_LINES, brackets=not has_colour(console))
    frame = Text.assemble((f"step {step.step}", "bold"), "\n", canvas)
    frame.no_wrap, frame.overflow = True, "ellipsis"
    return frame
