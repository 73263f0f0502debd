"""Rule "closed": denser than this lung's own tissue, thick enough to be no vessel, up to soft tissue."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from diagnosis.lungs.morphology import ball, closed, dilated, eroded, opened
from diagnosis.systems.density.preprocessing import STEP_MM, WorkingGrid
from diagnosis.volume import BoolArray, FloatArray

_AERATED_HU = -500.0
_DENSEST_MEDIAN_HU = -740.0
_MARGIN_HU = 150.0
_MARGIN_SPREADS = 3.0
_SOFT_TISSUE_HU = 150.0
_SMOOTHING_MM = 1.5
_RIM_MM = 2.5
_VESSEL_HU = -300.0
_VESSEL_RADIUS_MM = 3.5
_CENTRAL_RADIUS_MM = 6.5
_CENTRAL_PART = (0.25, 0.75)
_VESSEL_HALO_MM = 1.6
_THIN_RADIUS_MM = 2.2
_REGROW_MM = 3.0
_CUBE = (STEP_MM, STEP_MM, STEP_MM)


def suspicious_closed(grid: WorkingGrid) -> BoolArray:
    """Return the suspicious voxels of the working grid.

    A voxel counts when its smoothed HU lie above the lung's own level by a margin and below bone. Taken
    away are the wall of the lung (partial volume, motion), bright tubes thinner than 7 mm (13 mm around
    the hila) with their blurred edge, and what is thinner than 4.5 mm. What stays grows back by 3 mm into
    surroundings that are dense before smoothing too, wall included.
    """
    smooth = ndimage.gaussian_filter(grid.hu, _SMOOTHING_MM / STEP_MM)
    limit = dense_from(grid.hu[grid.lungs])
    dense = grid.lungs & (smooth > limit) & (smooth < _SOFT_TISSUE_HU)
    core = dense & eroded(grid.lungs, ball(_CUBE, _RIM_MM)) & ~_vessels(grid)
    thick = opened(core, ball(_CUBE, _THIN_RADIUS_MM))
    room = dense & (grid.hu > limit)
    regrown = dilated(thick, ball(_CUBE, _REGROW_MM)) & room
    return np.asarray(closed(regrown, ball(_CUBE, _THIN_RADIUS_MM)) & room)


def dense_from(hu: FloatArray) -> float:
    """Return the HU from which this patient's lung counts as dense.

    The level is the median of the aerated voxels, the margin three times their spread below it (noise and
    gravity, not disease, make that side) and at least 150 HU. A lung that is ill all over does not become
    its own norm: the level is taken as no denser than an expired healthy lung.
    """
    aerated = hu[hu < _AERATED_HU]
    if not len(aerated):
        return _DENSEST_MEDIAN_HU + _MARGIN_HU
    low, level = np.percentile(aerated, (16.0, 50.0))
    margin = max(_MARGIN_HU, _MARGIN_SPREADS * float(level - low))
    return min(float(level), _DENSEST_MEDIAN_HU) + margin


def _vessels(grid: WorkingGrid) -> BoolArray:
    """Bright voxels that do not belong to something thick, with a halo for their blurred edge."""
    bright = grid.lungs & (grid.hu > _VESSEL_HU)
    thick = opened(bright, ball(_CUBE, _VESSEL_RADIUS_MM))
    central = thick & _central(grid.lungs)
    if central.any():
        thick &= ~central | opened(bright, ball(_CUBE, _CENTRAL_RADIUS_MM))
    tubes = bright & ~dilated(thick, ball(_CUBE, 2.0))
    return dilated(tubes, ball(_CUBE, _VESSEL_HALO_MM))


def _central(lungs: BoolArray) -> BoolArray:
    """The part around the hila: the middle of both lungs together, from side to side and front to back."""
    low, high = _CENTRAL_PART
    central = np.ones(lungs.shape, dtype=bool)
    for axis in (1, 2):
        size = lungs.shape[axis]
        first = np.expand_dims(lungs.argmax(axis=axis), axis)
        last = size - 1 - np.expand_dims(np.flip(lungs, axis).argmax(axis=axis), axis)
        place = np.arange(size).reshape([-1 if other == axis else 1 for other in range(3)])
        central &= (place > first + low * (last - first)) & (place < first + high * (last - first))
    return central
