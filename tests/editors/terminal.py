"""A terminal that a test can read, and of which it can take a picture."""

import fcntl
import os
import pty
import re
import select
import struct
import termios
import threading
from pathlib import Path
from typing import Any

COLUMNS, LINES = 92, 18
FONT_SIZE = 15
FENCE = b"\x1b[5n"
"""Asks whether the terminal is well; Neovim waits for the answer to this after other questions."""

CHECK_MARKS = {"✅": "✔"}
"""The font of the pictures lacks the first."""

FOREGROUND, BACKGROUND = "#e0e2ea", "#14161b"

_NOT_FOR_SCREENS = re.compile(rb"\x1b\[[<=>][0-9;]*[A-Za-z]|\x1b\[\?[0-9;]*(?:u|\$p|n)|\x1b[P_].*?\x1b\\", re.DOTALL)
"""Questions to the terminal, which pyte would take for attributes of the text."""


class Terminal:
    """A screen that is read by a thread of its own.

    Attributes:
        descriptor: for the program that shall use the terminal.
    """

    def __init__(self) -> None:
        """Opens a terminal."""
        import pyte

        self._ours, self.descriptor = pty.openpty()
        fcntl.ioctl(self.descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
        self._screen: Any = pyte.Screen(COLUMNS, LINES)
        self._stream: Any = pyte.ByteStream(self._screen)
        self._lock = threading.Lock()
        self._is_open = True
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def close(self) -> None:
        """Closes it, once the program has ended."""
        self._is_open = False
        self._reader.join()
        os.close(self._ours)
        os.close(self.descriptor)

    def type(self, keys: bytes) -> None:
        """Sends what a terminal sends for keys."""
        os.write(self._ours, keys)

    def lines(self) -> list[str]:
        """What is on the screen."""
        with self._lock:
            return [line.rstrip() for line in self._screen.display]

    def save(self, path: Path) -> None:
        """Writes a picture of the screen."""
        from matplotlib import get_data_path
        from PIL import Image, ImageDraw, ImageFont

        font = ImageFont.truetype(Path(get_data_path(), "fonts", "ttf", "DejaVuSansMono.ttf"), FONT_SIZE)
        width, height = round(font.getlength("M")), FONT_SIZE + 5
        image = Image.new("RGB", (COLUMNS * width, LINES * height), BACKGROUND)
        draw = ImageDraw.Draw(image)
        with self._lock:
            cursor = self._screen.cursor
            for row in range(LINES):
                for column in range(COLUMNS):
                    character = self._screen.buffer[row][column]
                    front, back = _colour(character.fg, FOREGROUND), _colour(character.bg, BACKGROUND)
                    if character.reverse != ((row, column) == (cursor.y, cursor.x)):
                        front, back = back, front
                    x, y = column * width, row * height
                    draw.rectangle((x, y, x + width, y + height), back)
                    draw.text((x, y + 1), CHECK_MARKS.get(character.data, character.data), front, font)
                    if character.underscore:
                        draw.line((x, y + height - 2, x + width, y + height - 2), front)
        image.quantize(64).save(path, optimize=True)

    def _read(self) -> None:
        pending = b""
        while self._is_open:
            if not select.select([self._ours], [], [], 0.05)[0]:
                continue
            data = os.read(self._ours, 65536)
            if FENCE in data:
                os.write(self._ours, b"\x1b[0n")
            pending += data
            cut = pending.rfind(b"\x1b") if b"\x1b" in pending[-64:] else len(pending)  # it may not be complete
            with self._lock:
                self._stream.feed(_NOT_FOR_SCREENS.sub(b"", pending[:cut]))
            pending = pending[cut:]


def _colour(name: str, default: str) -> str:
    return default if name == "default" else f"#{name}" if re.fullmatch(r"[0-9a-f]{6}", name) else name
