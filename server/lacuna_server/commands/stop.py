"""`lacuna stop`: ends the engines that run."""

import asyncio

from lacuna_server.errors import UserError


def stop() -> None:
    """End your engines that run; the next fill starts one again."""
    print(asyncio.run(_stop_all()))


async def _stop_all() -> str:
    from lacuna_server.engine.client import EngineClient  # HTTP takes a while to import
    from lacuna_server.engine.errors import EngineHangsError
    from lacuna_server.engine.running import end, find_running

    problems = []
    found = await find_running()
    for each in found:
        async with EngineClient(each.address) as client:
            try:
                await end(client)
            except EngineHangsError as error:
                problems.append(str(error))
    if problems:
        raise UserError(" ".join(problems))
    return f"Ended {len(found)} engine{'' if len(found) == 1 else 's'}." if found else "No engine runs."
