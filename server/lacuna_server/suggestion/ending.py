"""How a fill ends in front of what stands behind the cursor in its line."""

import re

_BREAK_AT_END = re.compile(r"\n[ \t]*\Z")
_BREAK = re.compile(r"[ \t]*\n")


def trimmed(text: str, rest: str) -> str:
    """A fill without blanks at its end, but for a space that parts it from a word or a string behind the cursor."""
    end = len(text.rstrip())
    is_parting = rest and not rest[0].isspace() and rest[0] not in ")]}>,;:"
    return text[: end + 1] if is_parting and text[end : end + 1] == " " else text[:end]


def break_at_end(whole: str, text: str, line: str, rest: str) -> str | None:
    """What moves the rest of the line into a line of its own: a line break and the indentation of that line.

    It is due behind several lines, ahead of a word, and where the rest was all that stood in the line.

    Args:
        whole: a fill; all but blanks at its beginning.
        text: what is kept of it, without blanks at its end.
        line: what stands before the cursor in its line.
        rest: what stands behind it.

    Returns:
        The last characters of the fill, none if no line break is due; None where the fill of whole lines lacks it.
    """
    if not rest.strip() or ("\n" not in text and line.strip() and not re.match(r"\s*\w", rest)):
        return ""
    if (match := _BREAK_AT_END.search(whole)) is not None:
        return match[0]
    is_of_lines = _BREAK.match(text) or _BREAK.match(whole, len(text))
    return None if is_of_lines else ""
