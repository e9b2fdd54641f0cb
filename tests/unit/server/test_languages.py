import pytest

from lacuna_server.errors import UserError
from lacuna_server.languages import LANGUAGES, check_language, language_of


@pytest.mark.parametrize(
    ("name", "language"),
    [
        ("x.py", "python"),
        ("stubs/x.PYI", "python"),
        ("x.test.mjs", "javascript"),
        ("x.jsx", "javascript"),
        ("x.d.ts", "typescript"),
        ("x.tsx", "typescript"),
        ("package.json", "json"),
        ("README.md", "text"),
        ("Makefile", "text"),
        (".py", "text"),
        ("-", "text"),
    ],
)
def test_language_comes_from_the_extension(name: str, language: str) -> None:
    assert language_of(name) == language


def test_unknown_language_is_refused_with_a_choice() -> None:
    assert all(check_language(name) == name for name in LANGUAGES)
    with pytest.raises(UserError, match="choose one of python, javascript"):
        check_language("cobol")
