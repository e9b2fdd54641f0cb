import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lacuna_server.engine.protocol import TokenOut
from lacuna_server.reuse import Kept, Memory
from lacuna_server.suggestion import Suggestion
from lacuna_server.suggestion.closers import is_subsequence
from lacuna_server.suggestion.tokens import text_of

CURSOR = "<|>"
SUGGESTED_AT = "def f(a):\n    return <|>\n\nf(1)\n"

code = st.text("ab ()[]\"'\n", max_size=12)


def suggestion(prefix: str, *texts: str, num_replaced: int = 0) -> Suggestion:
    tokens = tuple(TokenOut(text, 0.9) for text in texts)
    return Suggestion("".join(texts), len(prefix), len(prefix) + num_replaced, tokens)


def memory_of(text: str, *texts: str, num_replaced: int = 0) -> Memory:
    prefix, suffix = text.split(CURSOR)
    memory = Memory()
    memory.remember("x.py", prefix, suffix, Kept(suggestion(prefix, *texts, num_replaced=num_replaced)))
    return memory


def recalled(memory: Memory, text: str) -> str | None:
    """The document after accepting what is recalled."""
    prefix, suffix = text.split(CURSOR)
    found = memory.recall("x.py", prefix, suffix)
    if found is None:
        return None
    replaced = (prefix + suffix)[found.start : found.end]
    assert found.start == len(prefix)
    assert text_of(found.tokens) == found.insert_text
    assert is_subsequence(replaced, found.insert_text) and "\n" not in replaced
    return prefix + found.insert_text + CURSOR + suffix[len(replaced) :]


@pytest.mark.parametrize(
    ("text", "is_known"),
    [
        ("def f(a):\n    return <|>\n\nf(1)\n", True),
        ("def f(a):\n    return m<|>\n\nf(1)\n", True),
        ("def f(a):\n    return min(a, <|>\n\nf(1)\n", True),
        ("def f(a):\n    return min(a, 1<|>\n\nf(1)\n", True),
        ("def f(a):\n    return min(a, 1)<|>\n\nf(1)\n", False),  # nothing is left
        ("def f(a):\n    return ma<|>\n\nf(1)\n", False),
        ("def f(a):\n    return<|>\n\nf(1)\n", False),
        ("def g(a):\n    return <|>\n\nf(1)\n", False),
        ("def f(a):\n    return <|>\n\nf(2)\n", False),
        ("def f(a):\n    return <|>\n\n", False),
        ("def f(a):\n    return <|>x\n\nf(1)\n", False),
    ],
)
def test_typing_through_a_suggestion(text: str, is_known: bool) -> None:
    memory = memory_of(SUGGESTED_AT, "min", "(a", ", 1", ")")
    assert recalled(memory, text) == ("def f(a):\n    return min(a, 1)<|>\n\nf(1)\n" if is_known else None)


def test_the_rest_is_as_probable_as_the_whole_was() -> None:
    memory = Memory()
    memory.remember("x.py", "x = ", "\n", Kept(replace(suggestion("x = ", "left", "right"), probability=0.25)))
    rest = memory.recall("x.py", "x = le", "\n")
    assert rest is not None and (rest.insert_text, rest.probability) == ("ftright", 0.25)


@pytest.mark.parametrize(
    ("text", "accepted"),
    [
        ("x = f(<|>)", "x = f(a, 'b')[1]<|>"),
        ("x = f(a, '<|>')", "x = f(a, 'b')[1]<|>"),
        ("x = f(a, 'b')[<|>]", "x = f(a, 'b')[1<|>]"),
        ("x = f(a, 'b'<|>)", "x = f(a, 'b')[1]<|>"),
        ("x = f(<|>]", None),
        ("x = f(<|>))", None),
    ],
)
def test_closers_that_the_editor_puts_in(text: str, accepted: str | None) -> None:
    after = "\ny = 2\n"
    memory = memory_of("x = <|>" + after, "f(a, 'b')[1]")
    assert recalled(memory, text + after) == (None if accepted is None else accepted + after)


def test_a_closing_brace_that_the_editor_puts_below() -> None:
    memory = memory_of("function f() <|>\n", "{\n  a();\n  b();\n}")
    text = "function f() {\n  <|>\n}\n"
    assert recalled(memory, text) == "function f() {\n  a();\n  b();<|>\n}\n"


def test_a_suggestion_without_the_closer_goes_before_it() -> None:
    assert recalled(memory_of("x = <|>\n", "f(a,"), "x = f(<|>)\n") == "x = f(a,<|>)\n"


def test_replaced_text_stays_replaced() -> None:
    memory = memory_of("f(<|>)\n", "a) * b", num_replaced=1)
    assert recalled(memory, "f(a<|>)\n") == "f(a) * b<|>\n"
    assert recalled(memory, "f(a) <|>)\n") is None  # editors cannot show it, as nothing of it is a bracket


def test_the_nearest_suggestion_is_recalled() -> None:
    memory = memory_of("x = <|>\n", "abc")
    memory.remember("x.py", "x = a", "\n", Kept(suggestion("x = a", "xx")))
    assert recalled(memory, "x = a<|>\n") == "x = axx<|>\n"
    assert recalled(memory, "x = ab<|>\n") == "x = abc<|>\n"


def test_what_is_not_wanted_is_passed_over() -> None:
    memory = memory_of("x = <|>\n", "abc")
    memory.remember("x.py", "x = a", "\n", Kept(suggestion("x = a", "xx"), "block", is_final=False))
    for is_wanted, rest in (
        (lambda found: found.kept.is_final, "bc"),
        (lambda found: found.kept.wanted == "block", "xx"),
        (lambda found: found.typed, "bc"),
    ):
        found = memory.recall("x.py", "x = a", "\n", is_wanted)
        assert found is not None and found.insert_text == rest
    assert memory.recall("x.py", "x = a", "\n", lambda found: False) is None


def test_documents_are_apart_and_can_be_forgotten() -> None:
    memory = memory_of("x = <|>", "abc")
    assert memory.recall("y.py", "x = ", "") is None
    memory.forget("y.py")
    assert memory.recall("x.py", "x = ", "") is not None
    memory.forget("x.py")
    assert memory.recall("x.py", "x = ", "") is None


def test_the_oldest_are_dropped() -> None:
    memory = Memory(max_entries=2)
    for text in ("a", "b", "a", "c"):
        memory.remember("x.py", text, "", Kept(suggestion(text, "!")))
    assert [memory.recall("x.py", text, "") is not None for text in ("a", "b", "c")] == [True, False, True]


@pytest.mark.parametrize(
    ("text", "draft"),
    [
        ("x = respo<|>\n", None),
        ("x = rexp<|>\n", (None, ".json", "()", "[", "0", "]")),
        ("x = respnse<|>\n", (None, ".json", "()", "[", "0", "]")),
        ("x = rezponse<|>\n", (None, "()", "[", "0", "]")),
        ("x = response.jxon()<|>\n", (None, "0", "]")),
        ("x = response.jxon()[0<|>\n", None),
        ("x = something else<|>\n", None),
        ("x = rexp<|>)\n", None),
        ("y = rexp<|>\n", None),
    ],
)
def test_a_typo_leaves_the_tokens_behind_it(text: str, draft: tuple[str | None, ...] | None) -> None:
    memory = memory_of("x = <|>\n", "resp", "onse", ".json", "()", "[", "0", "]")
    assert memory.draft("x.py", *text.split(CURSOR)) == draft


@given(code, code, code, st.integers(0, 12), code)
def test_any_text_has_an_answer(prefix: str, insert: str, suffix: str, num_typed: int, other: str) -> None:
    memory = Memory()
    memory.remember("x.py", prefix, suffix, Kept(suggestion(prefix, insert)))
    typed = insert[:num_typed]
    found = memory.recall("x.py", prefix + typed, suffix)
    if insert[num_typed:].strip():
        assert found is not None
        assert prefix + typed + found.insert_text == prefix + insert
    for behind in (other + suffix, suffix[1:]):
        for before in (prefix + typed + other, prefix + other, prefix[:-1]):
            recalled(memory, before + CURSOR + behind)
            draft = memory.draft("x.py", before, behind)
            assert draft is None or (draft[0] is None and "".join(filter(None, draft)) in insert)


def test_looking_back_is_quick_in_a_large_document() -> None:
    prefix, suffix = "x = f(1)\n" * 500_000, ")]}'" + "y = 2\n" * 500_000
    memory = Memory()
    memory.remember("x.py", prefix, suffix, Kept(suggestion(prefix, "abc")))
    start = time.perf_counter()
    for _ in range(20):
        memory.recall("x.py", prefix + "b", suffix)
        memory.draft("x.py", prefix + "b", suffix)
    assert time.perf_counter() - start < 2
