import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lacuna_model.config import DenoiserConfig
from lacuna_model.errors import InputError
from lacuna_model.tokenizer import Tokenizer
from lacuna_model.training.canvases import CanvasDataset, CanvasExample, read_examples
from lacuna_model.training.examples import Role


@pytest.fixture
def config(tiny_config: Callable[..., DenoiserConfig]) -> DenoiserConfig:
    return tiny_config()


def read(path: Path, tokenizer: Tokenizer, config: DenoiserConfig, *rows: object) -> list[CanvasExample]:
    file = path / "canvases.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return read_examples(file, tokenizer, config)


def test_tokens_are_given_where_the_texts_agree(
    tmp_path: Path, byte_tokenizer: Tokenizer, config: DenoiserConfig
) -> None:
    row = {"prefix": "sum\n", "givens": "1+..=3.", "canvas": "1+02=32"}
    (example,) = read(tmp_path, byte_tokenizer, config, row)
    assert example.prefix[0] == config.bos_token_id
    assert byte_tokenizer.decode(example.prefix) == "sum\n"
    assert byte_tokenizer.decode(example.canvas) == "1+02=32"
    assert example.is_given == (True, True, False, False, True, True, False)


@pytest.mark.parametrize(
    "row",
    [
        {"prefix": "", "givens": "12", "canvas": "123"},
        {"prefix": "", "givens": "12", "canvas": "12"},
        {"prefix": "", "canvas": "12"},
    ],
)
def test_what_is_no_example_is_named(
    row: dict[str, str], tmp_path: Path, byte_tokenizer: Tokenizer, config: DenoiserConfig
) -> None:
    good = {"prefix": "", "givens": "1.", "canvas": "12"}
    with pytest.raises(InputError, match=r"canvases\.jsonl, (example|line) 2"):
        read(tmp_path, byte_tokenizer, config, good, row)


def test_a_file_without_examples_is_no_task(tmp_path: Path, byte_tokenizer: Tokenizer, config: DenoiserConfig) -> None:
    with pytest.raises(InputError, match="There is no example"):
        read(tmp_path, byte_tokenizer, config)


def test_windows_clamp_what_is_given_and_every_pass_shows_all(
    tmp_path: Path, byte_tokenizer: Tokenizer, config: DenoiserConfig
) -> None:
    texts = ("12", "345", "6789")
    rows = [{"prefix": text, "givens": text[:-1] + ".", "canvas": text} for text in texts]
    dataset = CanvasDataset(read(tmp_path, byte_tokenizer, config, *rows), config.pad_token_id, seed=0)
    for first in (0, 3):
        windows = [dataset[index] for index in range(first, first + 3)]
        assert {byte_tokenizer.decode(window.canvases[0].tolist()) for window in windows} == set(texts)
    for window in windows:
        length = int((window.canvases[0] != config.pad_token_id).sum())
        assert window.roles[0].tolist() == [Role.GIVEN] * (length - 1) + [Role.MIDDLE] + [Role.GIVEN] * (4 - length)
        assert byte_tokenizer.decode(window.tokens[: window.starts[0]].tolist()) == byte_tokenizer.decode(
            window.canvases[0].tolist()
        )
