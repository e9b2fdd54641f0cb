"""The time of a denoising step as a picture."""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot

from lacuna_model.evaluation.profile_report import ProfileReport


def plot_profile(report: ProfileReport, picture: Path) -> None:
    """Draws the milliseconds of a step over the length of the canvas, beside the reference and the byte floor."""
    figure, axes = pyplot.subplots(figsize=(8, 5), layout="constrained")
    for number, batch in enumerate(sorted({step.batch for step in report.steps})):
        steps = [step for step in report.steps if step.batch == batch]
        lengths = [step.canvas_length for step in steps]
        color = f"C{number}"
        axes.plot(lengths, [step.milliseconds for step in steps], "o-", color=color, label=f"lacuna, batch {batch}")
        theirs = [(step.canvas_length, step.reference_milliseconds) for step in steps if step.reference_milliseconds]
        if theirs:
            axes.plot(*zip(*theirs, strict=True), "x--", color=color, label=f"transformers, batch {batch}")
    floor = 1000 * report.step_bytes / report.copy_bandwidth
    axes.axhline(floor, color="black", linewidth=1, linestyle=":", label=f"all weights read once: {floor:.2f} ms")
    axes.set(
        title=f"{report.device}, {report.dtype}",
        xlabel="canvas (tokens)",
        ylabel="a denoising step (ms)",
        ylim=(0, None),
    )
    axes.set_xticks(sorted({step.canvas_length for step in report.steps}))
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(picture, dpi=120)
    pyplot.close(figure)
