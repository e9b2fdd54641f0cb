"""What a constraint adds to a denoising step: the dynamic programme beside the step itself, in one run.

Medians of processor time on one thread. The first rows: the embedded model, 32 slots after 1,000 tokens. The last ones:
random logits over 262,144 tokens, as many as the released checkpoint has, made of the embedded model's tokens and pairs
of them. Exits with 1 if a figure is beyond what is promised.

    PYTHONPATH=tests .venv/bin/python tests/benchmarks/constraints.py [--repeats 15]
"""

import argparse
import itertools
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

import lacuna_model
from lacuna_model.canvas import CLAMPED, Canvas
from lacuna_model.constraints.automaton import NOWHERE, TokenAutomaton
from lacuna_model.constraints.build_process import automaton_of
from lacuna_model.constraints.kinds import Constraint, JsonSchema, Preset
from lacuna_model.constraints.programme import Programme
from lacuna_model.denoising import Denoising
from lacuna_model.infill import Infiller
from lacuna_model.sampling.draws import SeededDraws
from lacuna_model.sampling.sampler import Sampler

MAX_SHARE = 0.2
"""Of a denoising step, that the programme may add."""

MAX_LARGE_MS = 15.0
LARGE_VOCABULARY = 262_144
NUM_SLOTS, NUM_PREFIX_TOKENS = 32, 1000
CPU = torch.device("cpu")

FORMATS: dict[str, Constraint] = {
    **{name: Preset(name) for name in ("iso-date", "uuid", "quoted-string", "identifier", "json-value")},
    "object of a schema": JsonSchema.of(
        {
            "type": "object",
            "properties": {
                "name": {"type": "string", "maxLength": 30},
                "size": {"type": "integer"},
                "tags": {"type": "array", "items": {"enum": ["red", "green", "blue"]}, "maxItems": 5},
            },
            "required": ["name"],
        }
    ),
}


def milliseconds(run: Callable[[], object], num_repeats: int, prepare: Callable[[], object] = lambda: None) -> float:
    """Median processor time of a call, without that of `prepare` before it."""
    prepare()
    run()
    times = []
    for _ in range(num_repeats):
        prepare()
        start = time.process_time()
        run()
        times.append(time.process_time() - start)
    return 1000 * statistics.median(times)


def step_of(infiller: Infiller) -> Callable[[], object]:
    """A denoising step of a warm fill."""
    text = Path(lacuna_model.__file__).with_name("infill.py").read_text(encoding="utf-8")
    tokens = infiller.tokenizer.encode(text)
    head, tail = tokens[: NUM_PREFIX_TOKENS - 1], tokens[NUM_PREFIX_TOKENS - 1 :]
    config = infiller.denoiser.config
    row = [(config.pad_token_id, 0)] * NUM_SLOTS + [(token, CLAMPED) for token in tail]
    canvas = Canvas.of_rows([row[: config.canvas_length]], config.pad_token_id, CPU)
    denoising = Denoising(
        infiller.denoiser,
        Sampler.of_checkpoint(config, infiller.generation),
        infiller.cache.encode("", [config.bos_token_id, *head]).key_values,
        torch.tensor([0, 1, 2, 4]),
        SeededDraws.of_seed(0, CPU),
    )
    state = denoising.start(canvas)
    return lambda: denoising.step(state, 8, 8)


def milliseconds_of_solving(automaton: TokenAutomaton, vocab_size: int, deletes: int | None, num_repeats: int) -> float:
    """The programme's work in a step."""
    ends = automaton.accepting
    programme = Programme(automaton, automaton.start, ends, ends, deletes)
    logits = 4 * torch.randn(NUM_SLOTS, vocab_size, generator=torch.Generator().manual_seed(0)).numpy()
    solved, undecided = np.empty_like(logits), np.full(NUM_SLOTS, NOWHERE)
    return milliseconds(lambda: programme.solve(solved, undecided), num_repeats, lambda: np.copyto(solved, logits))


def main() -> int:
    """Measures and prints; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=15)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    infiller = Infiller.load(device="cpu")
    small = infiller.tokenizer.vocabulary
    pairs = (first + second for first, second in itertools.product(small[100:], repeat=2) if first and second)
    large = (*small, *itertools.islice(pairs, LARGE_VOCABULARY - len(small)))
    step = milliseconds(step_of(infiller), arguments.repeats)
    print(f"a denoising step, {NUM_SLOTS} slots, {len(small)} tokens  {step:8.2f} ms")
    shares, large_times = [], []
    for name, constraint in FORMATS.items():
        pattern = constraint.pattern("python")
        added = milliseconds_of_solving(automaton_of(pattern, small), len(small), 3, arguments.repeats)
        shares.append(added / step)
        print(f"  {name:20}  {added:8.2f} ms   {100 * added / step:5.1f} % of a step")
    print(f"{NUM_SLOTS} slots, {len(large)} tokens")
    for name, constraint in FORMATS.items():
        automaton = automaton_of(constraint.pattern("python"), large)
        large_times.append(milliseconds_of_solving(automaton, len(large), None, arguments.repeats))
        print(f"  {name:20}  {large_times[-1]:8.2f} ms")
    return 0 if max(shares) <= MAX_SHARE and max(large_times) <= MAX_LARGE_MS else 1


if __name__ == "__main__":
    sys.exit(main())
