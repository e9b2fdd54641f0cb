"""A run from its pieces: corpus, vocabulary, weights to start from, and the weights that come out of it."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lacuna_model.config import DenoiserConfig, NoiseKind
from lacuna_model.errors import InputError
from lacuna_model.evaluation.documents import Document, read_documents
from lacuna_model.tokenizer import Tokenizer
from lacuna_model.training.examples import WindowDataset, WindowShape
from lacuna_model.training.loop import Metrics, Trainer
from lacuna_model.training.recipe import RECIPE_FILE, Recipe, initialized, nano_config
from lacuna_model.training.state import STATE_FILE, load_state, new_average
from lacuna_model.transformer.denoiser import Denoiser

HELD_OUT_SEED = 0
"""Of the windows that are measured on: the same for all runs, so that runs can be compared."""


@dataclass(frozen=True)
class Material:
    """What runs are made of.

    Attributes:
        vocabulary: the tokenizer.
        training: documents to learn from.
        held_out: documents of other packages, to measure on.
    """

    vocabulary: Tokenizer
    training: list[Document]
    held_out: list[Document]

    @classmethod
    def load(cls, corpus: Path, vocabulary: Path) -> "Material":
        """Reads a corpus directory and a directory with tokenizer.json.

        Raises:
            LacunaError: one of them is missing, damaged or empty.
        """
        training, held_out = (read_documents(corpus / f"{name}.jsonl.gz") for name in ("train", "valid"))
        return cls(Tokenizer.load(vocabulary), training, held_out)


def train(
    directory: Path,
    material: Material,
    recipe: Recipe,
    report: Callable[[Metrics], None],
    *,
    start: Path | None = None,
    device: str = "cpu",
    compiled: bool = True,
    log_every: int = 20,
    save_every: int = 200,
) -> None:
    """Trains in a run directory to the recipe's last step; an interrupted run goes on where its last state was.

    Args:
        directory: of the run.
        material: what it learns from.
        recipe: its settings.
        report: told the metrics as they come.
        start: another run, whose weights a new run starts from.
        device: to train on.
        compiled: compile the model.
        log_every: steps between metrics.
        save_every: steps between states.

    Raises:
        InputError: the run was begun with other noise.
    """
    config = DenoiserConfig.from_json(nano_config(material.vocabulary, recipe.noising.kind))
    model = initialized(config, recipe.seed)
    if (directory / STATE_FILE).is_file():
        noise = _noise_of(directory)
        if noise != recipe.noising.kind:
            raise InputError(f"The run in {directory} was begun with {noise} noise; it cannot go on with another.")
    elif start is not None:
        load_state(start, model, new_average(model), None)
    trainer = Trainer(model.to(device), recipe, directory, compiled)
    training, held_out = (
        WindowDataset(documents, material.vocabulary, config, shape, recipe.mixture, seed)
        for documents, shape, seed in (
            (material.training, recipe.shape, recipe.seed),
            (material.held_out, WindowShape(), HELD_OUT_SEED),
        )
    )
    for metrics in trainer.run(training, held_out, log_every=log_every, save_every=save_every):
        report(metrics)


def averaged(directory: Path, vocabulary: Tokenizer) -> tuple[Denoiser, dict[str, Any]]:
    """The averaged weights of a run and the `config.json` that describes them.

    Raises:
        InputError: there is no run in the directory.
    """
    if not (directory / STATE_FILE).is_file():
        raise InputError(f"{directory} holds no run that has saved a state yet.")
    document = nano_config(vocabulary, _noise_of(directory))
    model = initialized(DenoiserConfig.from_json(document), seed=0)
    average = new_average(model)
    load_state(directory, model, average, None)
    model.load_state_dict(average, strict=False)
    return model.requires_grad_(False).eval(), document


def _noise_of(directory: Path) -> NoiseKind:
    kind: NoiseKind = json.loads((directory / RECIPE_FILE).read_text(encoding="utf-8"))["noising"]["kind"]
    return kind
