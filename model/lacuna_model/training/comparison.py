"""Which noise to train with: equal budgets from the same start, judged by held-out exact match."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from lacuna_model.config import GenerationConfig
from lacuna_model.evaluation.filler import ModelFiller
from lacuna_model.evaluation.heldout import HeldoutReport, evaluate_heldout
from lacuna_model.infill import Infiller
from lacuna_model.request import InfillOptions
from lacuna_model.training.loop import Metrics
from lacuna_model.training.recipe import NANO_GENERATION_CONFIG, Recipe
from lacuna_model.training.runs import Material, averaged, train

MAX_FORWARDS = 8


def compare(
    directory: Path,
    material: Material,
    recipes: Mapping[str, Recipe],
    report: Callable[[Metrics], None],
    *,
    start: Path | None,
    num_gaps: int,
    device: str,
    compiled: bool,
) -> dict[str, HeldoutReport]:
    """Trains every recipe in a directory of its own and fills the same held-out gaps with each.

    Every fill may take eight forward passes. Writes the figures into `comparison.json` as they come.
    """
    reports = {}
    for name, recipe in recipes.items():
        train(directory / name, material, recipe, report, start=start, device=device, compiled=compiled)
        model, _ = averaged(directory / name, material.vocabulary)
        infiller = Infiller(model, material.vocabulary, GenerationConfig.from_json(NANO_GENERATION_CONFIG))
        filler = ModelFiller(infiller, InfillOptions(max_forwards=MAX_FORWARDS))
        reports[name] = evaluate_heldout(filler, material.held_out, num=num_gaps)
        figures = {each: report.as_json()["rows"] for each, report in reports.items()}
        (directory / "comparison.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return reports
