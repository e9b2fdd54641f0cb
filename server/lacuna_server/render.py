"""How gaps look on a terminal: the text around them dimmed, the fill in colour, empty slots as blocks."""

from collections.abc import Sequence

from rich.console import Console
from rich.style import Style
from rich.text import Text

from lacuna_server.engine.protocol import FillOut, ResultEvent, StepEvent, TokenOut

EMPTY_SLOT = "░"
NEWLINE = "⏎"
ELISION = "⋮"
TABLE_WIDTH = 140
UNCERTAIN = 0.5
"""Tokens of less confidence are shown as uncertain."""

_GIVEN = Style(dim=True)
_CERTAIN = Style(color="green", bold=True)
_DOUBTFUL = Style(color="yellow", bold=True)
_EMPTY = Style(color="blue")

# Control characters as their pictures: neither a file nor a model may send commands to the terminal.
_VISIBLE = {code: 0x2400 + code for code in range(32) if chr(code) not in "\t\n"}
_VISIBLE |= {0x7F: 0x2421} | dict.fromkeys(range(0x80, 0xA0), 0xFFFD)


def visible(text: str) -> str:
    """Text without characters that a terminal would obey."""
    return text.translate(_VISIBLE)


def fill_texts(fill: FillOut) -> list[Text]:
    """The fill of every gap, its uncertain tokens in another colour."""
    return [_fill_text(text, tokens) for text, tokens in zip(fill.texts, fill.tokens, strict=True)]


def _fill_text(text: str, tokens: Sequence[TokenOut]) -> Text:
    parts = [(token.text or "", token.confidence) for token in tokens]
    if "".join(part for part, _ in parts) != text:  # cut lines, or a character that several tokens share
        return Text(visible(text), _CERTAIN)
    return Text.assemble(*((visible(part), _style(confidence)) for part, confidence in parts))


def step_texts(step: StepEvent) -> list[Text]:
    """Every gap of a canvas that is being denoised."""
    return [Text.assemble(*map(_slot_part, gap)) for gap in step.gaps]


def _slot_part(slot: TokenOut) -> tuple[str, Style]:
    return (EMPTY_SLOT, _EMPTY) if slot.text is None else (visible(slot.text), _style(slot.confidence))


def _style(confidence: float) -> Style:
    return _DOUBTFUL if confidence < UNCERTAIN else _CERTAIN


def in_context(segments: Sequence[str], middles: Sequence[Text], num_lines: int, *, brackets: bool) -> Text:
    """Gaps and some of the text around them.

    Args:
        segments: the text around the gaps, one more than gaps.
        middles: what to show in each gap.
        num_lines: whole lines to show before and after a gap, besides the rest of its own.
        brackets: mark the gaps without colour.
    """
    view = Text.assemble((_last_lines(segments[0], num_lines), _GIVEN))
    for middle, segment in zip(middles[:-1], segments[1:-1], strict=True):
        view.append_text(_bracketed(middle, brackets))
        view.append(_shortened(segment, num_lines), _GIVEN)
    view.append_text(_bracketed(middles[-1], brackets))
    view.append(_first_lines(segments[-1], num_lines), _GIVEN)
    view.rstrip()
    return view


def _bracketed(middle: Text, brackets: bool) -> Text:
    return Text.assemble("⟦", middle, "⟧") if brackets else middle


def _first_lines(text: str, num_lines: int) -> str:
    return visible("\n".join(text.split("\n")[: num_lines + 1]))


def _last_lines(text: str, num_lines: int) -> str:
    return visible("\n".join(text.split("\n")[-num_lines - 1 :]))


def _shortened(text: str, num_lines: int) -> str:
    if text.count("\n") <= 2 * num_lines + 1:
        return visible(text)
    return f"{_first_lines(text, num_lines)}\n{ELISION}\n{_last_lines(text, num_lines)}"


def one_line(middles: Sequence[Text]) -> str:
    """Gaps on one line, for a log of steps."""
    return f" {ELISION} ".join(middle.plain.replace("\n", NEWLINE) for middle in middles)


def figures(result: ResultEvent) -> str:
    """What a fill took, in one line."""
    return (
        f"{_count(result.num_steps, 'step')}, {_count(result.num_forwards, 'forward')}, "
        f"{_count(result.num_tokens, 'token')} ({tokens_per_forward(result):.1f} a forward), "
        f"{result.total_ms:.0f} ms, {result.stop_reason}"
    )


def tokens_per_forward(result: ResultEvent) -> float:
    """Tokens of the best fill for each forward pass."""
    return result.num_tokens / result.num_forwards if result.num_forwards else 0.0


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def table_console() -> Console:
    """A console for tables on standard output; a pipe has no width, so there nothing is folded."""
    console = Console(highlight=False, emoji=False)
    return console if console.is_terminal else Console(highlight=False, emoji=False, width=TABLE_WIDTH)


def has_colour(console: Console) -> bool:
    """Whether colours reach whoever reads the console."""
    return console.color_system is not None and not console.no_color
