from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lacuna_server
from lacuna_server.languages import language_of
from lacuna_server.neighbours.document import Document
from lacuna_server.neighbours.imports import imported_definitions
from lacuna_server.neighbours.modules import Import, Module, read_imports, read_module
from lacuna_server.neighbours.resolution import files_of

F, F_STUB = "def f(): pass", "def f(): ...\n"


def document(path: str, text: str) -> Document:
    return Document(path, path, language_of(path), text)


def module(text: str, language: str) -> Module:
    return read_module(Document("x", "x", language, text))


def found(path: str, text: str, files: Mapping[str, str], budget: int = 1000) -> dict[str, str]:
    neighbours = imported_definitions(document(path, text), read=files.get, budget=budget)
    return {neighbour.path: neighbour.text for neighbour in neighbours}


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("import a.b", "python", [("a.b", None, "a.b")]),
        ("import a, b.c as d", "python", [("a", None, "a"), ("b.c", None, "d")]),
        ("from .a import (b, c as d,\n  e)", "python", [(".a", "b", "b"), (".a", "c", "d"), (".a", "e", "e")]),
        ("from . import b", "python", [(".", "b", "b")]),
        ("from a import *", "python", [("a", "*", "*")]),
        ("try:\n    from a import b\nexcept ImportError:\n    pass", "python", [("a", "b", "b")]),
        ("if TYPE_CHECKING:\r\n    from a import b\r\n", "python", [("a", "b", "b")]),
        ("def f():\n    import a", "python", []),
        (
            "import d, { a as b } from './y'",
            "javascript",
            [("./y", "default", "d"), ("./y", "a", "b")],
        ),
        ("import * as ns from '../y.js'", "typescript", [("../y.js", None, "ns")]),
        ("import type { T } from './t'", "typescript", [("./t", "T", "T")]),
        ("import './effect'", "javascript", []),
        ("const y = require('./y'), { a } = require('./z')", "javascript", [("./y", None, "y"), ("./z", "a", "a")]),
        ("const y = require(name), z = other('./z')", "javascript", []),
        ("export { a as b } from './y'\nexport * from './z'", "javascript", [("./y", "a", "b"), ("./z", "*", "*")]),
        ("import a", "json", []),
        ("import a", "text", []),
        ("", "python", []),
    ],
)
def test_imports(text: str, language: str, expected: list[tuple[str, str | None, str]]) -> None:
    imports = tuple(Import(*each) for each in expected)
    assert module(text, language).imports == imports
    assert read_imports(Document("x", "x", language, text)) == imports


@pytest.mark.parametrize(("num_lines", "expected"), [(10, ["a", "b"]), (10_000, ["a"])])
def test_imports_of_what_is_being_typed_stand_in_its_head(num_lines: int, expected: list[str]) -> None:
    text = "import a\n" + "x = 1\n" * num_lines + "import b\n"
    assert [each.module for each in read_imports(document("x.py", text))] == expected


@pytest.mark.parametrize(
    ("text", "language", "name", "stub"),
    [
        ("def f(a, b=1) -> int:\n    return a", "python", "f", "def f(a, b=1) -> int: ..."),
        ('def f():\n    """Says it.\n\n    More.\n    """', "python", "f", 'def f():\n    """Says it."""'),
        ("async def f(\n    a,  # first\n    b,\n):\n    # why\n    pass", "python", "f", "async def f(a, b): ..."),
        ("@cache\ndef f(): pass", "python", "f", "@cache\ndef f(): ..."),
        (
            'class C(B):\n    """Is."""\n    x: int = 1\n    def __init__(self): pass\n    def _p(self): pass\n'
            "    @property\n    def q(self): pass",
            "python",
            "C",
            'class C(B):\n    """Is."""\n    x: int = 1\n    def __init__(self): ...\n    @property\n'
            "    def q(self): ...",
        ),
        ("class C:\n    pass", "python", "C", "class C: ..."),
        ("A: Final = [\n    1,\n]", "python", "A", "A: Final = [1]"),
        ("if X:\n    def f(): pass", "python", "f", "def f(): ..."),
        ("function f(a, b) {\n  return a\n}", "javascript", "f", "function f(a, b);"),
        ("/**\n * Says it.\n * More.\n */\nexport function f(a) {}", "javascript", "f", "// Says it.\nfunction f(a);"),
        ("const a = 1 // one\nconst b = 2", "javascript", "b", "const b = 2"),
        ("export const f = async (a) => {\n  return a\n}", "javascript", "f", "const f = async (a) =>"),
        ("export default class C extends B {\n  x = 1\n  m(a) { return a }\n}", "javascript", "default",
         "class C extends B {\n    x = 1;\n    m(a);\n}"),
        ("export function f(a: number): string {\n}", "typescript", "f", "function f(a: number): string;"),
        ("export interface I {\n  a: number\n}", "typescript", "I", "interface I {\n  a: number\n}"),
        ("export type T = 'a' | 'b'", "typescript", "T", "type T = 'a' | 'b'"),
        ("export abstract class C<T> {\n  abstract m(): T\n}", "typescript", "C",
         "abstract class C<T> {\n    abstract m(): T;\n}"),
    ],
)  # fmt: skip
def test_stubs(text: str, language: str, name: str, stub: str) -> None:
    assert module(text, language).definitions[name] == stub


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(Path(lacuna_server.__file__).parent.glob("neighbours/*.py"))), st.data())
def test_broken_source_is_read_without_complaint(path: Path, data: st.DataObject) -> None:
    text = path.read_text(encoding="utf-8")
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 300)))
    inserted = data.draw(st.text(st.sampled_from("()[]{}:;,'\"\\\n @=.*/\ud800é\0"), max_size=8))
    broken = text[:start] + inserted + text[end:]
    for language in ("python", "javascript", "typescript"):
        module(broken, language)


@pytest.mark.parametrize(
    ("module", "path", "expected"),
    [
        ("a.b", "x/y.py", ["a/b.py", "a/b.pyi", "a/b/__init__.py", "src/a/b.py"]),
        (".b", "x/y.py", ["x/b.py", "x/b/__init__.py"]),
        ("..b.c", "x/y/z.py", ["x/b/c.py"]),
        (".", "x/y.py", ["x/__init__.py"]),
        ("./b", "x/y.js", ["x/b.ts", "x/b.js", "x/b/index.js"]),
        ("../b.js", "x/y.ts", ["b.js", "b.ts", "b.tsx"]),
        ("./b.min", "y.js", ["b.min.js"]),
        (".", "x/y.js", ["x/index.js"]),
    ],
)  # fmt: skip
def test_files_of_modules(module: str, path: str, expected: list[str]) -> None:
    candidates = list(files_of(module, path, language_of(path), ("", "src")))
    assert [each for each in candidates if each in expected] == expected


@pytest.mark.parametrize(
    ("module", "path"), [("...b", "x/y.py"), ("../../b", "x/y.js"), ("react", "x/y.js"), ("/etc/b", "y.js")]
)
def test_nothing_outside_is_looked_for(module: str, path: str) -> None:
    assert list(files_of(module, path, language_of(path), ("", "src"))) == []


@pytest.mark.parametrize(
    ("path", "text", "files", "expected"),
    [
        ("m.py", "from a import f", {"a.py": "def f(): pass\ndef g(): pass"}, {"a.py": F_STUB}),
        ("m.py", "import a\na.g()", {"a.py": "def f(): pass\ndef g(): pass"}, {"a.py": "def g(): ...\n"}),
        ("m.py", "import a as x\nx.f", {"src/a.py": F}, {"src/a.py": F_STUB}),
        ("m.py", "from a import *\nf()", {"a.py": "def f(): pass\ndef g(): pass"}, {"a.py": F_STUB}),
        ("p/m.py", "from . import a\na.f()", {"p/__init__.py": "", "p/a.py": F}, {"p/a.py": F_STUB}),
        ("m.py", "from p import f", {"p/__init__.py": "from .a import f", "p/a.py": F}, {"p/a.py": F_STUB}),
        ("m.py", "from p import f", {"p/__init__.py": "from .a import *", "p/a.py": F}, {"p/a.py": F_STUB}),
        ("m.py", "from b import g\nfrom a import f", {"a.py": F, "b.py": "def g(): pass"},
         {"b.py": "def g(): ...\n", "a.py": F_STUB}),
        ("m.py", "from m import f", {"m.py": F}, {}),
        ("m.py", "from a import f", {"a.py": "from b import f", "b.py": "from a import f"}, {}),  # in a circle
        ("m.py", "from a import f", {}, {}),
        ("m.js", "import {f} from './a.js'\n", {"a.js": "export function f(x) {}"}, {"a.js": "function f(x);\n"}),
        ("m.ts", "import {f} from './a.js'\n", {"a.ts": "export function f(x) {}"}, {"a.ts": "function f(x);\n"}),
        ("m.ts", "import {f} from './p'", {"p/index.ts": "export {g as f} from './a'", "p/a.ts": "export const g = 1"},
         {"p/a.ts": "const g = 1\n"}),
        ("m.js", "const a = require('./a'); a.f()", {"a.js": "function f() {}"}, {"a.js": "function f();\n"}),
        ("m.js", "import F from './a'", {"a.js": "export default function g() {}"}, {"a.js": "function g();\n"}),
    ],
)  # fmt: skip
def test_imported_definitions(path: str, text: str, files: dict[str, str], expected: dict[str, str]) -> None:
    stubs = found(path, text, files)
    assert stubs == expected
    assert list(stubs) == list(expected)


@given(st.integers(0, 100))
def test_stubs_keep_to_their_budget(budget: int) -> None:
    files = {"a.py": "".join(f"def f{number}(): pass\n" for number in range(9))}
    text = "from a import " + ", ".join(f"f{number}" for number in range(9))
    stubs = found("m.py", text, files, budget)
    assert sum(map(len, stubs.values())) <= budget
    assert bool(stubs) == (budget > len("def f0(): ..."))


def test_packages_that_pass_everything_on_are_searched_once() -> None:
    names = [f"m{number}" for number in range(30)]
    everything = "".join(f"from {name} import *\n" for name in names)
    looks: list[str] = []

    def read(path: str) -> str | None:
        looks.append(path)
        return everything if path.removesuffix(".py") in names else None

    assert imported_definitions(document("x.py", "from m0 import f"), read=read, budget=1000) == ()
    assert sorted(looks) == sorted(f"{name}.py" for name in names)
