"""`lacuna stop`: ends the engines that run."""

import asyncio

from lacuna_server.errors import UserError


def stop() -> None:
    """End your engines that run; the next fill starts one again."""
    print(asyncio.run(_stop_all()))


async def _stop_all() -> str:
    from lacuna_server.engine.client import EngineClient  # HTTP takes a while to import
    from lacuna_server.engine.running import end, find_running

    found = await find_running()
    for each in found:
        async with EngineClient(each.address) as client:
            if not await end(client):
                process = "" if each.status is None else f" (process {each.status.pid})"
                raise UserError(f"The engine at {each.address}{process} does not end; end it by other means.")
    return f"Ended {len(found)} engine{'' if len(found) == 1 else 's'}." if found else "No engine runs."
