"""Rule "published": between the scan's standard deviation and the valley of its histogram, as printed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from diagnosis.lungs.kmeans import kmeans_lungs
from diagnosis.preprocessing.batch_effect import remove_batch_effect
from diagnosis.preprocessing.histogram import valley
from diagnosis.volume import BoolArray, CTVolume, FloatArray, LabelArray

_BLACK_BELOW = 0.3
"""Between lung (about 0.07) and fat (about 0.44) on the 0..1 scale of batch-effect removal."""


@dataclass(frozen=True, slots=True)
class Suspicious:
    """Suspicious voxels and the K-means lungs (1 right, 2 left) they were found in, on the series grid."""

    mask: BoolArray
    lungs: LabelArray


def suspicious_published(volume: CTVolume) -> Suspicious:
    """Return the suspicious voxels of section 2.7.2: the pseudo-labels of the patch network.

    On real scans the band is narrow. Raises RefusedInput (code ``no_lungs``).
    """
    image = remove_batch_effect(volume.hu)
    lungs = kmeans_lungs(image)
    low, high = band(image)
    return Suspicious(mask=(image > low) & (image < high) & (lungs > 0), lungs=lungs)


def band(image: FloatArray) -> tuple[float, float]:
    """Return the standard deviation of all values of the scan, and the valley between its two peaks."""
    return float(image.std(dtype=np.float64)), valley(image, _BLACK_BELOW)
