"""ROC and precision-recall curves as a figure (Wang et al., TMI 2020, figures 4 and 5).

matplotlib comes with the extra ``train``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from diagnosis.evaluation.cases import Flags, Numbers
from diagnosis.evaluation.report import Report
from diagnosis.evaluation.roc import precision_recall_curve, roc_curve

_MARKERS = "os^"


def plot_curves(
    cases: Mapping[str, tuple[Flags, Numbers]], reports: Mapping[str, Report], path: Path, title: str
) -> None:
    """Draw a curve per probability key into a PNG file: ROC on the left, precision-recall on the right.

    ``cases`` holds truth and scores of every key that has positive and negative studies. The operating
    points of the report stand on the ROC curve.
    """
    figure = Figure(figsize=(11, 5), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    left.plot([0, 1], [0, 1], color="0.7", linestyle="--", linewidth=1)
    for place, (key, (truth, scores)) in enumerate(cases.items()):
        roc, precision_recall = roc_curve(truth, scores), precision_recall_curve(truth, scores)
        if roc is None or precision_recall is None:
            continue
        colour = f"C{place}"
        left.plot(
            roc.false_positive_rate, roc.true_positive_rate, color=colour,
            label=f"{key}: ROC AUC {roc.area:.3f}",
        )  # fmt: skip
        _mark_points(left, reports[key], colour)
        right.plot(
            precision_recall.recall, precision_recall.precision, color=colour,
            label=f"{key}: PR AUC {precision_recall.area:.3f}",
        )  # fmt: skip
    for axes, across, up in (
        (left, "false positive rate (1 - specificity)", "true positive rate (sensitivity)"),
        (right, "recall (sensitivity)", "precision (positive predictive value)"),
    ):
        axes.set(xlabel=across, ylabel=up, xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
        axes.legend(loc="lower right" if axes is left else "lower left", fontsize=8)
        axes.grid(alpha=0.3)
    figure.suptitle(title)
    figure.savefig(path, dpi=110)


def _mark_points(axes: Axes, report: Report, colour: str) -> None:
    for marker, (name, point) in zip(_MARKERS, report.operating_points.items(), strict=False):
        sensitivity, specificity = point.rates.sensitivity, point.rates.specificity
        if sensitivity is not None and specificity is not None:
            axes.plot(
                1 - specificity.value, sensitivity.value, color=colour, marker=marker, linestyle="none",
                label=f"{name}: sensitivity {sensitivity.value:.3f}, specificity {specificity.value:.3f}",
            )  # fmt: skip
