import os
import subprocess
import sysconfig
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from tokenizers import AddedToken, decoders, models, pre_tokenizers
from tokenizers import Tokenizer as BaseTokenizer

from lacuna_model.checkpoint import save_checkpoint
from lacuna_model.config import DenoiserConfig
from lacuna_model.tokenizer import FILE_NAME, Tokenizer
from lacuna_model.training.recipe import NANO_GENERATION_CONFIG, initialized, nano_config

SCRIPT = Path(sysconfig.get_path("scripts")) / "lacuna"
SPECIAL_TOKENS = ("<pad>", "<eos>", "<bos>", "<delete>", "<mask>", "<|python|>")

Lacuna = Callable[..., "subprocess.CompletedProcess[bytes]"]


@pytest.fixture(scope="session", autouse=True)
def engines() -> Iterator[None]:
    """Keeps the engines that tests start apart from the user's, and ends them with the tests."""
    with tempfile.TemporaryDirectory(prefix="lacuna-") as name, pytest.MonkeyPatch.context() as patch:
        for variable in ("XDG_RUNTIME_DIR", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
            directory = Path(name, variable)
            directory.mkdir(mode=0o700)
            patch.setenv(variable, str(directory))
        yield
        subprocess.run([SCRIPT, "stop"], stdout=subprocess.DEVNULL, check=True)


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint directory with random weights and one token for every byte."""
    directory = tmp_path_factory.mktemp("checkpoint")
    tokens = [*SPECIAL_TOKENS, *sorted(pre_tokenizers.ByteLevel.alphabet())]
    base = BaseTokenizer(models.BPE(vocab={token: index for index, token in enumerate(tokens)}, merges=[]))
    base.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    base.decoder = decoders.ByteLevel()
    base.add_special_tokens([AddedToken(token, special=True) for token in SPECIAL_TOKENS])
    base.save(str(directory / FILE_NAME))
    document = nano_config(Tokenizer(base), "absorbing")
    document["text_config"] |= {
        "hidden_size": 32,
        "intermediate_size": 32,
        "layer_types": ["sliding_attention", "full_attention"],
        "num_hidden_layers": 2,
        "head_dim": 8,
        "per_layer_config": {"1": {"head_dim": 8, "num_key_value_heads": 2}},
        "moe_intermediate_size": 16,
    }
    model = initialized(DenoiserConfig.from_json(document), seed=0)
    save_checkpoint(directory, model, document, NANO_GENERATION_CONFIG, torch.float32)
    return directory


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for this machine that nobody has signed, and its key."""
    directory = tmp_path_factory.mktemp("certificate")
    certificate, key = directory / "cert.pem", directory / "key.pem"
    subject = ("-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1")
    files = ("-keyout", key, "-out", certificate)
    command = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject, *files)
    subprocess.run(command, check=True, capture_output=True)
    return certificate, key


@pytest.fixture(scope="session")
def lacuna() -> Lacuna:
    """Runs the installed command to its end."""

    def run(
        *arguments: str | Path, given: bytes = b"", cwd: Path | None = None
    ) -> "subprocess.CompletedProcess[bytes]":
        return subprocess.run(
            [SCRIPT, *arguments], input=given, capture_output=True, cwd=cwd, env=plain_environment(), timeout=120
        )

    return run


def plain_environment() -> dict[str, str]:
    """Our environment without what would force or forbid colours."""
    return {
        name: value for name, value in os.environ.items() if name not in ("FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE")
    }
