"""The plot of a run. matplotlib comes with the extra ``train``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure


def plot_record(record: Sequence[Mapping[str, Any]], path: Path, title: str) -> None:
    """Draw losses (left) and validation metrics (right) over steps into a PNG file."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    FigureCanvasAgg(figure)
    losses, metrics = figure.subplots(1, 2)
    training = [line for line in record if "loss" in line]
    for name in sorted({key for line in training for key in line} - {"step", "lr", "seconds"}):
        losses.plot([line["step"] for line in training], [line[name] for line in training], label=name)
    validated = [line for line in record if line.get("validation")]
    for name in sorted({key for line in validated for key in line["validation"]}):
        metrics.plot(
            [line["step"] for line in validated],
            [line["validation"].get(name, float("nan")) for line in validated],
            marker=".", label=name,
        )  # fmt: skip
    for axes, label in ((losses, "loss, training"), (metrics, "validation")):
        axes.set_xlabel("step")
        axes.set_ylabel(label)
        if axes.lines:
            axes.legend(fontsize=7)
    metrics.set_ylim(0, 1)
    figure.suptitle(title)
    figure.savefig(path, dpi=110)
