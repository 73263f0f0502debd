"""Masks in, millilitres and percent out: per lung and per slice."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from diagnosis.results import LEFT_LUNG, RIGHT_LUNG, LungShare, Quantification, Source
from diagnosis.volume import BoolArray, LabelArray

SMOOTHING_SLICES = 2.0
"""Sigma over z of the evidence per slice."""


def quantify(infected: BoolArray, lungs: LabelArray, voxel_ml: float, source: Source) -> Quantification:
    """Measure the infected voxels inside the lungs.

    ``infected`` is bool and ``lungs`` uint8 (1 right, 2 left), both ``[z, y, x]`` on one grid whose voxels
    measure ``voxel_ml`` millilitres. Infected voxels outside the lungs do not count.
    """
    if infected.shape != lungs.shape:
        raise ValueError(f"infected {infected.shape} and lungs {lungs.shape} are not on one grid")
    counts = {side: _per_slice(infected, lungs, side) for side in (RIGHT_LUNG, LEFT_LUNG)}
    right = _lung_share(lungs, counts[RIGHT_LUNG], RIGHT_LUNG, voxel_ml)
    left = _lung_share(lungs, counts[LEFT_LUNG], LEFT_LUNG, voxel_ml)
    infected_ml = right.infected_ml + left.infected_ml
    return Quantification(
        source=source,
        infected_ml=infected_ml,
        infected_percent=_percent(infected_ml, right.volume_ml + left.volume_ml),
        right=right,
        left=left,
        slice_evidence=slice_evidence(counts[RIGHT_LUNG] + counts[LEFT_LUNG], voxel_ml),
        slice_evidence_right=slice_evidence(counts[RIGHT_LUNG], voxel_ml),
        slice_evidence_left=slice_evidence(counts[LEFT_LUNG], voxel_ml),
    )


def _lung_share(lungs: LabelArray, infected: NDArray[np.int64], side: int, voxel_ml: float) -> LungShare:
    """Volume and infected part of one lung; 0 % where that lung is missing."""
    volume_ml = int((lungs == side).sum()) * voxel_ml
    infected_ml = int(infected.sum()) * voxel_ml
    return LungShare(volume_ml, infected_ml, _percent(infected_ml, volume_ml))


def slice_evidence(voxels: NDArray[np.int64], voxel_ml: float) -> tuple[float, ...]:
    """Return ml per slice, smoothed over z (sigma 2 slices), from the most cranial slice to the most caudal.

    ``voxels`` counts infected voxels per array slice, caudal first. Beyond the ends nothing is infected.
    """
    ml = voxels.astype(np.float64) * voxel_ml
    smooth = ndimage.gaussian_filter1d(ml, SMOOTHING_SLICES, mode="constant")
    return tuple(float(value) for value in smooth[::-1])


def _per_slice(infected: BoolArray, lungs: LabelArray, side: int) -> NDArray[np.int64]:
    counts = [int((image & (labels == side)).sum()) for image, labels in zip(infected, lungs, strict=True)]
    return np.array(counts, dtype=np.int64)


def _percent(part: float, whole: float) -> float:
    return 100.0 * part / whole if whole else 0.0
