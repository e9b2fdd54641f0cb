"""A real Neovim that a test types into.

with Neovim.started(editor, home, init, file) as neovim:
    neovim.type("ireturn ")
    neovim.until(lambda: neovim.ghost())
"""

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from editors.neovim.rpc import Rpc
from scripted_engine import wait_until

T = TypeVar("T")

PLUGIN = Path(__file__).parents[3] / "clients" / "nvim"
PATIENCE = 20.0
"""Seconds after which a test that waits for something has failed."""

LOADING_SECONDS = 180.0
"""The same for a model that is being loaded."""

POLL = 0.02

GHOST = """
local namespace = vim.api.nvim_get_namespaces()['nvim.lsp.inline_completion']
local mark = namespace and vim.api.nvim_buf_get_extmarks(0, namespace, 0, -1, { details = true })[1]
if not mark then
  return ''
end
local lines = { mark[4].virt_text, unpack(mark[4].virt_lines or {}) }
return vim.iter(lines):map(function(chunks)
  return vim.iter(chunks):map(function(chunk) return chunk[1] end):join('')
end):join('\\n')
"""

RECORD = """
_G.seen = {}
local notify = vim.notify
vim.notify = function(message, ...)
  table.insert(_G.seen, message)
  return notify(message, ...)
end
_G.answered, _G.progress = {}, {}
vim.api.nvim_create_autocmd('LspRequest', { callback = function(event)
  local request = event.data.request
  local key = request.method .. ' ' .. request.type
  _G.answered[key] = (_G.answered[key] or 0) + 1
end })
vim.api.nvim_create_autocmd('LspProgress', { callback = function(event)
  table.insert(_G.progress, event.data.params.value.title)
end })
"""
"""What a test asks about afterwards: messages, requests by method and by what became of them, progress."""


def answers(path: Path) -> bool:
    """Whether somebody listens on a socket."""
    with socket.socket(socket.AF_UNIX) as connection:
        return connection.connect_ex(str(path)) == 0


class Neovim:
    """An editor, driven over its socket.

    Attributes:
        process: of the editor.
    """

    def __init__(self, process: "subprocess.Popen[bytes]", path: Path) -> None:
        """Connects to an editor that is listening, or about to."""
        self.process = process
        wait_until(lambda: answers(path))
        self._rpc = Rpc(path, PATIENCE)

    @classmethod
    @contextmanager
    def started(
        cls,
        editor: Path,
        home: Path,
        *arguments: str | Path,
        init: str = "",
        env: dict[str, str] | None = None,
        terminal: int | None = None,
    ) -> Iterator["Neovim"]:
        """Starts an editor of its own home, without a screen unless a terminal is given, and ends it.

        Args:
            editor: the program.
            home: an empty directory; a short path, as it holds a socket.
            arguments: of the program, files above all.
            init: the user's init.lua.
            env: changes of the environment.
            terminal: a descriptor of the one that it shall use.
        """
        config = home / ".config" / "nvim" / "init.lua"
        config.parent.mkdir(parents=True, exist_ok=True)
        config.write_text(RECORD + init)
        path = home / "socket"
        environment = os.environ | {"HOME": str(home), "XDG_CONFIG_HOME": str(home / ".config")} | (env or {})
        environment |= {
            "XDG_DATA_HOME": str(home / ".local" / "share"),
            "XDG_STATE_HOME": str(home / ".local" / "state"),
        }
        for name in ("VIMRUNTIME", "VIM", "MYVIMRC", "NVIM"):
            environment.pop(name, None)
        screen = ["--headless"] if terminal is None else []
        descriptor = subprocess.DEVNULL if terminal is None else terminal
        process = subprocess.Popen(
            [editor, *screen, "--listen", path, *arguments],
            stdin=descriptor,
            stdout=descriptor,
            stderr=descriptor,
            env=environment,
            cwd=home,
            start_new_session=True,
        )
        neovim = None
        try:
            neovim = cls(process, path)
            yield neovim
        finally:
            if neovim is not None:
                neovim.close()
            process.kill()
            process.wait()

    def close(self) -> None:
        """Ends the editor, and with it its language server."""
        try:
            self._rpc.tell("nvim_command", "qall!")
            self.process.wait(5)
        except (OSError, subprocess.TimeoutExpired):
            pass
        finally:
            self._rpc.close()

    def lua(self, code: str, *arguments: Any) -> Any:
        """The value of a chunk of Lua; `...` are the arguments."""
        return self._rpc.ask("nvim_exec_lua", code, arguments)

    def type(self, keys: str) -> None:
        """Presses keys, named as in mappings."""
        self._rpc.ask("nvim_input", keys)

    def command(self, text: str) -> None:
        """Runs an Ex command."""
        self._rpc.ask("nvim_command", text)

    def lines(self) -> list[str]:
        """Of the current buffer."""
        return list(self._rpc.ask("nvim_buf_get_lines", 0, 0, -1, False))

    def cursor(self) -> tuple[int, int]:
        """Line, from 1, and column, from 0 in bytes."""
        row, column = self._rpc.ask("nvim_win_get_cursor", 0)
        return row, column

    def ghost(self) -> str:
        """The ghost text that is on the screen."""
        return str(self.lua(GHOST))

    def messages(self) -> list[str]:
        """What the user was told."""
        return list(self.lua("return _G.seen"))

    def num_answered(self, method: str = "textDocument/inlineCompletion") -> int:
        """Requests of a method that have got an answer."""
        return int(self.lua("return _G.answered[...] or 0", f"{method} complete"))

    def num_cancelled(self) -> int:
        """Requests for ghost text that the editor has cancelled."""
        return int(self.lua("return _G.answered[...] or 0", "textDocument/inlineCompletion cancel"))

    def until(self, is_so: Callable[[], T], patience: float = PATIENCE) -> T:
        """Waits for something to come about, and returns what was waited for."""
        deadline = time.monotonic() + patience
        while not (found := is_so()):
            assert self.process.poll() is None, "the editor has ended"
            assert time.monotonic() < deadline, self.describe()
            time.sleep(POLL)
        return found

    def describe(self) -> str:
        """What is to be seen, for a test that has waited in vain."""
        told = self.lua("return vim.api.nvim_exec2('messages', { output = true }).output")
        return "\n".join((f"{self.lines()} at {self.cursor()}, ghost text {self.ghost()!r}; messages:", told))

    def status(self) -> dict[str, Any]:
        """What the server answers to `lacuna/status`."""
        code = """
        local client = vim.lsp.get_clients({ name = 'lacuna_ls' })[1]
        local answer = client and client.initialized and client:request_sync('lacuna/status', nil, 5000)
        return answer and answer.result or { condition = { state = 'away' } }
        """
        return dict(self.lua(code))

    def is_ready(self) -> None:
        """Waits for a server whose engine has its model, and for the buffer to be attached."""
        attached = "return #vim.lsp.get_clients({ name = 'lacuna_ls', bufnr = 0 }) > 0"
        self.until(lambda: self.lua(attached))
        self.until(lambda: self.status()["condition"]["state"] == "ready", LOADING_SECONDS)
