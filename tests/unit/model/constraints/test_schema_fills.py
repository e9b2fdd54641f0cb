"""Fills of a real denoiser under real schemas, judged by the jsonschema package."""

import json
from collections.abc import Callable
from pathlib import Path

from jsonschema import Draft202012Validator
from jsonschema.validators import validator_for

from lacuna_model.config import GenerationConfig
from lacuna_model.constraints.automaton import TokenAutomaton
from lacuna_model.constraints.build_process import automaton_of
from lacuna_model.constraints.building import AutomatonBuilder
from lacuna_model.constraints.kinds import JsonSchema
from lacuna_model.errors import ConstraintError
from lacuna_model.infill import Infiller
from lacuna_model.request import InfillOptions, InfillRequest
from lacuna_model.tokenizer import Tokenizer
from lacuna_model.transformer.denoiser import Denoiser

FIXTURES = Path(__file__).parents[3] / "fixtures" / "schemas" / "schemas.jsonl"
MAX_TOKENS = 48
MAX_SCHEMA_BYTES = 1500
"""Of larger ones an automaton takes seconds."""

NUM_SCHEMAS = 150


class InThisProcess(AutomatonBuilder):
    """Builds without a process of its own, and keeps nothing."""

    def build(self, pattern: str) -> TokenAutomaton:
        return automaton_of(pattern, [bytes.fromhex(token) for token in json.loads(self._vocabulary)])


def test_every_fill_is_valid(tiny_denoiser: Callable[..., Denoiser], byte_tokenizer: Tokenizer, tmp_path: Path) -> None:
    infiller = Infiller(tiny_denoiser(), byte_tokenizer, GenerationConfig(num_denoising_steps=1, t_min=0.0, t_max=0.0))
    infiller._automata = InThisProcess(byte_tokenizer.vocabulary, tmp_path)
    num_filled = 0
    for line in FIXTURES.read_text(encoding="utf-8").splitlines():
        schema = json.loads(line)["schema"]
        if len(json.dumps(schema)) > MAX_SCHEMA_BYTES:
            continue
        options = InfillOptions(max_tokens=MAX_TOKENS, seed=num_filled)
        try:
            request = InfillRequest(("x = ", "\n"), "json", options, constraints=(JsonSchema.of(schema),))
            (fill,) = infiller.infill(request).fills
        except ConstraintError:
            continue  # not supported, or no text of it is so short
        kind = validator_for(schema, default=Draft202012Validator)
        kind(schema, format_checker=kind.FORMAT_CHECKER).validate(json.loads(fill.texts[0]))
        num_filled += 1
        if num_filled == NUM_SCHEMAS:
            return
    raise AssertionError(f"only {num_filled} schemas are supported")
