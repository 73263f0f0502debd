"""Results of every classifier on one chest, crafted: their numbers are known, and nothing has to be trained.

The maps are smeared copies of the lesions, on coarse grids of their own as the systems give them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import numpy as np
from django.utils import timezone

from diagnosis.document import analysis_json
from diagnosis.quantification.measuring import quantify
from diagnosis.regions import regions_of
from diagnosis.results import CONSOLIDATION, GROUND_GLASS, Heatmap, Source, SystemResult
from diagnosis.results import Analysis as Found
from diagnosis.volume import Affine, BoolArray, CTVolume, FloatArray, LabelArray
from tests.phantoms import ChestPhantom
from webapp.analyses.models import Analysis
from webapp.analyses.previews import Previews
from webapp.analyses.storing import store_results
from webapp.core.models import WorkState
from webapp.imaging.models import Series, SeriesRevision

COVID = "COVID-19"
VERSION = "crafted-7"
PROBABILITIES: Mapping[str, Mapping[str, float]] = {
    "multiscale": {COVID: 0.6437, "CAP": 0.3101, "NP": 0.0462},
    "icovid": {COVID: 0.9142},
    "patchwise": {COVID: 0.5658, "diseased": 0.9512, "COVID-19 given diseased": 0.5948},
}
OPERATING_POINTS: Mapping[str, Mapping[str, float]] = {
    "multiscale": {COVID: 0.5123, "CAP": 0.4234},
    "icovid": {COVID: 0.4345},
    "patchwise": {COVID: 0.5456, "diseased": 0.7567},
}
MAPS: Mapping[str, Mapping[tuple[str, str], int]] = {
    "multiscale": {
        (COVID, "conv3"): 2, (COVID, "conv4"): 4, (COVID, "conv5"): 8, (COVID, "joint"): 2,
        ("CAP", "conv3"): 2,
    },
    "icovid": {(COVID, "lung relevance"): 2, (COVID, "lesion relevance"): 1},
    "patchwise": {("diseased", "coarse"): 8, ("diseased", "fine"): 2, ("diseased", "attention"): 4},
}  # fmt: skip
"""By class and kind: how many voxels along x and y become one of the map."""
MEASURES: Mapping[str, Source] = {"multiscale": "saliency", "patchwise": "patches"}


def crafted(volume: CTVolume, lungs: LabelArray, lesions: LabelArray) -> Found:
    """What the systems "found" where ``lesions`` lie: uint8 ``[z, y, x]`` like ``lungs``."""
    infected = (lesions > 0) & (lungs > 0)
    return Found(
        volume=volume, lungs=lungs, lesions=lesions,
        quantification=quantify(infected, lungs, volume.voxel_ml, "lesions"),
        systems={name: _result(name, volume, lungs, infected) for name in MAPS},
        warnings=[], seconds={}, peak_memory_mb=0.0, segmentation={"lungs": "rules", "lesions": "crafted"},
    )  # fmt: skip


def store(revision: SeriesRevision, found: Found) -> Analysis:
    """Store it as a worker does, without a worker that might take the row."""
    analysis = _running(revision, found)
    store_results(analysis=analysis, found=found, document=analysis_json(found, {}))
    analysis.refresh_from_db()
    return analysis


def store_on_chest(series: str, chest: ChestPhantom) -> Analysis:
    """Store what the systems "found" on a checked series of this chest, whose lesions they all see."""
    return store(_revision(series), _on_chest(chest))


def draw_on_chest(series: str, chest: ChestPhantom, done: float) -> None:
    """Show a part 0..1 of the saliency that `store_on_chest` stores, the most caudal slices first, as a
    worker does that is still busy with it."""
    found, revision = _on_chest(chest), _revision(series)
    whole = next(one for one in found.systems["multiscale"].heatmaps if one.kind == "joint")
    values = whole.values.copy()
    values[round(done * len(values)) :] = 0
    Previews(_running(revision, found))("multiscale", replace(whole, values=values), done)


def _running(revision: SeriesRevision, found: Found) -> Analysis:
    """The analysis that is busy with the series, begun when there is none."""
    running = Analysis.objects.filter(revision=revision, state=WorkState.RUNNING, worker="test").first()
    return running or Analysis.objects.create(
        revision=revision, systems=list(found.systems), state=WorkState.RUNNING, attempt=1, worker="test",
        started_at=timezone.now(), lease_until=timezone.now() + timedelta(minutes=5),
    )  # fmt: skip


def _on_chest(chest: ChestPhantom) -> Found:
    lesions = chest.ground_glass * np.uint8(GROUND_GLASS) + chest.consolidation * np.uint8(CONSOLIDATION)
    return crafted(chest.volume, chest.lungs, lesions)


def _revision(series: str) -> SeriesRevision:
    revision = Series.objects.get(pk=series).current
    if revision is None:
        raise ValueError("the series has no checked revision")
    return revision


def _result(name: str, volume: CTVolume, lungs: LabelArray, infected: BoolArray) -> SystemResult:
    maps = [
        _heatmap(class_name, kind, volume.affine, infected, shrink)
        for (class_name, kind), shrink in MAPS[name].items()
    ]
    share = infected.sum(axis=(1, 2)) / np.maximum(1, (lungs > 0).sum(axis=(1, 2)))
    grown = infected | np.roll(infected, 1, axis=2)
    return SystemResult(
        system=name, version=VERSION, probabilities=PROBABILITIES[name],
        slice_evidence=tuple(float(p) for p in 1 - np.exp(-6 * share[::-1])), heatmaps=maps,
        regions=regions_of(maps[0], lungs, volume.affine, 0.1), operating_points=OPERATING_POINTS[name],
        quantification=quantify(grown & (lungs > 0), lungs, volume.voxel_ml, MEASURES[name])
        if name in MEASURES else None,
    )  # fmt: skip


def _heatmap(class_name: str, kind: str, affine: Affine, infected: BoolArray, shrink: int) -> Heatmap:
    values = _pooled(infected.astype(np.float32), shrink)
    if kind == "joint":
        values[: len(values) // 2] = 0
    own = affine @ np.array(
        [[shrink, 0, 0, (shrink - 1) / 2], [0, shrink, 0, (shrink - 1) / 2], [0, 0, 1, 0], [0, 0, 0, 1.0]]
    )
    return Heatmap(class_name, kind, values, own, reference=0.8, threshold=0.5)


def _pooled(values: FloatArray, shrink: int) -> FloatArray:
    """Return block means over y and x; what is left at the far edges is dropped."""
    z, y, x = values.shape
    rows, columns = y // shrink, x // shrink
    blocks = values[:, : rows * shrink, : columns * shrink].reshape(z, rows, shrink, columns, shrink)
    return np.asarray(blocks.mean(axis=(2, 4)), dtype=np.float32)
