"""The analysis as a document: schema 1 of the command line and of the API."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import resources
from typing import Any

from diagnosis.quantification.counting import voxels_by_value
from diagnosis.quantification.severity import severity_total
from diagnosis.results import (
    LEFT_LUNG,
    LOBES,
    RIGHT_LUNG,
    Analysis,
    Heatmap,
    LungShare,
    Quantification,
    Region,
    SystemResult,
)

SCHEMA = 1


def analysis_json(analysis: Analysis, series_report: Mapping[str, Any]) -> dict[str, Any]:
    """Return the analysis as JSON values, without files. What was not made has no key.

    ``series_report`` is the geometry report as JSON values. Millimetres are LPS.
    """
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "series": dict(series_report),
        "lungs": _lungs(analysis),
        "systems": {name: _system(result) for name, result in analysis.systems.items()},
        "warnings": list(analysis.warnings),
        "seconds": dict(analysis.seconds),
        "peak_memory_mb": analysis.peak_memory_mb,
    }
    if analysis.quantification is not None:
        document["quantification"] = _quantification(analysis.quantification)
    if analysis.lesions is not None:
        document["regions"] = [{**_region(region), "class": region.class_name} for region in analysis.regions]
    if analysis.segmentation:
        document["segmentation"] = dict(analysis.segmentation)
    return document


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of the document."""
    text = resources.files("diagnosis").joinpath("schema", f"analysis-{SCHEMA}.json").read_text("utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def _lungs(analysis: Analysis) -> dict[str, Any]:
    ml = analysis.volume.voxel_ml
    voxels = voxels_by_value(analysis.lungs)
    right, left = (int(voxels[side]) * ml for side in (RIGHT_LUNG, LEFT_LUNG))
    made: dict[str, Any] = {"volume_ml": right + left, "right_ml": right, "left_ml": left}
    if analysis.lobes is not None:
        parts = voxels_by_value(analysis.lobes)
        made["lobes_ml"] = {name: int(parts[value]) * ml for value, name in LOBES.items()}
    return made


def _system(result: SystemResult) -> dict[str, Any]:
    made: dict[str, Any] = {
        "version": result.version,
        "slice_evidence": list(result.slice_evidence),
        "heatmaps": [_heatmap(heatmap) for heatmap in result.heatmaps],
        "regions": [_region(region) for region in result.regions],
        "seconds": dict(result.seconds),
    }
    if result.probabilities:
        made["probabilities"] = dict(result.probabilities)
    if result.operating_points:
        made["operating_points"] = dict(result.operating_points)
    if result.quantification is not None:
        made["quantification"] = _quantification(result.quantification)
    return made


def _heatmap(heatmap: Heatmap) -> dict[str, Any]:
    return {
        "class": heatmap.class_name,
        "kind": heatmap.kind,
        "reference": heatmap.reference,
        "threshold": heatmap.threshold,
    }


def _region(region: Region) -> dict[str, Any]:
    made: dict[str, Any] = {
        "id": region.id,
        "volume_ml": region.volume_ml,
        "side": region.side,
        "evidence": region.evidence,
        "box_mm": list(region.box_mm),
        "centre_mm": list(region.centre_mm),
    }
    if region.lobe is not None:
        made["lobe"] = region.lobe
    return made


def _quantification(measured: Quantification) -> dict[str, Any]:
    made: dict[str, Any] = {
        "source": measured.source,
        "infected_ml": measured.infected_ml,
        "infected_percent": measured.infected_percent,
        "right": _share(measured.right),
        "left": _share(measured.left),
        "slice_evidence": list(measured.slice_evidence),
    }
    parts = {
        "lobes": {name: _share(share) for name, share in measured.lobes.items()},
        "zones": {name: _share(share) for name, share in measured.zones.items()},
        "types_ml": dict(measured.types_ml),
        "severity": _severity(measured.severity_scores),
        "interval_percent": list(measured.interval_percent or ()),
        "spread": list(measured.spread or ()),
    }
    return {**made, **{key: part for key, part in parts.items() if part}}


def _severity(scores: Mapping[str, int]) -> dict[str, Any]:
    total = severity_total(scores)
    made: dict[str, Any] = {"lobes": dict(scores)} if scores else {}
    return made if total is None else {**made, "total": total}


def _share(share: LungShare) -> dict[str, float]:
    return {
        "volume_ml": share.volume_ml,
        "infected_ml": share.infected_ml,
        "infected_percent": share.infected_percent,
    }
