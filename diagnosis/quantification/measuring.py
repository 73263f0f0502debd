"""Label volumes in, millilitres and percent out. The definitions stand in docs/quantification.md."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from diagnosis.quantification.counting import CENTRAL, INFECTED, SUBPLEURAL, Counts, count_voxels
from diagnosis.quantification.severity import severity_scores
from diagnosis.results import (
    EFFUSION,
    INFECTED_VALUES,
    LEFT_LUNG,
    LESIONS,
    LOBES,
    RIGHT_LUNG,
    LungShare,
    Quantification,
    Source,
)
from diagnosis.volume import Affine, BoolArray, LabelArray, spacing_of, voxel_ml_of

SMOOTHING_SLICES = 2.0
"""Sigma over z of the evidence per slice."""
_SIDES = (RIGHT_LUNG, LEFT_LUNG)
_THIRDS = ("lower", "middle", "upper")


def quantify(infected: BoolArray, lungs: LabelArray, voxel_ml: float, source: Source) -> Quantification:
    """Measure the infected voxels inside the lungs.

    ``infected`` is bool and ``lungs`` uint8 (1 right, 2 left), both ``[z, y, x]`` on one grid whose voxels
    measure ``voxel_ml`` millilitres. Infected voxels outside the lungs do not count. Raises ValueError.
    """
    lesions = infected.astype(np.uint8) * np.uint8(min(INFECTED_VALUES))
    return _of_the_lungs(count_voxels(lesions, lungs), voxel_ml, source)


def quantify_lesions(
    lesions: LabelArray,
    lungs: LabelArray,
    lobes: LabelArray | None,
    affine: Affine,
) -> Quantification:
    """Measure a lesion segmentation in lungs, lobes and zones, by type, with suggested severity scores.

    ``lesions`` (values of LESIONS), ``lungs`` (1 right, 2 left) and ``lobes`` (values of LOBES, or None)
    are uint8 ``[z, y, x]`` on the grid of ``affine`` (voxel centres to LPS mm). Raises ValueError.
    """
    voxel_ml = voxel_ml_of(affine)
    counts = count_voxels(lesions, lungs, lobes, spacing_of(affine))
    by_lobe = {} if lobes is None else _lobes(counts, voxel_ml)
    return replace(
        _of_the_lungs(counts, voxel_ml, "lesions"),
        lobes=by_lobe,
        zones=_zones(counts, voxel_ml),
        types_ml=_types_ml(counts, voxel_ml),
        severity_scores=severity_scores(by_lobe),
    )


def slice_evidence(voxels: NDArray[np.int64] | NDArray[np.float64], voxel_ml: float) -> tuple[float, ...]:
    """Return ml per slice, smoothed over z (sigma 2 slices), from the most cranial slice to the most caudal.

    ``voxels`` counts infected voxels per array slice, caudal first, whole or in parts. Beyond the ends
    nothing is infected.
    """
    ml = voxels.astype(np.float64) * voxel_ml
    smooth = ndimage.gaussian_filter1d(ml, SMOOTHING_SLICES, mode="constant")
    return tuple(float(value) for value in smooth[::-1])


def _of_the_lungs(counts: Counts, voxel_ml: float, source: Source) -> Quantification:
    per_slice = {side: counts[:, side, ..., INFECTED].sum(axis=(1, 2, 3)) for side in _SIDES}
    right, left = (_share(counts[:, side], voxel_ml) for side in _SIDES)
    infected_ml = right.infected_ml + left.infected_ml
    return Quantification(
        source=source,
        infected_ml=infected_ml,
        infected_percent=_percent(infected_ml, right.volume_ml + left.volume_ml),
        right=right,
        left=left,
        slice_evidence=slice_evidence(per_slice[RIGHT_LUNG] + per_slice[LEFT_LUNG], voxel_ml),
        slice_evidence_right=slice_evidence(per_slice[RIGHT_LUNG], voxel_ml),
        slice_evidence_left=slice_evidence(per_slice[LEFT_LUNG], voxel_ml),
    )


def _share(counts: NDArray[np.int64], voxel_ml: float) -> LungShare:
    """Volume and infected part of some voxels of the lungs; 0 % where there are none.

    The last axis of ``counts`` is that of the lesions.
    """
    volume_ml = int(counts.sum()) * voxel_ml
    infected_ml = int(counts[..., INFECTED].sum()) * voxel_ml
    return LungShare(volume_ml, infected_ml, _percent(infected_ml, volume_ml))


def _lobes(counts: Counts, voxel_ml: float) -> dict[str, LungShare]:
    return {name: _share(counts[:, 1:, value], voxel_ml) for value, name in LOBES.items()}


def _zones(counts: Counts, voxel_ml: float) -> dict[str, LungShare]:
    """Thirds of each lung's own height, and the rim under the chest wall against the rest."""
    thirds = np.stack([_third_of_slices(counts[:, side].sum(axis=(1, 2, 3))) for side in _SIDES], axis=1)
    lungs = counts[:, 1:]
    zones = {name: _share(lungs[thirds == place], voxel_ml) for place, name in enumerate(_THIRDS)}
    return {
        **{name: zones[name] for name in reversed(_THIRDS)},
        "subpleural": _share(lungs[:, :, :, SUBPLEURAL], voxel_ml),
        "central": _share(lungs[:, :, :, CENTRAL], voxel_ml),
    }


def _third_of_slices(lung: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each array slice 0 lower, 1 middle, 2 upper third of one lung, decided by its middle; -1 outside.

    ``lung`` counts the lung's voxels per slice.
    """
    shown = np.flatnonzero(lung)
    third = np.full(len(lung), -1, dtype=np.int64)
    if len(shown):
        height = int(shown[-1] - shown[0]) + 1
        third[shown[0] : shown[-1] + 1] = (2 * np.arange(height) + 1) * 3 // (2 * height)
    return third


def _types_ml(counts: Counts, voxel_ml: float) -> dict[str, float]:
    """Volume by lesion type: the infected ones always, the others where there are any.

    What a network does not look for it never finds: 0 ml would claim that it looked.
    """
    inside, outside = counts[:, 1:].sum(axis=(0, 1, 2, 3)), counts[:, 0].sum(axis=(0, 1, 2))
    voxels = {value: int((outside if value == EFFUSION else inside)[value]) for value in LESIONS}
    return {
        name: voxels[value] * voxel_ml
        for value, name in LESIONS.items()
        if value in INFECTED_VALUES or voxels[value]
    }


def _percent(part: float, whole: float) -> float:
    return 100.0 * part / whole if whole else 0.0
