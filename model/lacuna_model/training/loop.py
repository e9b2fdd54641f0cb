"""The training loop: batches in, a run directory with its state and metrics out."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import Dataset

from lacuna_model.training.examples import Batch, Window, batches
from lacuna_model.training.loss import canvas_loss, next_token_loss
from lacuna_model.training.noising import NoisyCanvases, add_noise
from lacuna_model.training.optimizer import Optimizer
from lacuna_model.training.recipe import RECIPE_FILE, Recipe
from lacuna_model.training.state import STATE_FILE, load_state, new_average, save_state, update_average
from lacuna_model.transformer.denoiser import Denoiser

METRICS_FILE = "metrics.jsonl"
HELD_OUT_BATCH_SIZE = 8


@dataclass(frozen=True, slots=True)
class Metrics:
    """What one line of `metrics.jsonl` says: losses in nats, averaged over the steps since the last line."""

    step: int
    next_token_loss: float
    canvas_loss: float
    gradient_norm: float
    lr_scale: float
    num_positions: int
    positions_per_second: float
    held_out_next_token_loss: float | None = None
    held_out_canvas_loss: float | None = None


class Trainer:
    """Trains a denoiser in a run directory and takes an interrupted run up again where it was."""

    def __init__(self, model: Denoiser, recipe: Recipe, directory: Path, compiled: bool) -> None:
        self.model = model
        self.recipe = recipe
        self.directory = directory
        self.optimizer = Optimizer(model, recipe.optimizer)
        self.average = new_average(model)
        self.step = 0
        self.losses: Callable[..., tuple[Tensor, Tensor]] = (
            torch.compile(_losses, dynamic=False) if compiled else _losses
        )
        directory.mkdir(parents=True, exist_ok=True)
        if (directory / STATE_FILE).is_file():
            self.step = load_state(directory, model, self.average, self.optimizer)
            self._forget_metrics_after(self.step)
        recipe.save(directory / RECIPE_FILE)

    def run(
        self,
        dataset: Dataset[Window],
        held_out: Dataset[Window],
        num_workers: int = 1,
        log_every: int = 20,
        save_every: int = 200,
    ) -> Iterator[Metrics]:
        """Trains to the recipe's last step, yielding metrics as it goes."""
        recipe = self.recipe
        sums, num_summed = torch.zeros(3), 0
        since = time.monotonic()
        for batch in batches(dataset, recipe.batch_size, self.step, num_workers):
            if self.step >= recipe.num_steps:
                break
            scale = recipe.optimizer.scale(self.step, recipe.num_steps, recipe.num_cooldown_steps)
            next_token, canvas = self._losses(batch, self.recipe.seed * 1_000_003 + self.step)
            (recipe.encoder_weight * next_token + recipe.canvas_weight * canvas).backward()  # type: ignore[no-untyped-call]
            norm = self.optimizer.step(scale)
            sums += torch.tensor([next_token.item(), canvas.item(), norm])
            self.step += 1
            num_summed += 1
            update_average(self.average, self.model, min(recipe.ema_decay, (1 + self.step) / (10 + self.step)))
            is_last = self.step == recipe.num_steps
            if self.step % save_every == 0 or is_last:
                save_state(self.directory, self.step, self.model, self.average, self.optimizer)
            if self.step % log_every == 0 or is_last:
                means = (sums / num_summed).tolist()
                is_measured = self.step % (10 * log_every) == 0 or is_last
                held_out_losses = self._measure(held_out) if is_measured else (None, None)
                metrics = Metrics(
                    step=self.step,
                    next_token_loss=means[0],
                    canvas_loss=means[1],
                    gradient_norm=means[2],
                    lr_scale=scale,
                    num_positions=self.step * self._positions(batch),
                    positions_per_second=num_summed * self._positions(batch) / (time.monotonic() - since),
                    held_out_next_token_loss=held_out_losses[0],
                    held_out_canvas_loss=held_out_losses[1],
                )
                self._append(metrics)
                yield metrics
                sums, num_summed = torch.zeros(3), 0
                since = time.monotonic()

    def _losses(self, batch: Batch, seed: int) -> tuple[Tensor, Tensor]:
        device = self.model.device
        batch = Batch(*(tensor.to(device) for tensor in batch))
        config = self.model.config
        generator = torch.Generator(device).manual_seed(seed)
        noisy = add_noise(batch, self.recipe.noising, config.mask_token_id, config.vocab_size, generator)
        num_targets = batch.tokens[:, 1:].numel()
        rows = torch.randperm(num_targets, generator=generator, device=device)
        rows = rows[: int(num_targets * self.recipe.next_token_share)]
        draw = torch.rand(1, generator=generator, device=device).item()
        self_condition = draw < self.recipe.self_conditioning
        with torch.autocast(device.type, torch.bfloat16):
            return self.losses(self.model, batch, noisy, rows, self_condition, self.recipe.canvas_weight > 0)

    @torch.no_grad()
    def _measure(self, held_out: Dataset[Window], num_batches: int = 4) -> tuple[float, float]:
        """Both losses on held-out windows, always the same ones under the same noise."""
        sums = torch.zeros(2)
        for step, batch in zip(range(num_batches), batches(held_out, HELD_OUT_BATCH_SIZE, 0, 0), strict=False):
            sums += torch.stack(self._losses(batch, step)).cpu()
        next_token, canvas = (sums / num_batches).tolist()
        return next_token, canvas

    def _positions(self, batch: Batch) -> int:
        return batch.tokens.numel() + (batch.canvases.numel() if self.recipe.canvas_weight > 0 else 0)

    def _append(self, metrics: Metrics) -> None:
        with (self.directory / METRICS_FILE).open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(metrics)) + "\n")

    def _forget_metrics_after(self, step: int) -> None:
        """Drops the lines of steps that will be done again; a kill may have cut the last one short."""
        path = self.directory / METRICS_FILE
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.is_file() else []
        kept = [line for line in lines if line.endswith("\n") and json.loads(line)["step"] <= step]
        temporary = path.with_suffix(".new")
        temporary.write_text("".join(kept), encoding="utf-8")
        temporary.replace(path)


def _losses(
    model: Denoiser, batch: Batch, noisy: NoisyCanvases, rows: Tensor, self_condition: bool, with_canvas: bool
) -> tuple[Tensor, Tensor]:
    next_token, key_values = next_token_loss(model, batch.tokens, rows)
    if not with_canvas:
        return next_token, next_token.new_zeros(())
    return next_token, canvas_loss(model, batch.canvases, noisy, key_values, batch.starts, self_condition)
