"""`lacuna train`, or `python -m lacuna_model.training`: from package registries to a checkpoint directory."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from lacuna_model.checkpoint import save_checkpoint
from lacuna_model.tokenizer import Tokenizer
from lacuna_model.training.comparison import compare
from lacuna_model.training.corpus import build_corpus
from lacuna_model.training.examples import WindowShape
from lacuna_model.training.loop import METRICS_FILE, Metrics
from lacuna_model.training.measuring import HeldOutLosses, measure, table_of
from lacuna_model.training.noising import Noising
from lacuna_model.training.optimizer import OptimizerConfig
from lacuna_model.training.recipe import BEAMS_SHAPE, NANO_GENERATION_CONFIG, Recipe
from lacuna_model.training.runs import HELD_OUT_SEED, Material, averaged, train
from lacuna_model.training.vocabulary import train_tokenizer

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False, rich_markup_mode=None)

EMBEDDED = Path(__file__).parents[1] / "weights" / "nano"
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json")


class Stage(StrEnum):
    """What a run learns."""

    NEXT_TOKEN = "next-token"
    MANY_GAPS = "many-gaps"
    DENOISING = "denoising"
    BEAMS = "beams"


class Noise(StrEnum):
    """The noise a run learns to undo."""

    ABSORBING = "absorbing"
    REVISION = "absorbing+revision"
    LEFT_TO_RIGHT = "left-to-right"
    UNIFORM = "uniform"


NOISINGS = {
    Noise.ABSORBING: Noising("absorbing", revision=0.0),
    Noise.REVISION: Noising("absorbing", revision=0.1),
    Noise.LEFT_TO_RIGHT: Noising("absorbing", revision=0.1, left_to_right=0.7),
    Noise.UNIFORM: Noising("uniform", revision=0.0),
}

Directory = Annotated[Path, typer.Argument(help="Directory of the run; an interrupted run goes on.")]
Corpus = Annotated[Path, typer.Option(help="Directory that `corpus` wrote.")]
Vocabulary = Annotated[Path, typer.Option(help="Directory with tokenizer.json.")]
Start = Annotated[Path | None, typer.Option(help="Run whose weights this one starts from.")]
StageOption = Annotated[
    Stage,
    typer.Option(
        help="The causal mode alone; long canvases full of gaps; canvases as fills have them; or as beams see them."
    ),
]
Steps = Annotated[int, typer.Option(help="Steps in all.")]
Cooldown = Annotated[int, typer.Option(help="Steps at the end over which the learning rate falls to zero.")]
BatchSize = Annotated[int, typer.Option(help="Windows a step.")]
Seed = Annotated[int, typer.Option(help="Of data order, noise and first weights.")]
Device = Annotated[str, typer.Option(help="cpu or cuda.")]
Compiled = Annotated[bool, typer.Option(help="Compile the model; on the CPU that needs a C++ compiler.")]

DEFAULT_DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


@app.command()
def corpus(
    directory: Annotated[Path, typer.Argument(help="Where downloads and documents go.")],
    exclude: Annotated[list[Path] | None, typer.Option(help="Evaluation data that must not be learned.")] = None,
) -> None:
    """Download the packages of packages.toml, filter them and write the documents."""
    build_corpus(directory, exclude=exclude or [])


@app.command()
def tokenizer(
    directory: Annotated[Path, typer.Argument(help="Where tokenizer.json goes.")], corpus: Corpus = Path("corpus")
) -> None:
    """Train the tokenizer on the documents."""
    for language, ratio in train_tokenizer(corpus, directory).items():
        typer.echo(f"{language}: {ratio:.2f} characters per token")


@app.command()
def run(
    directory: Directory,
    corpus: Corpus = Path("corpus"),
    vocabulary: Vocabulary = EMBEDDED,
    stage: StageOption = Stage.DENOISING,
    noise: Annotated[Noise, typer.Option(help="Noise to learn to undo.")] = Noise.REVISION,
    self_conditioning: Annotated[
        float, typer.Option(help="Share of steps that show the model what it believed.")
    ] = 0.5,
    start: Start = None,
    steps: Steps = 3000,
    cooldown: Cooldown = 600,
    batch_size: BatchSize = 8,
    seed: Seed = 1,
    device: Device = DEFAULT_DEVICE,
    compiled: Compiled = True,
    log_every: Annotated[int, typer.Option(help="Steps between lines of metrics.")] = 20,
    save_every: Annotated[int, typer.Option(help="Steps between states.")] = 200,
) -> None:
    """Train, or go on training, and draw the curves."""
    recipe = Recipe(
        steps, cooldown, batch_size, noising=NOISINGS[noise], self_conditioning=self_conditioning, seed=seed
    )
    recipe = _of_stage(stage, recipe)
    material = Material.load(corpus, vocabulary)
    with _Progress(steps, stage) as progress:
        train(
            directory,
            material,
            recipe,
            progress,
            start=start,
            device=device,
            compiled=compiled,
            log_every=log_every,
            save_every=save_every,
        )
    draw(directory)


@app.command("compare")
def compare_noises(
    directory: Annotated[Path, typer.Argument(help="Where the runs and comparison.json go.")],
    corpus: Corpus = Path("corpus"),
    vocabulary: Vocabulary = EMBEDDED,
    start: Start = None,
    stage: StageOption = Stage.DENOISING,
    steps: Steps = 300,
    cooldown: Cooldown = 60,
    batch_size: BatchSize = 8,
    seed: Seed = 1,
    num_gaps: Annotated[int, typer.Option(help="Held-out gaps of each kind.")] = 100,
    device: Device = DEFAULT_DEVICE,
    compiled: Compiled = True,
) -> None:
    """Train with each noise on the same budget and compare held-out exact match at eight forward passes."""
    material = Material.load(corpus, vocabulary)
    recipes = {
        noise.value: _of_stage(stage, Recipe(steps, cooldown, batch_size, noising=noising, seed=seed))
        for noise, noising in NOISINGS.items()
    }
    with _Progress(steps * len(recipes), "comparison") as progress:
        reports = compare(
            directory, material, recipes, progress, start=start, num_gaps=num_gaps, device=device, compiled=compiled
        )
    for name, report in reports.items():
        Console().rule(name)
        report.render(Console())


@app.command("measure")
def measure_runs(
    directories: Annotated[list[Path], typer.Argument(metavar="DIRECTORY...", help="Directories of runs.")],
    corpus: Corpus = Path("corpus"),
    vocabulary: Vocabulary = EMBEDDED,
    windows: Annotated[int, typer.Option(min=2, help="Held-out windows of text, with up to 16 gaps each.")] = 256,
    seed: Annotated[int, typer.Option(min=0, help="Of windows and gaps.")] = HELD_OUT_SEED,
    device: Device = DEFAULT_DEVICE,
) -> None:
    """Compare the losses of runs' averaged weights on the same held-out windows."""
    material = Material.load(corpus, vocabulary)
    losses: dict[str, HeldOutLosses] = {}
    for directory in directories:
        model, _ = averaged(directory, material.vocabulary)
        losses[str(directory)] = measure(model.to(device), material, windows, seed)
    Console().print(table_of(losses))


@app.command()
def draw(directory: Directory) -> None:
    """Draw the curves of a run into curves.png."""
    from lacuna_model.training.plot import plot_metrics  # needs matplotlib, which runs without pictures do not

    plot_metrics(directory / METRICS_FILE, directory / "curves.png")


@app.command()
def export(
    directory: Directory,
    checkpoint: Annotated[Path, typer.Argument(help="Checkpoint directory to write.")],
    vocabulary: Vocabulary = EMBEDDED,
) -> None:
    """Write the averaged weights of a run as a checkpoint directory in bfloat16."""
    model, document = averaged(directory, Tokenizer.load(vocabulary))
    save_checkpoint(checkpoint, model, document, NANO_GENERATION_CONFIG, torch.bfloat16)
    for file in TOKENIZER_FILES:
        if checkpoint.resolve() != vocabulary.resolve():
            shutil.copy(vocabulary / file, checkpoint / file)


def main(arguments: Sequence[str]) -> None:
    """Runs a command."""
    app(list(arguments), prog_name="lacuna train")


def _of_stage(stage: Stage, recipe: Recipe) -> Recipe:
    if stage is Stage.NEXT_TOKEN:
        # Every position is a target here, so gradients are less noisy and steps may be longer.
        rates = OptimizerConfig(matrix_lr=0.02, other_lr=3e-3)
        shape = WindowShape(num_canvases=1)
        return replace(recipe, encoder_weight=1.0, canvas_weight=0.0, shape=shape, optimizer=rates)
    if stage is Stage.MANY_GAPS:
        shape = WindowShape(
            num_tokens=192, num_canvases=1, canvas_length=320, num_gaps=32, max_surplus=3, num_characters=1500
        )
        return replace(recipe, shape=shape)
    if stage is Stage.BEAMS:
        return replace(recipe, shape=BEAMS_SHAPE)
    return recipe


class _Progress(Progress):
    """A bar that takes metrics and shows the newest."""

    def __init__(self, num_steps: int, name: str) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        super().__init__(*columns, console=Console(stderr=True))
        self.task = self.add_task(name, total=num_steps)
        self.last_step = 0

    def __call__(self, metrics: Metrics) -> None:
        """Moves the bar."""
        self.last_step = self.last_step if metrics.step > self.last_step else 0  # a new run begins at 0
        self.update(
            self.task,
            advance=metrics.step - self.last_step,
            description=f"next token {metrics.next_token_loss:.3f}  canvas {metrics.canvas_loss:.3f}  "
            f"{metrics.positions_per_second:,.0f} positions/s",
        )
        self.last_step = metrics.step


if __name__ == "__main__":
    app()
