"""The lines around a cursor. Lines end at a line feed and nowhere else."""

TAB_WIDTH = 4
"""Columns of a tab where only the order of indentations matters."""


def line_before(prefix: str) -> str:
    """What stands before the cursor in its line."""
    return prefix[prefix.rfind("\n") + 1 :]


def line_after(suffix: str) -> str:
    """What stands behind the cursor in its line."""
    end = suffix.find("\n")
    return suffix if end < 0 else suffix[:end]


def leading_space(line: str) -> str:
    """The blanks and tabs that a line begins with."""
    return line[: len(line) - len(line.lstrip(" \t"))]


def indent_width(line: str, tab_width: int = TAB_WIDTH) -> int:
    """How far a line is indented, in columns."""
    width = 0
    for character in leading_space(line):
        width += tab_width - width % tab_width if character == "\t" else 1
    return width


def previous_lines(prefix: str, num_lines: int) -> list[str]:
    """The last lines above the cursor's that are not blank, at most so many, in their order."""
    lines: list[str] = []
    end = prefix.rfind("\n")
    while end >= 0 and len(lines) < num_lines:
        start = prefix.rfind("\n", 0, end) + 1
        if not (line := prefix[start:end]).isspace() and line:
            lines.append(line)
        end = start - 1
    return lines[::-1]


def next_lines(suffix: str, num_lines: int) -> list[str]:
    """The first lines below the cursor's that are not blank, at most so many."""
    lines: list[str] = []
    end = suffix.find("\n")
    while end >= 0 and len(lines) < num_lines:
        start = end + 1
        end = suffix.find("\n", start)
        line = suffix[start:] if end < 0 else suffix[start:end]
        if not line.isspace() and line:
            lines.append(line)
    return lines


def window_before(prefix: str, size: int) -> str:
    """The end of a prefix, about `size` characters that begin with a line, of no indentation where there is one."""
    if len(prefix) <= size:
        return prefix
    window = prefix[-size:]
    start = 0
    while (start := window.find("\n", start) + 1) > 0:
        if window[start : start + 1].strip():
            return window[start:]
    return window[window.find("\n") + 1 :]
