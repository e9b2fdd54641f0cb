r"""Names and one-line expressions as regular expressions; keywords are left out, since no name may be one."""

import keyword
from collections.abc import Iterable, Sequence

from lacuna_model.constraints.preset_literals import quoted_string

_JAVASCRIPT_KEYWORDS = (
    "arguments await break case catch class const continue debugger default delete do else enum eval export extends "
    "false finally for function if implements import in instanceof interface let new null package private protected "
    "public return static super switch this throw true try typeof var void while with yield"
).split()
_C_KEYWORDS = (
    "auto break case char const continue default do double else enum extern float for goto if inline int long register "
    "restrict return short signed sizeof static struct switch typedef union unsigned void volatile while"
).split()
_KEYWORDS: dict[str, Sequence[str]] = {
    "python": keyword.kwlist,
    "javascript": _JAVASCRIPT_KEYWORDS,
    "typescript": _JAVASCRIPT_KEYWORDS,
    "javascriptreact": _JAVASCRIPT_KEYWORDS,
    "typescriptreact": _JAVASCRIPT_KEYWORDS,
    "c": _C_KEYWORDS,
}

_DOLLAR = frozenset({"javascript", "typescript", "javascriptreact", "typescriptreact"})
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
_DIGITS = "0123456789"
_NUMBER = r"(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,2})?"


def identifier(language: str) -> str:
    """A name in ASCII letters, digits and "_", and "$" in JavaScript; in known languages no keyword."""
    starts = "$" * (language in _DOLLAR) + _LETTERS
    return _names(_KEYWORDS.get(language, ()), starts, _DIGITS + starts, is_start=True)


def _names(excluded: Sequence[str], letters: str, others: str, *, is_start: bool = False) -> str:
    """Ends of names that are not `excluded`: some leave the tree of these words by a letter, some stop inside it."""
    following = dict.fromkeys(word[0] for word in excluded if word)
    ways = [f"{_class(letter for letter in letters if letter not in following)}{_class(others)}*"]
    for letter in following:
        ways.append(letter + _names([word[1:] for word in excluded if word.startswith(letter)], others, others))
    return f"(?:{'|'.join(ways)}){'' if is_start or '' in excluded else '?'}"


def _class(letters: Iterable[str]) -> str:
    """A character class with runs written as ranges."""
    runs: list[str] = []
    for letter in letters:
        if runs and ord(letter) == ord(runs[-1][-1]) + 1:
            runs[-1] = runs[-1][0] + letter
        else:
            runs.append(letter)
    return f"[{''.join(run[0] if len(run) == 1 else f'{run[0]}-{run[-1]}' for run in runs)}]"


def _expression(name: str, attribute: str, plain: str, string: str, unary: str, binary: str) -> str:
    """Operands joined by binary operators; in brackets stand names, literals and operators without further brackets.

    Args:
        name: a name that may stand alone.
        attribute: a name after a point.
        plain: operands that nothing may follow but an operator: numbers and constants.
        string: a string literal.
        unary: operators before an operand.
        binary: operators between operands, with their spaces.
    """
    dotted = rf"(?:{name}\.)*{name}" if attribute == name else rf"{name}(?:\.{attribute})*"
    inner = rf"(?:{unary})?(?:{dotted}|{string}|{plain})"
    group = rf"\((?:{inner}{binary})*{inner}\)"
    call = rf"\((?:(?:{inner}(?:{binary}|, ))*{inner})?\)"
    index = rf"\[(?:{string}|-?(?:0|[1-9][0-9]*))\]"
    outer = rf"(?:{unary})?(?:(?:{name}|{string}|{group})(?:\.{attribute}|{call}|{index})*|{plain})"
    return f"(?:{outer}{binary})*{outer}"


PYTHON = _expression(
    name=identifier("python"),
    attribute=identifier("python"),
    plain=f"{_NUMBER}|None|True|False",
    string=quoted_string("python"),
    unary="-|~",
    binary="(?: (?:[-+*/%@&|^<>]|\\*\\*|//|<<|>>|[=!<>]=|and|or|in|not in|is|is not) )",
)
JAVASCRIPT = _expression(
    name=identifier("javascript"),
    attribute="[A-Za-z_$][A-Za-z0-9_$]*",
    plain=f"{_NUMBER}|null|true|false|this",
    string=quoted_string("javascript"),
    unary="[-!~]|typeof ",
    binary="(?: (?:[-+*/%&|^<>]|<<|>>|[=!]==?|[<>]=|&&|[|][|]|in|instanceof) )",
)
