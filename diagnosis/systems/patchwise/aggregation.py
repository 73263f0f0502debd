"""From the lungs of all slices to the scan (Ghavami Modegh et al., section 2.6)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from diagnosis.results import LEFT_LUNG, RIGHT_LUNG
from diagnosis.systems.patchwise.preprocessing import Views

Probabilities = NDArray[np.float64]
_SIDES = (RIGHT_LUNG, LEFT_LUNG)


def by_slice(found: Probabilities, views: Views) -> Probabilities:
    """Return ``[z, 2]`` (right, left) of the probabilities ``[n]`` of the crops; 0 where there is none."""
    result = np.zeros((views.slices, len(_SIDES)))
    for crop, value in zip(views.crops, found, strict=True):
        result[crop.place, _SIDES.index(crop.lung)] = value
    return result


def softened(found: Probabilities) -> Probabilities:
    """Return ``[z, 2]``: no lung counts for more than the same lung in one of its neighbouring slices does.

    SP_i = min(P_i, max(P_i-1, P_i+1)), as the text has it; printed equation (2) has P_i-1 in the place of
    P_i and would come down to P_i-1. Beyond the ends P is 0. A scan of one slice has no neighbours and
    stays as it is.
    """
    if len(found) == 1:
        return found
    edged = np.pad(found, ((1, 1), (0, 0)))
    return np.minimum(found, np.maximum(edged[:-2], edged[2:]))


def of_scan(found: Probabilities) -> float:
    """Return the probability of the scan: the largest softened one of all slices and both lungs."""
    return float(softened(found).max(initial=0.0))
