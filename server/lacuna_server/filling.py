"""Two ways to have gaps filled: by the user's engine, or in this process."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager, aclosing
from pathlib import Path

from rich.console import Console

from lacuna_server.engine.precision import Precision
from lacuna_server.engine.protocol import FillCall, ResultEvent, StepEvent
from lacuna_server.loading import load_infiller, progress_bar

Show = Callable[[], AbstractContextManager[Callable[[StepEvent], None]]]
"""What it makes is opened once the model is loaded, and gives a function that is called with every step asked for."""


def ask_engine(
    call: FillCall, checkpoint: Path | None, device: str, precision: Precision, log: Console, shown: Show
) -> ResultEvent:
    """Has the user's engine fill, which is started if there is none. Interrupting hangs up, and so ends the fill.

    Raises:
        UserError: there is no engine, or it will not.
    """
    from lacuna_server.engine.errors import EngineClosingError
    from lacuna_server.engine.process import EngineKeeper  # HTTP takes a while to import
    from lacuna_server.engine.spawn import EngineOptions

    async def ask() -> ResultEvent:
        with progress_bar("Loading", log, in_bytes=True) as report:
            keeper = EngineKeeper(
                None,
                EngineOptions(checkpoint, device, precision),
                on_status=lambda status: report(status.loaded_bytes, status.total_bytes),
            )
            client = await keeper.ensure()
        async with keeper, aclosing(client.fill(call)) as events:
            with shown() as show:
                async for event in events:
                    if isinstance(event, StepEvent):
                        show(event)
        assert isinstance(event, ResultEvent), "it comes last"
        return event

    try:
        return asyncio.run(ask())
    except EngineClosingError:  # just then it was idle for too long; another one is started
        return asyncio.run(ask())


def fill_here(
    call: FillCall, checkpoint: Path | None, device: str, precision: Precision, log: Console, shown: Show
) -> ResultEvent:
    """Loads the model and fills.

    Raises:
        LacunaError: the checkpoint, the device, the precision or the call cannot be used.
    """
    infiller = load_infiller(checkpoint, device, log, precision)

    from lacuna_server.engine.worker import events_of

    with shown() as show:
        for event in events_of(call, infiller):
            if call.steps and isinstance(event, StepEvent):
                show(event)
    assert isinstance(event, ResultEvent), "it comes last"
    return event
