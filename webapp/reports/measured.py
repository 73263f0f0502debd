"""What analyses measured, read from their results by path: whole results are large."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from django.db.models.fields.json import KT

from diagnosis.results import LESIONS
from webapp.analyses.models import Analysis
from webapp.reports.row_parts import present

SOURCE, INFECTED_ML = "source", "infected_ml"
INTERVAL, SPREAD = "interval_percent", "spread"
"""Keys of the document's quantification: the calibrated 90 % interval, or a range that is not calibrated."""
RANGES = {INTERVAL: "calibrated 90 %", SPREAD: "spread"}
TYPES = tuple(LESIONS.values())
"""Lesion types in the order of their values."""
PARTS = (SOURCE, INFECTED_ML, "lobes", "types_ml", "severity", INTERVAL, SPREAD)


def measured(analyses: Iterable[UUID], systems: Iterable[str]) -> dict[UUID, dict[str, Any]]:
    """Return what analyses measured and with what, in one query.

    Per analysis ``versions`` (by system and segmentation), ``quantification``, and ``shares``: the infected
    percent of the systems that measure one of their own.
    """
    names = sorted(set(systems))
    versions = [KT(f"results__systems__{name}__version") for name in names]
    shares = [f"results__systems__{name}__quantification__infected_percent" for name in names]
    parts = [f"results__quantification__{part}" for part in PARTS]
    rows = Analysis.objects.filter(pk__in=list(analyses)).values_list(
        "pk", "systems", "results__segmentation", *parts, *shares, *versions
    )
    found: dict[UUID, dict[str, Any]] = {}
    for pk, ran, segmentation, *values in rows:
        of_parts, of_systems = values[: len(PARTS)], values[len(PARTS) :]
        told = dict(zip(names, of_systems[len(names) :], strict=True))
        found[pk] = {
            "versions": {name: told[name] or "" for name in ran} | (segmentation or {}),
            "quantification": present(dict(zip(PARTS, of_parts, strict=True))),
            "shares": present(dict(zip(names, of_systems[: len(names)], strict=True))),
        }
    return found


def row_part(quantification: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a table's row that says what was measured. What was not measured has no key."""
    kind = next((key for key in RANGES if key in quantification), None)
    low, high = quantification[kind] if kind else (None, None)
    lobes = {name: share["infected_percent"] for name, share in quantification.get("lobes", {}).items()}
    severity = quantification.get("severity", {})
    return present(
        {
            "found_by": quantification.get(SOURCE),
            "infected_ml": quantification.get(INFECTED_ML),
            "range": RANGES[kind] if kind else None,
            "range_low": low,
            "range_high": high,
            "lobes_percent": lobes or None,
            "types_ml": quantification.get("types_ml") or None,
            "severity": severity.get("lobes") or None,
            "severity_total": severity.get("total"),
        }
    )
