import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lacuna_model.training.spans import Span, SpanMixture, choose_spans

SOURCE = '''def area(width, height):
    """Größe einer Fläche."""
    if width < 0 or height < 0:
        raise ValueError("negative")
    return width * height


print(area(3, 4))
'''


@given(
    text=st.text(min_size=1, max_size=300),
    language=st.sampled_from(["python", "json", "text"]),
    num_spans=st.integers(1, 6),
    seed=st.integers(0, 99),
)
def test_spans_are_disjoint_ordered_and_inside(text: str, language: str, num_spans: int, seed: int) -> None:
    mixture = SpanMixture(max_characters=80)
    spans = choose_spans(text, language, num_spans, mixture, np.random.default_rng(seed))
    assert len(spans) <= num_spans
    for start, end in spans:
        assert 0 <= start <= end <= len(text)
        assert end - start <= 80
    for (_, end), (start, _) in itertools.pairwise(spans):
        assert end < start


def drawn_spans(mixture: SpanMixture) -> list[Span]:
    random = np.random.default_rng(0)
    return [span for _ in range(200) for span in choose_spans(SOURCE, "python", 3, mixture, random)]


def drawn(mixture: SpanMixture) -> list[str]:
    return [SOURCE[start:end] for start, end in drawn_spans(mixture)]


def test_same_seed_same_spans() -> None:
    assert drawn(SpanMixture()) == drawn(SpanMixture())


def test_syntax_spans_are_nodes_whole_characters_included() -> None:
    spans = drawn(SpanMixture(empty=0, syntax=1, lines=0))
    assert '"""Größe einer Fläche."""' in spans
    assert "width * height" in spans
    assert "return width * height" in spans


def test_line_spans_end_where_lines_do() -> None:
    for start, end in drawn_spans(SpanMixture(empty=0, syntax=0, lines=1)):
        assert end == len(SOURCE) or SOURCE[end] == "\n" or SOURCE[start:end].endswith("\n")


def test_spans_from_anywhere_end_with_words_and_lines() -> None:
    spans = drawn_spans(SpanMixture(empty=0, syntax=0, lines=0, random_end=0))
    cut_words = [span for span in spans if is_in_word(span[1])]
    assert not cut_words
    assert sum(is_in_word(start) for start, _ in spans) > len(spans) / 4
    anywhere = drawn_spans(SpanMixture(empty=0, syntax=0, lines=0, random_end=1))
    assert sum(is_in_word(end) for _, end in anywhere) > len(anywhere) / 4


def is_in_word(place: int) -> bool:
    return SOURCE[place - 1 : place].isalnum() and SOURCE[place : place + 1].isalnum()


def test_whole_lines_are_seldom_blank() -> None:
    spans = drawn(SpanMixture(empty=0, syntax=0, lines=1))
    assert sum(not span.strip() for span in spans) < len(spans) / 8


def test_empty_share_is_respected() -> None:
    assert set(drawn(SpanMixture(empty=1, syntax=0, lines=0))) == {""}


def test_shares_must_fit() -> None:
    with pytest.raises(ValueError, match="sum to at most 1"):
        SpanMixture(empty=0.5, syntax=0.5, lines=0.5)
