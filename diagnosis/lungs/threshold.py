"""The unsupervised lung mask that DeCoVNet learned from (Wang et al., 2020, after Liao et al., 2019)."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from diagnosis.lungs.chest import chest_of, with_sides
from diagnosis.lungs.closed import WORKING_MM
from diagnosis.lungs.plausible import no_lungs
from diagnosis.lungs.series_grid import on_series_grid
from diagnosis.preprocessing.resampling import block_affine, block_mean, factors_for
from diagnosis.volume import BoolArray, CTVolume, FloatArray, LabelArray

THRESHOLD_HU = -320.0
_SECOND_PART = 0.2
"""A second component of this part of the largest is kept: the other lung, where the airways do not join them.
The paper keeps the largest only; its authors removed failures by hand."""


def threshold_lungs(volume: CTVolume) -> LabelArray:
    """Return the lungs as uint8 ``[z, y, x]``: 1 right, 2 left. Works in voxels of at most 2 mm.

    The published mask with sides; trachea and main bronchi are taken out, as for every other way.
    Consolidation at the chest wall is lost, as published. Raises RefusedInput (code ``no_lungs``).
    """
    factors = factors_for(volume.spacing_mm, WORKING_MM)
    hu = block_mean(volume.hu, factors)
    affine = block_affine(volume.affine, factors)
    chest = chest_of(volume)
    return on_series_grid(with_sides(threshold_mask(hu), affine, chest), affine, volume)


def threshold_mask(hu: FloatArray) -> BoolArray:
    """Return the published mask ``[z, y, x]``: below -320 HU, joined in 3-D, holes filled slice by slice.

    Components that hold a corner of any slice (the air around) or the middle of its front or back edge (air
    between the table and the patient) are dropped; of the rest the largest are the lungs. Raises
    RefusedInput (code ``no_lungs``) when nothing is left.
    """
    labels, count = ndimage.label(hu < THRESHOLD_HU)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    sizes[0] = 0
    sizes[np.unique(labels[:, [0, -1]][:, :, [0, hu.shape[2] // 2, -1]])] = 0
    if not sizes.any():
        raise no_lungs("no air is closed in by a body")
    keep = sizes >= max(1, _SECOND_PART * sizes.max())
    return np.stack([ndimage.binary_fill_holes(image) for image in keep[labels]])
