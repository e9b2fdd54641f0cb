"""`lacuna train`: trains a denoiser."""

import typer


def train(context: typer.Context) -> None:
    """Train a denoiser; all arguments go to the trainer, `--help` too."""
    from lacuna_model.training.__main__ import main

    main(context.args)
