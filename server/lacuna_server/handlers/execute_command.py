"""`workspace/executeCommand`: our own requests as commands; edits are made, not only answered."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcInvalidParams

from lacuna_server.messages import Filled, SnippetMade
from lacuna_server.session import Session


async def execute_command(
    session: Session, commands: Mapping[str, Callable[..., Awaitable[Any]]], params: types.ExecuteCommandParams
) -> Any:
    """Runs a command with the parameters that are its only argument."""
    command = commands.get(params.command)
    if command is None:
        raise JsonRpcInvalidParams(f"There is no command {params.command}.")
    result = await command(*(params.arguments or ())[:1])
    if isinstance(result, Filled | SnippetMade) and result.edit is not None:
        await session.editor.apply(result.edit, "Lacuna: fill")
    return result
