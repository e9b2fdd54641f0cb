import pytest

from lacuna_server.errors import UserError
from lacuna_server.languages import LANGUAGES, check_language, is_yaml, language_of


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
        ("tsconfig.jsonc", "json"),
        ("index.htm", "html"),
        ("style.css", "css"),
        ("src/main.rs", "rust"),
        ("main.go", "go"),
        ("list.c", "c"),
        ("list.H", "c"),
        ("list.cpp", "cpp"),
        ("list.hxx", "cpp"),
        ("Main.java", "java"),
        ("init.lua", "lua"),
        ("install.sh", "bash"),
        ("/home/a/.bashrc", "bash"),
        ("README.md", "text"),
        ("Makefile", "text"),
        (".py", "text"),
        ("-", "text"),
    ],
)
def test_language_comes_from_the_extension(name: str, language: str) -> None:
    assert language_of(name) == language


@pytest.mark.parametrize(
    ("language_id", "language"),
    [
        ("javascriptreact", "javascript"),
        ("typescriptreact", "typescript"),
        ("jsonc", "json"),
        ("shellscript", "bash"),
        ("sh", "bash"),
        *((name, name) for name in LANGUAGES if name != "text"),
        ("plaintext", "lua"),
        ("text", "lua"),
        ("", "lua"),
        ("cobol", "lua"),
    ],
)
def test_an_editor_knows_better_than_the_name(language_id: str, language: str) -> None:
    assert language_of("x.lua", language_id) == language


def test_yaml_is_known_by_name_and_to_the_editor() -> None:
    assert is_yaml("a/x.YML") and is_yaml("x.yaml") and is_yaml("pipeline", "yaml")
    assert not is_yaml("yaml") and not is_yaml("x.json", "json")


def test_unknown_language_is_refused_with_a_choice() -> None:
    assert all(check_language(name) == name for name in LANGUAGES)
    with pytest.raises(UserError, match="choose one of python, javascript"):
        check_language("cobol")
