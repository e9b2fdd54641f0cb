import ast
import ipaddress
import json
import re
import uuid
from collections.abc import Callable
from datetime import date, datetime
from functools import cache
from keyword import iskeyword

import pytest
import tree_sitter_javascript
from tree_sitter import Language, Parser
from walks import Walks

from lacuna_model.constraints.presets import PRESETS, pattern_of_preset
from lacuna_model.errors import ConstraintError

JAVASCRIPT = Parser(Language(tree_sitter_javascript.language()))


@cache
def walks(name: str, language: str = "python") -> Walks:
    return Walks(pattern_of_preset(name, language))


@pytest.mark.parametrize(
    ("name", "language", "accepted", "rejected"),
    [
        ("identifier", "python", ["x", "_a1", "iff", "classes", "i"], ["if", "class", "None", "1a", "", "a-b", "$a"]),
        ("identifier", "javascript", ["$x", "newer", "None"], ["new", "1a", "typeof"]),
        ("identifier", "ruby", ["if_", "end"], ["9"]),
        ("integer", "", ["0", "-12", "+7"], ["01", "1.0", "", "-"]),
        ("float", "", ["0.5", "-1.25e-3", "2e10"], ["1", ".5", "1.", "01.5"]),
        ("quoted-string", "python", ["''", '"a\'b"', r"'\n\x41\u00e9'"], ["'", r"'\x4'", "'a\nb'", r"'\d'", "a"]),
        ("quoted-string", "typescript", ["'a'", '"b"'], ["`a`"]),
        ("quoted-string", "json", ['"a\\/\\u12aF"'], ["'a'", r'"\x41"', '"\t"']),
        ("quoted-string", "c", ['"a\\n"'], ["'a'"]),
        (
            "iso-date",
            "",
            ["2024-02-29", "2000-02-29", "0001-01-01", "1999-12-31"],
            ["1900-02-29", "2023-04-31", "0000-01-01"],
        ),
        (
            "iso-datetime",
            "",
            ["2024-01-01T23:59:59.5+02:00", "2024-01-01T00:00:00Z"],
            ["2024-01-01", "2024-01-01T24:00:00"],
        ),
        ("uuid", "", ["123e4567-E89b-12d3-a456-426614174000"], ["123e4567e89b12d3a456426614174000"]),
        (
            "semver",
            "",
            ["1.2.3", "1.0.0-alpha.1+001", "1.0.0--", "0.0.0-0A.b"],
            ["1.2", "01.2.3", "1.0.0-01", "v1.0.0", "1.0.0+"],
        ),
        ("e-mail", "", ["a.b+c@example.co.uk"], ["a@b", "a..b@example.com", "a@-b.com", "a b@c.de"]),
        (
            "url",
            "",
            ["https://example.com", "http://a.b:8080/c%20d?e=f#g"],
            ["example.com", "http://", "http://a b", "https://a/%2"],
        ),
        ("ipv4", "", ["0.0.0.0", "255.1.20.199"], ["256.1.1.1", "1.2.3", "01.2.3.4"]),
        (
            "ipv6",
            "",
            ["::", "::1", "fe80::1:2", "1:2:3:4:5:6:7:8", "::ffff:1.2.3.4"],
            [":::", "1:2", "1::2::3", "12345::"],
        ),
        ("hex-colour", "", ["#fff", "#FFFF", "#a1b2c3", "#a1b2c3d4"], ["#ff", "#fffff", "fff", "#ggg", "#fffffff"]),
        ("file-path", "", ["/", "a.txt", "../b/c", "~/x/", "/usr/lib"], ["", "a b", "//", "a//b"]),
        ("json-value", "", ['{"a": [1, "b"]}', "null", "[[1]]"], ["{a: 1}", "[1,2]", "'a'"]),
        (
            "python-expression",
            "",
            ["a.b(1, x)[0] + not_x", "-(y // 2)", "len('a') in z", "None"],
            ["if", "a +", "a = 1", "f(", "a.class"],
        ),
        ("javascript-expression", "", ["a.b(1, x)['k'] === 2", "!(y && z)", "x.class"], ["var", "a +", "a = 1", "new"]),
    ],
)
def test_texts_are_accepted_and_rejected(name: str, language: str, accepted: list[str], rejected: list[str]) -> None:
    assert [text for text in accepted if not walks(name, language).accepts(text)] == []
    assert [text for text in rejected if walks(name, language).accepts(text)] == []


def javascript(text: str) -> None:
    if JAVASCRIPT.parse(f"({text});".encode()).root_node.has_error:
        raise ValueError(text)


def python_name(text: str) -> None:
    if not text.isidentifier() or iskeyword(text):
        raise ValueError(text)


def moment(text: str) -> None:
    datetime.fromisoformat(text)


ORACLES: list[tuple[str, str, Callable[[str], object]]] = [
    ("identifier", "python", python_name),
    ("integer", "python", int),
    ("float", "python", float),
    ("quoted-string", "python", ast.literal_eval),
    ("quoted-string", "javascript", javascript),
    ("quoted-string", "json", json.loads),
    ("iso-date", "", date.fromisoformat),
    ("iso-datetime", "", moment),
    ("uuid", "", uuid.UUID),
    ("ipv4", "", ipaddress.IPv4Address),
    ("ipv6", "", ipaddress.IPv6Address),
    ("json-value", "", json.loads),
    ("python-expression", "", lambda text: ast.parse(text, mode="eval")),
    ("javascript-expression", "", javascript),
]


@pytest.mark.parametrize(
    ("name", "language", "oracle"), ORACLES, ids=[f"{name}-{language}" for name, language, _ in ORACLES]
)
def test_random_texts_satisfy_the_standard_library(name: str, language: str, oracle: Callable[[str], object]) -> None:
    for text in walks(name, language).texts(seed=0, count=60):
        oracle(text)  # raises ValueError or SyntaxError


def test_every_day_of_four_centuries_is_an_iso_date() -> None:
    pattern = re.compile(pattern_of_preset("iso-date", ""))
    days = {
        date.fromordinal(day).isoformat() for day in range(date(1999, 1, 1).toordinal(), date(2401, 1, 1).toordinal())
    }
    texts = (f"{y:04}-{m:02}-{d:02}" for y in range(1999, 2401) for m in range(14) for d in range(33))
    assert {text for text in texts if pattern.fullmatch(text)} == days


def test_an_unknown_preset_lists_the_known_ones() -> None:
    with pytest.raises(ConstraintError, match=r"no preset 'iban'; there are identifier, .*javascript-expression"):
        pattern_of_preset("iban", "")


def test_every_preset_is_described() -> None:
    assert all(preset.description for preset in PRESETS.values())
