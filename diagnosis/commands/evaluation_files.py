"""What ``evaluate`` leaves behind: JSON, Markdown, curves, and weights that say how they were measured."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diagnosis.commands.scanner_swap import SwapReport, swap_report, swap_table
from diagnosis.evaluation.plot import plot_curves
from diagnosis.evaluation.predictions import PredictionFile
from diagnosis.evaluation.report import Report, as_json, cases_for, report_on
from diagnosis.evaluation.report_tables import tables_of
from diagnosis.labels import NOTICE
from diagnosis.systems.evaluating import Evaluator, OwnReport
from diagnosis.weights import save_with

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What was read: predictions, those on other scanners, and why the rest was not, by study."""

    predictions: PredictionFile
    swaps: PredictionFile | None
    refused: Mapping[str, str]


def write_evaluation(
    out: Path, weights: Path, identity: Mapping[str, str], evaluator: Evaluator, found: Evaluated
) -> None:
    """Write ``evaluation.json``, ``evaluation.md``, ``roc.png`` and the weights with their evaluation.

    No curve is drawn of a probability with one class only. Weights are written for the test part alone:
    their evaluation decides whether they are more than a demonstration.
    """
    rows = list(found.predictions.rows.values())
    points = evaluator.operating_points
    reports = {
        key: report
        for key in found.predictions.keys
        if (report := report_on(rows, key, points[key])) is not None
    }
    own = evaluator.own_report(rows)
    swaps = _swaps(found, points)
    document = {
        "schema": SCHEMA, "notice": NOTICE, **identity, "n": len(rows),
        **({"refused": dict(found.refused)} if found.refused else {}),
        "probabilities": {key: as_json(report) for key, report in reports.items()},
        **({own.name: own.content} if own else {}),
        **({"scanner_swap": {key: as_json(swap) for key, swap in swaps.items()}} if swaps else {}),
    }  # fmt: skip
    (out / "evaluation.json").write_text(json.dumps(document, indent=1, allow_nan=False) + "\n", "utf-8")
    (out / "evaluation.md").write_text(_markdown(identity, found, reports, own, swaps), "utf-8")
    drawn = {key: cases_for(rows, key) for key, report in reports.items() if report.auc is not None}
    if drawn:
        title = f"{identity['system']} {identity['version']}, {identity['part']} part. {NOTICE}"
        plot_curves(drawn, reports, out / "roc.png", title)
    main = reports.get(found.predictions.keys[0])
    if main is not None and main.auc is not None and identity["part"] == "test":
        interval = {} if main.auc.interval is None else {"auc_interval": list(main.auc.interval)}
        evaluation: dict[str, Any] = {
            "auc": main.auc.value, **interval, "n": main.n, "label_set": identity["label_set"],
            "part": identity["part"],
        }  # fmt: skip
        save_with(weights, out / f"{identity['system']}.safetensors", evaluation=evaluation)


def _swaps(found: Evaluated, points: Mapping[str, float]) -> dict[str, SwapReport]:
    if found.swaps is None:
        return {}
    before, after = found.predictions.rows, found.swaps.rows
    made = {key: swap_report(before, after, key, points[key]) for key in found.predictions.keys}
    return {key: report for key, report in made.items() if report is not None}


def _markdown(
    identity: Mapping[str, str], found: Evaluated, reports: Mapping[str, Report], own: OwnReport | None,
    swaps: Mapping[str, SwapReport],
) -> str:  # fmt: skip
    lines = [
        f"## Evaluation of {identity['system']} {identity['version']}", "",
        f"{NOTICE} The {identity['part']} part of label set {identity['label_set']}; "
        f"{len(found.predictions.rows)} studies, lungs: {identity['lungs']}.", "",
    ]  # fmt: skip
    if found.refused:
        lines += [f"No lungs found, so counted nowhere: {', '.join(sorted(found.refused))}.", ""]
    tables = [table for report in reports.values() for table in tables_of(report)]
    tables += [*(own.tables if own else ()), *([swap_table(swaps)] if swaps else [])]
    for table in tables:
        lines += table.markdown()
    return "\n".join(lines)
