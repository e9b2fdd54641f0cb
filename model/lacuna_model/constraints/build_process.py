"""Builds one automaton: the program that `building` runs, so that an expression that explodes takes nothing with it."""

import json
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from outlines_core import Index, Vocabulary

from lacuna_model.constraints.automaton import NUM_BYTES, TokenAutomaton
from lacuna_model.constraints.building import MAX_CPU_SECONDS, NOT_A_REGEX, TOO_LARGE, save
from lacuna_model.constraints.byte_automaton import ByteAutomaton
from lacuna_model.constraints.token_steps import token_steps

END = 0
"""The byte that ends a text while an automaton is made; no text has it."""

MAX_STATES = 50_000
MAX_STEPS = 10_000_000
MAX_MEMORY_BYTES = 6 << 30


def main() -> int:
    """Reads an order as JSON from standard input, writes the automaton, and returns the exit code."""
    _limit_resources()
    order = json.load(sys.stdin)
    tokens = [bytes.fromhex(token) for token in json.loads(order["vocabulary"])]
    try:
        automaton = automaton_of(order["pattern"], tokens)
    except ValueError as error:
        print(error, file=sys.stderr)
        return NOT_A_REGEX
    except OverflowError:
        return TOO_LARGE
    save(automaton, Path(order["path"]))
    return 0


def automaton_of(pattern: str, tokens: Sequence[bytes]) -> TokenAutomaton:
    """The automaton of a regular expression.

    Raises:
        ValueError: it is none.
        OverflowError: it has too many states or steps.
    """
    each_byte: dict[str | bytes, list[int]] = {bytes([byte]): [byte] for byte in range(NUM_BYTES)}
    if _closes_too_much(pattern):
        Index(pattern, Vocabulary(NUM_BYTES, dict(each_byte)))  # by itself: "a)|(b" would become an expression below
    index = Index(rf"\x00(?:{without_null(pattern)})\x00", Vocabulary(NUM_BYTES, each_byte))
    edges, finals = index.get_transitions(), index.get_final_states()
    start = edges.pop(index.get_initial_state())[END]
    ends = {state for state, row in edges.items() if row.pop(END, None) in finals}
    for state in finals:
        edges.pop(state, None)
    read = ByteAutomaton.of_edges(start, ends, edges).minimal()
    if len(read.accepting) > MAX_STATES:
        raise OverflowError
    steps = token_steps(read.next_of_byte, tokens, MAX_STEPS)
    return TokenAutomaton.of_steps(read.start, read.accepting, read.next_of_byte, steps, len(tokens))


def _closes_too_much(pattern: str) -> bool:
    """Whether a group seems to end that has not begun."""
    depth = 0
    for piece in _GROUPING.finditer(pattern):
        depth += {"(": 1, ")": -1}.get(piece[0], 0)
        if depth < 0:
            return True
    return _FLAGS.search(pattern) is not None


def without_null(pattern: str) -> str:
    r"""Takes the null character out of what an expression matches.

    The index is made of the expression between two nulls. The second shows where a text may end: after a match the
    library drops tokens that go on, such as the second "a" of (ab)+. The first keeps its automaton small: that is made
    for a search, which may begin anywhere, and would follow all beginnings at once were each not announced by a null
    that nothing else matches. An expression that is not understood here, because its flags change how it is read, is
    left alone and may only come out larger.
    """
    if _FLAGS.search(pattern):
        return pattern
    return _PIECE.sub(_piece_without_null, pattern)


_FLAGS = re.compile(r"\(\?[a-zA-Z]*[sxR]")
_CLASS = r"\[\^?\]?(?:\\.|\[\^?\]?(?:\\.|[^]\\])*\]|[^]\\[])*\]"
_GROUPING = re.compile(rf"\\.|{_CLASS}|[()]", re.DOTALL)
_PIECE = re.compile(rf"(?P<negated>\\(?:[DSW]|P(?:\{{[^}}]*\}}|.)))|\\.|(?P<class>{_CLASS})|(?P<dot>\.)", re.DOTALL)


def _piece_without_null(piece: re.Match[str]) -> str:
    if piece["dot"]:
        return r"[^\n\x00]"
    return rf"[{piece[0]}--\x00]" if piece["negated"] or piece["class"] else piece[0]


def _limit_resources() -> None:
    with suppress(ImportError, ValueError, OSError):
        import resource  # there is none on Windows

        resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
        resource.setrlimit(resource.RLIMIT_CPU, (MAX_CPU_SECONDS, MAX_CPU_SECONDS))


if __name__ == "__main__":
    sys.exit(main())
