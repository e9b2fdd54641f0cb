"""The curves of a run as a picture."""

import json
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot

CURVES = {
    "next_token_loss": ("next token, training", "C0", "-"),
    "held_out_next_token_loss": ("next token, held out", "C0", "o"),
    "canvas_loss": ("canvas, training", "C1", "-"),
    "held_out_canvas_loss": ("canvas, held out", "C1", "o"),
}


def plot_metrics(metrics: Path, picture: Path) -> None:
    """Draws the losses of a `metrics.jsonl` over the positions seen."""
    rows = [json.loads(line) for line in metrics.read_text(encoding="utf-8").splitlines()]
    figure, axes = pyplot.subplots(figsize=(8, 5), layout="constrained")
    for key, (label, color, style) in CURVES.items():
        points = [(row["num_positions"] / 1e6, row[key]) for row in rows if row[key]]
        if points:
            axes.plot(*zip(*points, strict=True), style, color=color, label=label, markersize=4, linewidth=1)
    axes.set(xlabel="positions seen (millions)", ylabel="cross-entropy (nats)")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(picture, dpi=120)
    pyplot.close(figure)
