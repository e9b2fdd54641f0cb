"""What is said of a tuned model: its card, and the table that both the card and the terminal show."""

from collections.abc import Sequence

from lacuna_model.evaluation.report import percent
from lacuna_model.training.recipe import Recipe
from lacuna_model.training.tuning_tasks import Figure

CARD_FILE = "README.md"
TITLE = "# A denoiser tuned with `lacuna tune`"
"""By which its card tells a tuned checkpoint from any other."""
COLUMNS = ("held out", "number", "right before", "right after", "forwards before", "forwards after")


def rows(before: Sequence[Figure], after: Sequence[Figure]) -> list[list[str]]:
    """The cells below `COLUMNS`, a row for each group."""
    return [
        [
            new.group,
            f"{new.num:,}",
            percent(old.num_right / old.num),
            percent(new.num_right / new.num),
            f"{old.forwards:.1f}",
            f"{new.forwards:.1f}",
        ]
        for old, new in zip(before, after, strict=True)
    ]


def card(start: str, material: str, recipe: Recipe, before: Sequence[Figure], after: Sequence[Figure]) -> str:
    """The model card of a tuned checkpoint, Markdown."""
    table = (COLUMNS, ["---"] * len(COLUMNS), *rows(before, after))
    figures = "\n".join(f"| {' | '.join(cells)} |" for cells in table)
    return f"""{TITLE}

| | |
| --- | --- |
| Began as | the checkpoint {start} |
| Learned from | {material} |
| Training | {recipe.num_steps:,} steps of {recipe.batch_size} windows, {recipe.noising.kind} noise |
| Weights | averaged over the last steps, in bfloat16 |
| Learning rates | {recipe.optimizer.matrix_lr:g} (Muon) and {recipe.optimizer.other_lr:g} (AdamW), falling to zero |
| Seed | {recipe.seed} |

It was kept because it does better than the model before it on what was held out. Its weights may repeat what it learned
from; who may not see that should not be given them.

{figures}
"""
