"""`lacuna status`: the engines that run, and why editors were given no suggestions."""

import asyncio
import json
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from lacuna_server.commands.options import AsJson
from lacuna_server.reasons import Reason
from lacuna_server.render import TABLE_WIDTH, table_console, visible

if TYPE_CHECKING:
    from lacuna_server.engine.protocol import Status
    from lacuna_server.engine.running import Found

COLUMNS = ("state", "device", "precision", "checkpoint", "version", "up", "fills", "waiting", "pid")


def status(as_json: AsJson = False) -> None:
    """Show your engines that run: how they are, with which model, where, since when, and why editors got nothing."""
    from lacuna_server.engine.running import find_running  # HTTP takes a while to import

    found = asyncio.run(find_running())
    if as_json:
        print(json.dumps([_document(each) for each in found], indent=2))
    elif not found:
        print("No engine runs; the next fill starts one.")
    else:
        _print(found)


def _print(found: "list[Found]") -> None:
    """A table of the engines, and below it what is wrong with them."""
    console = table_console()
    table = Table(*COLUMNS, box=None, pad_edge=False)
    understood = [each.status for each in found if each.status is not None]
    for status in understood:
        table.add_row(*(escape(visible(cell)) for cell in _row(status)))
    wanted = console.measure(table, options=console.options.update(width=TABLE_WIDTH)).maximum
    if understood and wanted <= console.width:
        console.print(table)
    else:
        for status in understood:
            _print_below_each_other(status, console)
    for each in found:
        problem = each.problem if each.status is None else each.status.message
        if problem:
            console.print(Text(visible(problem)), soft_wrap=True)
    meaning = {reason.value: reason.description for reason in Reason}
    for told in (told for status in understood for told in status.reasons):
        why = meaning.get(told.reason, told.reason)  # an editor's server of another version may have others
        console.print(Text(visible(f"No suggestion ({told.count}): {why}.")), soft_wrap=True)


def _print_below_each_other(status: "Status", console: Console) -> None:
    for name, cell in zip(COLUMNS, _row(status), strict=True):
        console.print(Text(f"{name:{max(map(len, COLUMNS))}}  {visible(cell)}"), soft_wrap=True)


def _row(status: "Status") -> tuple[str, ...]:
    return (
        _state(status),
        status.device,
        status.precision,
        status.checkpoint,
        status.version,
        str(timedelta(seconds=round(status.uptime_seconds))),
        str(status.num_fills),
        str(status.num_queued),
        str(status.pid),
    )


def _state(status: "Status") -> str:
    if status.state == "loading" and status.total_bytes:
        return f"loading, {status.loaded_bytes / status.total_bytes:.0%}"
    return status.state


def _document(found: "Found") -> dict[str, Any]:
    address = {"address": str(found.address)}
    return address | ({"error": found.problem} if found.status is None else asdict(found.status))
