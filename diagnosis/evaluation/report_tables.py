"""Reports as Markdown tables, for model cards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from diagnosis.evaluation.groups import CO_RADS, GroupPerformance
from diagnosis.evaluation.intervals import Interval, Rate
from diagnosis.evaluation.operating import OperatingPoint
from diagnosis.evaluation.report import ClassPerformance, Report

RATE_COLUMNS = ("accuracy", "sensitivity", "specificity", "PPV", "NPV")
_UNDEFINED = "-"


@dataclass(frozen=True, slots=True)
class Table:
    """Cells as they are shown; ``note`` is a sentence under the table."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""

    def markdown(self) -> list[str]:
        """Return the lines of the table."""
        lines = [f"### {self.title}", "", _row(self.columns), _row(["---"] * len(self.columns))]
        lines += [_row(cells) for cells in self.rows]
        return [*lines, "", self.note, ""] if self.note else [*lines, ""]


def tables_of(report: Report) -> list[Table]:
    """Return the tables of a report; a table without a row is left out."""
    found = [
        _areas(report), _thresholds(report), _operating_points(report), _classes(report), _scanners(report),
        _co_rads(report), _calibration(report),
    ]  # fmt: skip
    return [table for table in found if table.rows]


def number(value: float | None, interval: Interval | None = None) -> str:
    """Return ``0.959 (0.921 to 0.985)``, without the interval where there is none."""
    if value is None:
        return _UNDEFINED
    if interval is None:
        return f"{value:.3f}"
    return f"{value:.3f} ({interval.low:.3f} to {interval.high:.3f})"


def share(rate: Rate | None) -> str:
    """Return a rate with its interval and counts."""
    return _UNDEFINED if rate is None else f"{number(rate.value, rate.interval)}, {rate.hits} of {rate.total}"


def _areas(report: Report) -> Table:
    rows = []
    if report.auc is not None:
        rows.append(("ROC AUC", number(report.auc.value, report.auc.interval)))
        rows.append(("ROC AUC, interval of DeLong", number(report.auc.value, report.auc.delong)))
    if report.pr_auc is not None:
        rows.append(("PR AUC", number(report.pr_auc.value)))
        rows.append(("average precision", number(report.pr_auc.average_precision, report.pr_auc.interval)))
    counts = f"{report.positives} positive and {report.n - report.positives} negative studies"
    note = f"{counts}. 95 % intervals of 2000 bootstrap samples where no other method is named."
    return Table(f"{report.key}: areas under the curves", ("measure", "value"), rows, note)


def _thresholds(report: Report) -> Table:
    rows = [(f"{point.threshold:.1f}", *_rates(point)) for point in report.thresholds]
    note = (
        "Wang et al., TMI 2020, Table II prints sensitivity and specificity under the names PPV and NPV; "
        "here every column is what it is called."
    )
    return Table(f"{report.key}: thresholds", ("threshold", *RATE_COLUMNS), rows, note)


def _operating_points(report: Report) -> Table:
    rows = [
        (name, f"{point.threshold:.3f}", *_rates(point)) for name, point in report.operating_points.items()
    ]
    note = "The first two were chosen on these studies and flatter; that of the weights was chosen before."
    return Table(f"{report.key}: operating points", ("point", "threshold", *RATE_COLUMNS), rows, note)


def _classes(report: Report) -> Table:
    rows = [_class_row(name, found) for name, found in report.by_class.items()]
    note = "AUC: the class against all studies of the other side. Called positive at the weights' threshold."
    return Table(f"{report.key}: classes", ("class", "side", "called positive", "AUC"), rows, note)


def _class_row(name: str, found: ClassPerformance) -> tuple[str, ...]:
    side = "positive" if found.positive else "negative"
    area = _UNDEFINED if found.area is None else number(found.area.value, found.area.interval)
    return name, side, share(found.called_positive), area


def _scanners(report: Report) -> Table:
    rows = [_group_row(name, found) for name, found in report.by_scanner.items()]
    return Table(f"{report.key}: scanners", _group_columns("scanner"), rows)


def _co_rads(report: Report) -> Table:
    rows = [_group_row(f"{grade} ({CO_RADS[grade]})", found) for grade, found in report.by_co_rads.items()]
    return Table(f"{report.key}: CO-RADS", _group_columns("CO-RADS"), rows)


def _group_columns(name: str) -> tuple[str, ...]:
    return name, "studies", "positive", "AUC", "sensitivity", "specificity"


def _group_row(name: str, found: GroupPerformance) -> tuple[str, ...]:
    rates = found.at_threshold.rates
    area = _UNDEFINED if found.area is None else number(found.area.value, found.area.interval)
    counts = str(found.prevalence.total), str(found.prevalence.hits)
    return name, *counts, area, *(_value(rate) for rate in (rates.sensitivity, rates.specificity))


def _calibration(report: Report) -> Table:
    found = report.calibration
    rows = [
        ("expected calibration error", number(found.expected_error)),
        ("largest calibration error", number(found.largest_error)),
        ("Brier score", number(found.brier)),
    ]
    return Table(f"{report.key}: calibration", ("measure", "value"), rows)


def _rates(point: OperatingPoint) -> tuple[str, ...]:
    found = point.rates
    return tuple(
        _value(rate)
        for rate in (
            found.accuracy, found.sensitivity, found.specificity, found.positive_predictive_value,
            found.negative_predictive_value,
        )
    )  # fmt: skip


def _value(rate: Rate | None) -> str:
    return _UNDEFINED if rate is None else f"{rate.value:.3f}"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
