"""What a checkpoint directory's `config.json` and `generation_config.json` say, as frozen dataclasses.

Both files are in the format of the released DiffusionGemma checkpoints, written by `transformers`. What the embedded
checkpoint adds to it (which noise it was trained with, its delete token) lies under the key `lacuna` of
`config.json`, which other readers ignore.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast, get_args

from lacuna_model.errors import ConfigError
from lacuna_model.json_object import LARGEST_SIZE, JsonObject

LayerKind = Literal["sliding_attention", "full_attention"]
NoiseKind = Literal["absorbing", "uniform"]

CONFIG_FILE = "config.json"
GENERATION_CONFIG_FILE = "generation_config.json"
LARGEST_NUM_EXPERTS = 2**14


@dataclass(frozen=True, slots=True)
class AttentionConfig:
    """Shape of the attention of one kind of layer.

    Attributes:
        num_heads: query heads.
        num_kv_heads: heads of keys and values; divides `num_heads`.
        head_dim: width of a head.
        rope_theta: base of the rotary frequencies.
        rotary_fraction: share of a head's pairs that rotate; the rest carries no position.
        window: a token sees itself and the `window - 1` tokens before it; None sees all.
        has_value_projection: False where the values are the keys before their norm.
    """

    num_heads: int
    num_kv_heads: int
    head_dim: int
    rope_theta: float
    rotary_fraction: float
    window: int | None
    has_value_projection: bool

    def __post_init__(self) -> None:
        if self.num_heads % self.num_kv_heads:
            raise ConfigError(f"{self.num_heads} query heads cannot share {self.num_kv_heads} key heads evenly.")
        if self.head_dim % 2:
            raise ConfigError(f"head_dim must be even to be rotated in pairs, not {self.head_dim}.")


@dataclass(frozen=True, slots=True)
class DenoiserConfig:
    """Shape of the denoiser, and the token ids it gives a meaning to.

    Attributes:
        layer_kinds: kind of every layer, first to last.
        sliding: attention of the sliding layers.
        full: attention of the full layers.
        noise: what a masked slot holds: the mask token (absorbing) or any token (uniform).
        mask_token_id: the slot token of absorbing noise; None under uniform noise.
        delete_token_id: the token that means "this slot is surplus"; None for checkpoints that never learned it.
        beam_width: candidates that compete while a canvas is denoised from left to right, for absorbing noise with a
            delete token; None: slots are accepted as `generation_config.json` says.
    """

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    layer_kinds: tuple[LayerKind, ...]
    sliding: AttentionConfig
    full: AttentionConfig
    num_experts: int
    num_experts_per_token: int
    expert_size: int
    rms_norm_eps: float
    logit_softcap: float
    canvas_length: int
    max_positions: int
    pad_token_id: int
    bos_token_id: int
    eos_token_id: int
    noise: NoiseKind
    mask_token_id: int | None
    delete_token_id: int | None
    beam_width: int | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.num_experts_per_token <= self.num_experts:
            raise ConfigError(f"top_k_experts is {self.num_experts_per_token} of {self.num_experts} experts.")
        if self.noise == "absorbing" and self.mask_token_id is None:
            raise ConfigError("absorbing noise needs a mask_token_id in the 'lacuna' section of config.json.")
        if self.beam_width is not None and (self.noise != "absorbing" or self.delete_token_id is None):
            raise ConfigError("beam_width in the 'lacuna' section of config.json needs absorbing noise and deletes.")
        for name in ("pad_token_id", "bos_token_id", "eos_token_id", "mask_token_id", "delete_token_id"):
            token = getattr(self, name)
            if token is not None and not 0 <= token < self.vocab_size:
                raise ConfigError(f"{name} {token} lies outside the vocabulary of {self.vocab_size} tokens.")

    def attention(self, kind: LayerKind) -> AttentionConfig:
        """Attention of a kind of layer."""
        return self.sliding if kind == "sliding_attention" else self.full

    @classmethod
    def load(cls, directory: Path) -> "DenoiserConfig":
        """Reads `config.json` of a checkpoint directory.

        Raises:
            CheckpointNotFoundError: there is no such file.
            ConfigError: it is not JSON, lacks a key, or asks for something this denoiser does not have.
        """
        return _parse_config(JsonObject.load(directory / CONFIG_FILE))

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "DenoiserConfig":
        """Reads the parsed content of a `config.json`. Raises ConfigError as `load` does."""
        return _parse_config(JsonObject(document, CONFIG_FILE))


@dataclass(frozen=True, slots=True)
class GenerationConfig:
    """How the checkpoint wants to be sampled, from `generation_config.json`.

    Attributes:
        num_denoising_steps: most denoising steps of a canvas.
        entropy_bound: nats of joint uncertainty that one step may commit.
        t_min: temperature of the last step.
        t_max: temperature of the first step.
        stability: steps for which the best canvas must stay the same before stopping.
        confidence: mean entropy in nats, over free slots, under which a stable canvas is final.
        eos_token_ids: tokens that end a text; 1 alone where the file does not say.
    """

    num_denoising_steps: int = 48
    entropy_bound: float = 0.1
    t_min: float = 0.4
    t_max: float = 0.8
    stability: int = 1
    confidence: float = 0.005
    eos_token_ids: tuple[int, ...] = (1,)

    def __post_init__(self) -> None:
        if self.num_denoising_steps < 1:
            raise ConfigError(f"max_denoising_steps must be at least 1, not {self.num_denoising_steps}.")
        if not 0 <= self.t_min <= self.t_max:
            raise ConfigError(f"temperatures must satisfy 0 <= t_min <= t_max, not {self.t_min} and {self.t_max}.")
        if self.entropy_bound < 0:
            raise ConfigError(f"entropy_bound is in nats and cannot be {self.entropy_bound}.")

    @classmethod
    def load(cls, directory: Path) -> "GenerationConfig":
        """Reads `generation_config.json`.

        A missing file, and a missing or null value, means the released checkpoint's value.

        Raises:
            ConfigError: the file is not JSON, or a value is of the wrong type or out of bounds.
        """
        path = directory / GENERATION_CONFIG_FILE
        return cls.from_json(JsonObject.load(path).content) if path.is_file() else cls()

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "GenerationConfig":
        """Reads the parsed content of a `generation_config.json`. Raises ConfigError as `load` does."""
        released = cls()
        document = JsonObject(content, GENERATION_CONFIG_FILE).without_nulls()
        sampler = document.object("sampler_config", {}).without_nulls()
        return cls(
            num_denoising_steps=document.integer("max_denoising_steps", released.num_denoising_steps),
            entropy_bound=sampler.number("entropy_bound", released.entropy_bound),
            t_min=document.number("t_min", released.t_min),
            t_max=document.number("t_max", released.t_max),
            stability=document.integer("stability_threshold", released.stability, minimum=0),
            confidence=document.number("confidence_threshold", released.confidence),
            eos_token_ids=document.integers("eos_token_id", released.eos_token_ids),
        )


def _parse_config(document: JsonObject) -> DenoiserConfig:
    text = document.object("text_config")
    for section in (document, text):
        section.require("tie_word_embeddings", (True,))
    text.require("hidden_activation", ("gelu_pytorch_tanh",))
    text.require("attention_bias", (False,))
    text.require("use_bidirectional_attention", (None, "vision"))
    kinds = _layer_kinds(text)
    own = document.object("lacuna", {}).without_nulls()
    own.require("noise", ("absorbing", "uniform"))
    last_id = LARGEST_SIZE - 1
    return DenoiserConfig(
        vocab_size=text.integer("vocab_size"),
        hidden_size=text.integer("hidden_size"),
        intermediate_size=text.integer("intermediate_size"),
        layer_kinds=kinds,
        sliding=_sliding_attention(text),
        full=_full_attention(text, kinds),
        num_experts=text.integer("num_experts", maximum=LARGEST_NUM_EXPERTS),
        num_experts_per_token=text.integer("top_k_experts"),
        expert_size=text.integer("moe_intermediate_size"),
        rms_norm_eps=text.positive("rms_norm_eps"),
        logit_softcap=text.positive("final_logit_softcapping", 30.0),
        canvas_length=document.integer("canvas_length", 256),
        max_positions=text.integer("max_position_embeddings", 131_072, maximum=2**31),
        pad_token_id=text.integer("pad_token_id", 0, minimum=0, maximum=last_id),
        bos_token_id=text.integer("bos_token_id", 2, minimum=0, maximum=last_id),
        eos_token_id=text.integers("eos_token_id", (1,))[0],
        noise=own.content.get("noise", "uniform"),
        mask_token_id=own.integer("mask_token_id", minimum=0) if "mask_token_id" in own else None,
        delete_token_id=own.integer("delete_token_id", minimum=0) if "delete_token_id" in own else None,
        beam_width=own.integer("beam_width", maximum=64) if "beam_width" in own else None,
    )


def _layer_kinds(text: JsonObject) -> tuple[LayerKind, ...]:
    kinds = text.strings("layer_types")
    unknown = sorted({kind for kind in kinds if kind not in get_args(LayerKind)})
    if unknown:
        raise ConfigError(f"{text.path}: unknown layer_types {unknown}; expected {list(get_args(LayerKind))}.")
    if len(kinds) != text.integer("num_hidden_layers"):
        raise ConfigError(f"{text.path}: {len(kinds)} layer_types for {text.get('num_hidden_layers')} layers.")
    if kinds[-1] != "full_attention":
        raise ConfigError(f"{text.path}: the last of layer_types must be 'full_attention'.")  # as the reference has it
    return cast(tuple[LayerKind, ...], kinds)


def _sliding_attention(text: JsonObject) -> AttentionConfig:
    rope = text.object("rope_parameters").object("sliding_attention")
    rope.require("rope_type", ("default",))
    rope.require("partial_rotary_factor", (1.0,))
    return AttentionConfig(
        num_heads=text.integer("num_attention_heads"),
        num_kv_heads=text.integer("num_key_value_heads"),
        head_dim=text.integer("head_dim"),
        rope_theta=rope.positive("rope_theta"),
        rotary_fraction=1.0,
        window=text.integer("sliding_window"),
        has_value_projection=True,
    )


def _full_attention(text: JsonObject, kinds: tuple[LayerKind, ...]) -> AttentionConfig:
    rope = text.object("rope_parameters").object("full_attention")
    rope.require("rope_type", ("proportional",))
    rope.require("factor", (1.0,))
    num_kv_heads, head_dim = _full_layer_heads(text, kinds)
    return AttentionConfig(
        num_heads=text.integer("num_attention_heads"),
        num_kv_heads=num_kv_heads,
        head_dim=head_dim,
        rope_theta=rope.positive("rope_theta"),
        rotary_fraction=rope.number("partial_rotary_factor", 1.0, maximum=1.0),
        window=None,
        has_value_projection=False,
    )


def _full_layer_heads(text: JsonObject, kinds: tuple[LayerKind, ...]) -> tuple[int, int]:
    """Key heads and head width of the full layers.

    Newer files list what differs from the sliding layers, layer by layer; older ones have two keys for all.
    """
    num_kv_heads, head_dim = text.integer("num_key_value_heads"), text.integer("head_dim")
    given = text.without_nulls()
    if "per_layer_config" not in given:
        return given.integer("num_global_key_value_heads", num_kv_heads), given.integer("global_head_dim", 512)
    layers = given.object("per_layer_config")
    heads = {
        (layer.integer("num_key_value_heads", num_kv_heads), layer.integer("head_dim", head_dim))
        for layer in (layers.object(str(index), {}) for index, kind in enumerate(kinds) if kind == "full_attention")
    }
    others = sorted(set(layers.content) - {str(index) for index, kind in enumerate(kinds) if kind == "full_attention"})
    if others:
        raise ConfigError(f"{layers.path}: only full-attention layers may differ, not {others}.")
    if len(heads) > 1:
        raise ConfigError(f"{layers.path}: full-attention layers of different shapes are not supported.")
    return heads.pop()
