"""The density heatmap: which part of the lung around a point is suspicious."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from diagnosis.preprocessing.resampling import block_affine, block_mean
from diagnosis.results import Heatmap
from diagnosis.systems.density.preprocessing import STEP_MM
from diagnosis.systems.density.spec import CLASS_NAME, KIND
from diagnosis.volume import Affine, BoolArray, FloatArray

_REACH_MM = 3.0
_LEAST_LUNG = 0.05
_COARSER = (2, 2, 2)


def density_heatmap(
    suspicious: BoolArray | FloatArray, lungs: BoolArray | FloatArray, affine: Affine, threshold: float
) -> Heatmap:
    """Return the share (0..1) of suspicious lung around each point, on a grid of 3 mm.

    ``suspicious`` and ``lungs`` are 0..1 in cubes of 1.5 mm. Gaussian with sigma 3 mm; only lung counts,
    so the share does not fall at the pleura. Outside the lungs it is 0. The reference is 1.0: a share
    needs no calibration.
    """
    share = _around(suspicious) / np.maximum(_around(lungs), _LEAST_LUNG)
    values = block_mean(share * lungs, _COARSER)
    return Heatmap(
        class_name=CLASS_NAME,
        kind=KIND,
        values=np.clip(values, 0.0, 1.0, out=values),
        affine=block_affine(affine, _COARSER),
        reference=1.0,
        threshold=threshold,
    )


def _around(mask: BoolArray | FloatArray) -> FloatArray:
    return np.asarray(ndimage.gaussian_filter(mask.astype(np.float32), _REACH_MM / STEP_MM, mode="constant"))
