"""Two ways to have gaps filled: by the user's engine, or in this process."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager, aclosing, nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from lacuna_server.engine.precision import Precision
from lacuna_server.engine.protocol import FillCall, ResultEvent, StepEvent
from lacuna_server.errors import UserError
from lacuna_server.gaps import Gaps
from lacuna_server.loading import load_infiller, progress_bar
from lacuna_server.steps import steps_shown

if TYPE_CHECKING:
    from lacuna_server.engine.client import EngineClient

PATIENCE_SECONDS = 3.0
"""After which somebody who waits for their turn is told so."""

Show = Callable[[], AbstractContextManager[Callable[[StepEvent], None]]]
"""What it makes is opened once the model is loaded, and gives a function that is called with every step asked for."""


@dataclass(frozen=True, slots=True)
class Model:
    """What fills.

    Attributes:
        checkpoint: its directory; None: the embedded one.
        device: where it runs.
        precision: of most weights.
        in_process: loaded for this fill alone; otherwise the user's engine has it.
    """

    checkpoint: Path | None
    device: str
    precision: Precision
    in_process: bool


def fill_gaps(call: FillCall, gaps: Gaps, model: Model, log: Console) -> ResultEvent:
    """Fills, and shows the steps that the call asks for.

    Args:
        call: what is wanted.
        gaps: where it belongs.
        model: that fills.
        log: where steps, and what else a person wants to know meanwhile, are shown.

    Raises:
        UserError: there is no engine, or it will not; the deadline came before any fill.
        LacunaError: the checkpoint, the device, the precision or the call cannot be used.
    """
    shown: Show = partial(steps_shown, gaps, log) if call.steps else lambda: nullcontext(lambda _: None)
    result = (_fill_here if model.in_process else _ask_engine)(call, model, log, shown)
    if not result.fills:
        raise UserError("Nothing was filled in the time that --deadline-ms allows; allow more.")
    return result


def _ask_engine(call: FillCall, model: Model, log: Console, shown: Show) -> ResultEvent:
    """Has the user's engine fill, which is started if there is none. Interrupting hangs up, and so ends the fill."""
    from lacuna_server.engine.errors import EngineClosingError
    from lacuna_server.engine.process import EngineKeeper  # HTTP takes a while to import
    from lacuna_server.engine.spawn import EngineOptions

    async def ask() -> ResultEvent:
        with progress_bar("Loading", log, in_bytes=True) as report:
            keeper = EngineKeeper(
                None,
                EngineOptions(model.checkpoint, model.device, model.precision),
                on_status=lambda status: report(status.loaded_bytes, status.total_bytes),
            )
            client = await keeper.ensure()
        async with keeper, aclosing(client.fill(call)) as events:
            waiting = asyncio.create_task(_tell_if_waiting(client, log))
            with shown() as show:
                async for event in events:
                    waiting.cancel()
                    if isinstance(event, StepEvent):
                        show(event)
        assert isinstance(event, ResultEvent), "it comes last"
        return event

    try:
        return asyncio.run(ask())
    except EngineClosingError:  # just then it was idle for too long; another one is started
        return asyncio.run(ask())


async def _tell_if_waiting(client: "EngineClient", log: Console) -> None:
    """Says after a while that calls stand in line, if so; whether this one does, the engine does not tell."""
    from lacuna_server.engine.errors import EngineError

    await asyncio.sleep(PATIENCE_SECONDS)
    with suppress(EngineError):
        if num_queued := (await client.status()).num_queued:
            log.print(f"Still waiting; calls in line at the engine: {num_queued}.")


def _fill_here(call: FillCall, model: Model, log: Console, shown: Show) -> ResultEvent:
    """Loads the model and fills."""
    infiller = load_infiller(model.checkpoint, model.device, log, model.precision)

    from lacuna_server.engine.worker import events_of

    with shown() as show:
        for event in events_of(call, infiller):
            if call.steps and isinstance(event, StepEvent):
                show(event)
    assert isinstance(event, ResultEvent), "it comes last"
    return event
