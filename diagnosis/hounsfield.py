"""Do the values look like Hounsfield units? Air and soft tissue must be where physics puts them."""

from __future__ import annotations

import numpy as np

from diagnosis.geometry import Reason
from diagnosis.volume import FloatArray, HounsfieldArray

AIR_HU = (-1100, -700)
"""Air around the patient (-1000) and in healthy lung (about -850)."""
SOFT_TISSUE_HU = (-150, 150)
"""Fat (-100) to muscle (60): in every chest."""
MIN_SHARE = 0.02
SAMPLES = 200_000


def hounsfield_reason(hu: HounsfieldArray) -> Reason | None:
    """Return why the values can not be Hounsfield units, or None when they can.

    Looks at evenly spread samples of the array, whatever its axes, without values that only pad the image
    (below -1100). A picture in grey levels, or one whose intercept was lost, has no air at -1000.
    """
    samples = hu.reshape(-1)[:: (hu.size // SAMPLES) | 1]  # odd, so that no column is skipped
    body = samples[samples >= AIR_HU[0]]
    missing = [
        name
        for name, (low, high) in (("air near -1000", AIR_HU), ("soft tissue near 40", SOFT_TISSUE_HU))
        if body.size == 0 or np.mean((body >= low) & (body <= high)) < MIN_SHARE
    ]
    if not missing:
        return None
    sentence = f"The values are not Hounsfield units of a chest: there is no {' and no '.join(missing)} HU."
    return Reason("not_hounsfield", sentence, "unusable")


def rounded(values: FloatArray | np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> HounsfieldArray:
    """Round to the nearest integer HU and clip to what int16 holds."""
    return np.clip(np.rint(values), -32768, 32767).astype(np.int16)
