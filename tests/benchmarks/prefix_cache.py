"""Times what the prefix cache saves: one typed character after a long prefix against encoding the prefix anew.

Runs the embedded checkpoint, or random weights of its shape where there is none. Exits with 1 if the saving is below
what is promised.

    .venv/bin/python tests/benchmarks/prefix_cache.py [--tokens 2000] [--repeats 9]
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

import lacuna_model
from lacuna_model.checkpoint import load_denoiser
from lacuna_model.config import CONFIG_FILE, AttentionConfig, DenoiserConfig
from lacuna_model.device import choose_dtype
from lacuna_model.prefix_cache import PrefixCache
from lacuna_model.transformer.denoiser import Denoiser

PROMISED_RATIO = 20.0
CHECKPOINT = Path(lacuna_model.__file__).with_name("weights") / "nano"
NANO = DenoiserConfig(
    vocab_size=8192,
    hidden_size=256,
    intermediate_size=512,
    layer_kinds=("sliding_attention", "sliding_attention", "full_attention", "sliding_attention", "full_attention"),
    sliding=AttentionConfig(4, 2, 64, 1e4, 1.0, 256, has_value_projection=True),
    full=AttentionConfig(4, 2, 64, 1e6, 0.25, None, has_value_projection=False),
    num_experts=4,
    num_experts_per_token=2,
    expert_size=128,
    rms_norm_eps=1e-6,
    logit_softcap=30.0,
    canvas_length=64,
    max_positions=8192,
    pad_token_id=0,
    bos_token_id=2,
    eos_token_id=1,
    noise="absorbing",
    mask_token_id=4,
    delete_token_id=3,
)


def embedded_denoiser() -> Denoiser:
    """The embedded checkpoint's denoiser, with random weights where there is no checkpoint."""
    if (CHECKPOINT / CONFIG_FILE).is_file():
        return load_denoiser(CHECKPOINT, dtype=choose_dtype(torch.device("cpu")))
    torch.manual_seed(0)
    denoiser = Denoiser(NANO).requires_grad_(False).eval()
    for tensor in denoiser.state_dict().values():
        tensor.copy_(torch.randn_like(tensor) * 0.05 + (tensor.ndim == 1))
    return denoiser


def milliseconds(run: Callable[[], object], num_repeats: int) -> float:
    """Median time of a call."""
    run()
    times = []
    for _ in range(num_repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)


def main() -> int:
    """Measures and prints; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=2000, help="length of the prefix")
    parser.add_argument("--repeats", type=int, default=9, help="how often the whole prefix is encoded")
    arguments = parser.parse_args()
    denoiser = embedded_denoiser()
    generator = torch.Generator().manual_seed(0)
    text = torch.randint(
        6, denoiser.config.vocab_size, (arguments.tokens + 5 * arguments.repeats + 1,), generator=generator
    )
    token_ids: list[int] = text.tolist()
    cache = PrefixCache(denoiser, max_bytes=1 << 30)
    typed = iter(range(arguments.tokens, len(token_ids) + 1))

    anew = milliseconds(lambda: PrefixCache(denoiser, 0).encode("", token_ids[: arguments.tokens]), arguments.repeats)
    cache.encode("appended", token_ids[: arguments.tokens])
    appended = milliseconds(lambda: cache.encode("appended", token_ids[: next(typed)]), 5 * arguments.repeats)
    replacements = iter(range(6, denoiser.config.vocab_size))
    kept = token_ids[: arguments.tokens - 1]
    replaced = milliseconds(lambda: cache.encode("replaced", [*kept, next(replacements)]), 5 * arguments.repeats)
    print(f"a prefix of {arguments.tokens} tokens, {torch.get_num_threads()} threads")
    print(f"encoded anew                      {anew:8.2f} ms")
    for name, warm in (("typed character, token appended", appended), ("typed character, token replaced", replaced)):
        print(f"{name:32}  {warm:8.2f} ms   {anew / warm:6.1f} times cheaper")
    return 0 if anew / max(appended, replaced) >= PROMISED_RATIO else 1


if __name__ == "__main__":
    sys.exit(main())
