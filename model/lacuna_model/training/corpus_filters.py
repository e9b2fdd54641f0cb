"""What a source file must look like to be worth training on.

Every filter is a plain function of a path and a text; `refusal` runs them in order and names the first that refuses, so
that the manifest can say how much was dropped and why.
"""

import re
from collections.abc import Callable
from pathlib import PurePosixPath

from lacuna_model.evaluation.parsing import parses

_MIN_CHARACTERS = 120
_MAX_BYTES = 200_000
_MAX_JSON_BYTES = 20_000
_MAX_LINE_CHARACTERS = 1_000
_MAX_MEAN_LINE_CHARACTERS = 100
_MAX_DIGIT_SHARE = 0.2

_UNWANTED_FOLDERS = frozenset(
    "_vendor _vendored vendor vendored extern externals third_party thirdparty node_modules bower_components "
    "migrations locale locales i18n generated dist build bundle bundles umd min cjs _cjs commonjs "
    "human_eval humaneval human-eval".split()
)
_UNWANTED_NAMES = re.compile(r"\.min\.|[.-]bundle\.|\.d\.[cm]?ts$|(package-lock|npm-shrinkwrap)\.json$")
_TEST_PATH = re.compile(
    r"(^|/)(tests?|testing|__tests__|spec)/|(^|/)(test_[^/]*|conftest)\.py$|[._-](test|tests|spec)\.\w+$"
)
_GENERATED = re.compile(
    r"auto-?generated|automatically generated|generated (by|from|using|with)|do not (edit|modify)|@generated", re.I
)
_COMPILED = re.compile(
    r"[\"']__esModule[\"']|\b_interopRequire|\b__(awaiter|generator|importDefault|importStar|extends)\b"
)
_LEGAL = re.compile(r"copyright|licen[sc]ed?\b|SPDX-", re.I)
_LEADING_COMMENT = {
    "python": re.compile(r"(?:[ \t]*#[^\n]*\n|[ \t]*\n)+"),
    "javascript": re.compile(r"\s*(?:/\*.*?\*/[ \t]*\n?|(?://[^\n]*\n)+)", re.S),
}
_LEADING_COMMENT["typescript"] = _LEADING_COMMENT["javascript"]
_KEPT_OF_LEADING_COMMENT = re.compile(r"\A(?:#![^\n]*\n)?(?:#[^\n]*coding[:=][^\n]*\n)?")


def is_test(path: str) -> bool:
    """Whether the path looks like that of a test."""
    return _TEST_PATH.search(path) is not None


def strip_legal_header(text: str, language: str) -> str:
    """Removes comments at the top of a file that speak of copyright or licences; a shebang line stays."""
    pattern = _LEADING_COMMENT.get(language)
    if pattern is None:
        return text
    kept = _KEPT_OF_LEADING_COMMENT.match(text)
    assert kept is not None
    head, body = text[: kept.end()], text[kept.end() :]
    while (comment := pattern.match(body)) and _LEGAL.search(comment.group()):
        body = body[comment.end() :].lstrip("\n")
    return head + body


def decode(content: bytes) -> str | None:
    """The text of a file with Unix line ends and no byte order mark; None if it is not UTF-8 or holds a NUL."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text.replace("\r\n", "\n").replace("\r", "\n")


def refusal_of_path(path: str, folders: tuple[str, ...]) -> str | None:
    """Why a file is not wanted, judged by its path alone; None if it may be.

    Args:
        path: the file's path inside its package.
        folders: the only folders to take from; where given, folders that usually hold build output are allowed in them.
    """
    if folders:
        inside = next((folder for folder in folders if path.startswith(folder + "/")), None)
        if inside is None:
            return "outside the source folders"
        path = path.removeprefix(inside + "/")
    if _UNWANTED_FOLDERS.intersection(part.lower() for part in PurePosixPath(path).parts[:-1]):
        return "vendored, built or translated"
    return "declaration, bundle or lock file" if _UNWANTED_NAMES.search(path) else None


def refusal(text: str, language: str) -> str | None:
    """Why a text is not wanted; None if it passes every filter."""
    return next((reason for reason, refuses in _REFUSALS.items() if refuses(text, language)), None)


def _is_small(text: str, language: str) -> bool:
    return len(text) < _MIN_CHARACTERS


def _is_large(text: str, language: str) -> bool:
    return len(text.encode()) > (_MAX_JSON_BYTES if language == "json" else _MAX_BYTES)


def _has_long_lines(text: str, language: str) -> bool:
    lines = text.splitlines()
    return max(map(len, lines)) > _MAX_LINE_CHARACTERS or len(text) > _MAX_MEAN_LINE_CHARACTERS * len(lines)


def _is_generated(text: str, language: str) -> bool:
    return language != "json" and _GENERATED.search("\n".join(text[:1500].splitlines()[:12])) is not None


def _is_compiled(text: str, language: str) -> bool:
    return language in {"javascript", "typescript"} and _COMPILED.search(text) is not None


def _is_data(text: str, language: str) -> bool:
    digits = sum(map(text.count, "0123456789"))
    visible = len(text) - text.count(" ") - text.count("\n")
    return digits > _MAX_DIGIT_SHARE * visible


def _is_unparsable(text: str, language: str) -> bool:
    return language == "python" and not parses(text, language)


_REFUSALS: dict[str, Callable[[str, str], bool]] = {
    "too small": _is_small,
    "too large": _is_large,
    "long lines or minified": _has_long_lines,
    "generated": _is_generated,
    "compiled": _is_compiled,
    "table of numbers": _is_data,
    "does not parse": _is_unparsable,
}
