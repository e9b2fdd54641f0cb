import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lacuna_model.config import CONFIG_FILE, GENERATION_CONFIG_FILE, DenoiserConfig, GenerationConfig
from lacuna_model.errors import CheckpointNotFoundError, ConfigError

TINY = (Path(__file__).parents[2] / "fixtures" / "tiny-denoiser" / CONFIG_FILE).read_text(encoding="utf-8")


def changed(path: str, value: Any) -> dict[str, Any]:
    """The tiny config with one value replaced; `path` gives its keys, joined by dots."""
    document: dict[str, Any] = json.loads(TINY)
    *sections, key = path.split(".")
    section = document
    for name in sections:
        section = section.setdefault(name, {})
    if value is MISSING:
        del section[key]
    else:
        section[key] = value
    return document


MISSING = object()
GENERATION = {"sampler_config": {"entropy_bound": 0.2}, "t_min": 0.1, "t_max": 0.9}


def test_tiny_config_is_read() -> None:
    config = DenoiserConfig.from_json(json.loads(TINY))
    assert config.layer_kinds == ("sliding_attention", "full_attention") * 2
    assert (config.sliding.num_heads, config.sliding.num_kv_heads, config.sliding.head_dim) == (4, 2, 8)
    assert (config.full.num_heads, config.full.num_kv_heads, config.full.head_dim) == (4, 1, 16)
    assert (config.sliding.window, config.full.window) == (8, None)
    assert (config.sliding.rope_theta, config.full.rope_theta) == (1e4, 1e6)
    assert (config.sliding.rotary_fraction, config.full.rotary_fraction) == (1.0, 0.25)
    assert (config.sliding.has_value_projection, config.full.has_value_projection) == (True, False)
    assert (config.num_experts, config.num_experts_per_token, config.expert_size) == (4, 2, 24)
    assert (config.noise, config.mask_token_id, config.delete_token_id) == ("absorbing", 4, 5)
    assert config.attention("full_attention") is config.full


def test_what_other_checkpoints_leave_out() -> None:
    document = changed("lacuna", MISSING)
    for key in ("final_logit_softcapping", "max_position_embeddings", "pad_token_id", "global_head_dim"):
        del document["text_config"][key]
    document["text_config"] |= {"eos_token_id": [1, 50], "num_global_key_value_heads": None}
    config = DenoiserConfig.from_json(document)
    assert (config.logit_softcap, config.max_positions, config.pad_token_id) == (30.0, 131_072, 0)
    assert (config.full.head_dim, config.full.num_kv_heads, config.eos_token_id) == (512, 2, 1)
    assert (config.noise, config.mask_token_id, config.delete_token_id) == ("uniform", None, None)


@pytest.mark.parametrize(
    ("layers", "num_kv_heads", "head_dim"),
    [
        ({"1": {"head_dim": 16}, "3": {"head_dim": 16}}, 2, 16),
        ({"1": {"num_key_value_heads": 1}, "3": {"num_key_value_heads": 1}}, 1, 8),
        ({}, 2, 8),  # then the full layers are shaped as the others, whatever the older keys say
    ],
)
def test_heads_of_full_layers_listed_by_layer(layers: Any, num_kv_heads: int, head_dim: int) -> None:
    full = DenoiserConfig.from_json(changed("text_config.per_layer_config", layers)).full
    assert (full.num_kv_heads, full.head_dim) == (num_kv_heads, head_dim)


WRONG_VALUES: list[tuple[str, Any, str]] = [
    ("text_config", MISSING, "lacks the key 'text_config'"),
    ("text_config", [1], "text_config must be a JSON object"),
    ("text_config", None, "text_config must be a JSON object"),
    ("text_config.hidden_size", MISSING, "lacks the key 'hidden_size'"),
    ("text_config.sliding_window", MISSING, "lacks the key 'sliding_window'"),
    ("text_config.rope_parameters", MISSING, "lacks the key 'rope_parameters'"),
    ("text_config.rope_parameters.full_attention", MISSING, "lacks the key 'full_attention'"),
    ("text_config.rope_parameters.sliding_attention.rope_theta", MISSING, "lacks the key 'rope_theta'"),
    ("text_config.hidden_size", "32", "'hidden_size' must be a whole number"),
    ("text_config.hidden_size", 32.0, "'hidden_size' must be a whole number"),
    ("text_config.hidden_size", True, "'hidden_size' must be a whole number"),
    ("text_config.hidden_size", None, "'hidden_size' must be a whole number"),
    ("text_config.hidden_size", 0, "'hidden_size' must be a whole number from 1"),
    ("text_config.hidden_size", -32, "'hidden_size' must be a whole number from 1"),
    ("text_config.vocab_size", 10**30, "'vocab_size' must be a whole number from 1 to"),
    ("text_config.num_experts", 2**20, "'num_experts' must be a whole number from 1 to"),
    ("text_config.num_experts", None, "'num_experts' must be a whole number"),
    ("text_config.num_key_value_heads", 0, "'num_key_value_heads' must be a whole number from 1"),
    ("text_config.num_key_value_heads", 3, "4 query heads cannot share 3 key heads"),
    ("text_config.num_global_key_value_heads", 3, "4 query heads cannot share 3 key heads"),
    ("text_config.head_dim", 7, "head_dim must be even"),
    ("text_config.global_head_dim", 15, "head_dim must be even"),
    ("text_config.top_k_experts", 5, "top_k_experts is 5 of 4"),
    ("text_config.rms_norm_eps", 0, "'rms_norm_eps' must be a finite number"),
    ("text_config.rms_norm_eps", float("nan"), "'rms_norm_eps' must be a finite number"),
    ("text_config.final_logit_softcapping", None, "'final_logit_softcapping' must be a finite number"),
    ("text_config.final_logit_softcapping", float("inf"), "'final_logit_softcapping' must be a finite number"),
    ("text_config.rope_parameters.full_attention.partial_rotary_factor", 1.5, "from 0.0 to 1.0, not 1.5"),
    ("text_config.rope_parameters.full_attention.rope_theta", "1e6", "'rope_theta' must be a finite number"),
    ("text_config.rope_parameters.full_attention.rope_type", "yarn", "'rope_type' must be \"proportional\""),
    ("text_config.rope_parameters.full_attention.factor", 8.0, "'factor' must be 1.0"),
    ("text_config.rope_parameters.sliding_attention.rope_type", "linear", "'rope_type' must be \"default\""),
    ("text_config.rope_parameters.sliding_attention.partial_rotary_factor", 0.5, "must be 1.0, not 0.5"),
    ("text_config.hidden_activation", "silu", '\'hidden_activation\' must be "gelu_pytorch_tanh", not "silu"'),
    ("text_config.attention_bias", True, "'attention_bias' must be false"),
    ("text_config.tie_word_embeddings", False, "'tie_word_embeddings' must be true"),
    ("tie_word_embeddings", False, "'tie_word_embeddings' must be true"),
    ("text_config.use_bidirectional_attention", "all", 'must be null or "vision"'),
    ("text_config.layer_types", "full_attention", "'layer_types' must be a list of strings"),
    ("text_config.layer_types", [1, 2, 3, 4], "'layer_types' must be a list of strings"),
    ("text_config.layer_types", [["full_attention"]] * 4, "'layer_types' must be a list of strings"),
    ("text_config.layer_types", ["full_attention"] * 3, "3 layer_types for 4 layers"),
    ("text_config.layer_types", [], "0 layer_types for 4 layers"),
    ("text_config.layer_types", ["linear_attention"] * 4, "unknown layer_types ['linear_attention']"),
    ("text_config.layer_types", ["sliding_attention"] * 4, "the last of layer_types must be 'full_attention'"),
    ("text_config.num_hidden_layers", 5, "4 layer_types for 5 layers"),
    ("text_config.per_layer_config", [], "per_layer_config must be a JSON object"),
    ("text_config.per_layer_config", {"1": 16}, "per_layer_config: 1 must be a JSON object"),
    ("text_config.per_layer_config", {"1": {"head_dim": 16}}, "different shapes"),
    ("text_config.per_layer_config", {"0": {"head_dim": 16}}, "only full-attention layers may differ, not ['0']"),
    ("text_config.per_layer_config", {"9": {"head_dim": 16}}, "only full-attention layers may differ, not ['9']"),
    ("text_config.pad_token_id", 96, "pad_token_id 96 lies outside the vocabulary of 96"),
    ("text_config.pad_token_id", -1, "'pad_token_id' must be a whole number from 0"),
    ("text_config.bos_token_id", 500, "bos_token_id 500 lies outside"),
    ("text_config.eos_token_id", [], "'eos_token_id' must be a natural number or a list"),
    ("text_config.eos_token_id", ["1"], "'eos_token_id' must be a natural number or a list"),
    ("text_config.eos_token_id", 96, "eos_token_id 96 lies outside"),
    ("canvas_length", 0, "'canvas_length' must be a whole number from 1"),
    ("lacuna", "absorbing", "lacuna must be a JSON object"),
    ("lacuna.noise", "gaussian", '\'noise\' must be "absorbing" or "uniform", not "gaussian"'),
    ("lacuna.noise", ["absorbing"], "'noise' must be"),
    ("lacuna.mask_token_id", MISSING, "absorbing noise needs a mask_token_id"),
    ("lacuna.mask_token_id", 96, "mask_token_id 96 lies outside"),
    ("lacuna.delete_token_id", "5", "'delete_token_id' must be a whole number"),
]


@pytest.mark.parametrize(("path", "value", "message"), WRONG_VALUES, ids=lambda value: str(value)[:40])
def test_wrong_values_are_named(path: str, value: Any, message: str, tmp_path: Path) -> None:
    (tmp_path / CONFIG_FILE).write_text(json.dumps(changed(path, value)), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        DenoiserConfig.load(tmp_path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize("key", sorted(json.loads(TINY)["text_config"]))
@pytest.mark.parametrize("value", [MISSING, None, -1, "x", [], {}, [None], {"1": None}, 1e400, "\ud800"], ids=str)
def test_no_value_ends_in_anything_but_a_config_error(key: str, value: Any) -> None:
    try:
        DenoiserConfig.from_json(changed(f"text_config.{key}", value))
    except ConfigError as error:
        str(error).encode("utf-8")  # can be printed


WRONG_FILES = [b"", b"{", b"[]", b"null", b"\xff\xfe{}", b"3", b'{"text_config": 1e}', b"[" * 200_000, b"9" * 10_000]


@pytest.mark.parametrize("content", WRONG_FILES, ids=lambda content: repr(content[:12]))
@pytest.mark.parametrize(
    ("file", "load"), [(CONFIG_FILE, DenoiserConfig.load), (GENERATION_CONFIG_FILE, GenerationConfig.load)]
)
def test_files_that_hold_no_object(file: str, load: Callable[[Path], object], content: bytes, tmp_path: Path) -> None:
    (tmp_path / file).write_bytes(content)
    with pytest.raises(ConfigError, match=file):
        load(tmp_path)


def test_a_missing_config_names_the_directory(tmp_path: Path) -> None:
    with pytest.raises(CheckpointNotFoundError, match=f"no {CONFIG_FILE} in {tmp_path}"):
        DenoiserConfig.load(tmp_path)


def test_a_config_that_is_a_directory(tmp_path: Path) -> None:
    (tmp_path / CONFIG_FILE).mkdir()
    with pytest.raises(ConfigError, match="cannot be read"):
        DenoiserConfig.load(tmp_path)


def load_generation(directory: Path, document: dict[str, Any]) -> GenerationConfig:
    (directory / GENERATION_CONFIG_FILE).write_text(json.dumps(document), encoding="utf-8")
    return GenerationConfig.load(directory)


def test_missing_and_null_generation_values_are_the_released_ones(tmp_path: Path) -> None:
    released = GenerationConfig(48, 0.1, 0.4, 0.8, 1, 0.005, (1,))
    assert GenerationConfig.load(tmp_path) == released
    assert load_generation(tmp_path, {}) == released
    assert load_generation(tmp_path, {"t_min": None, "sampler_config": None, "eos_token_id": None}) == released
    assert load_generation(tmp_path, {"sampler_config": {"entropy_bound": None}}) == released


def test_generation_values_are_read(tmp_path: Path) -> None:
    document = GENERATION | {"max_denoising_steps": 8, "stability_threshold": 0, "confidence_threshold": 0.5}
    expected = GenerationConfig(8, 0.2, 0.1, 0.9, 0, 0.5, (7,))
    assert load_generation(tmp_path, document | {"eos_token_id": 7}) == expected


WRONG_GENERATION_VALUES: list[tuple[str, Any, str]] = [
    ("max_denoising_steps", 0, "'max_denoising_steps' must be a whole number from 1"),
    ("max_denoising_steps", "48", "'max_denoising_steps' must be a whole number"),
    ("sampler_config", 0.1, "sampler_config must be a JSON object"),
    ("sampler_config", {"entropy_bound": -0.1}, "'entropy_bound' must be a finite number at least 0"),
    ("sampler_config", {"entropy_bound": "0.1"}, "'entropy_bound' must be a finite number"),
    ("t_min", -0.1, "'t_min' must be a finite number"),
    ("t_min", 0.95, "t_min <= t_max"),
    ("t_max", float("inf"), "'t_max' must be a finite number"),
    ("stability_threshold", 1.5, "'stability_threshold' must be a whole number"),
    ("confidence_threshold", True, "'confidence_threshold' must be a finite number"),
    ("eos_token_id", "1", "'eos_token_id' must be a natural number or a list"),
    ("eos_token_id", [1, -1], "'eos_token_id' must be a natural number or a list"),
]


@pytest.mark.parametrize(("key", "value", "message"), WRONG_GENERATION_VALUES)
def test_wrong_generation_values_are_named(key: str, value: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_generation(tmp_path, GENERATION | {key: value})
    assert message in str(caught.value)
