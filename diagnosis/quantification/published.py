"""The infected percent as single papers define it, for comparison with their numbers."""

from __future__ import annotations

from typing import Literal, get_args

from diagnosis.quantification.counting import INFECTED, count_voxels
from diagnosis.results import CONSOLIDATION
from diagnosis.volume import LabelArray

Variant = Literal["ours", "icovid", "patchwise"]
VARIANTS: tuple[Variant, ...] = get_args(Variant)


def published_percent(lesions: LabelArray, lungs: LabelArray, variant: Variant) -> float:
    """Return the infected percent of a lesion segmentation by one definition; 0 without any lung.

    ``lesions`` and ``lungs`` (1 right, 2 left) are uint8 ``[z, y, x]`` on one grid.

    ``ours``: infected voxels inside the lungs, of the lungs. ``icovid`` (Berenguer et al. 2020, section on
    data): volume of all affected tissue over the lung volume, wherever it lies, so that it can pass 100 %.
    ``patchwise`` (Ghavami Modegh et al. 2020/21, section 2.8): both volumes within K-means lungs, which
    leave consolidation out of the infection and out of the lungs. Raises ValueError.
    """
    if variant not in VARIANTS:
        raise ValueError(f"there is no definition {variant}, only {', '.join(VARIANTS)}")
    voxels = count_voxels(lesions, lungs).sum(axis=(0, 2, 3))
    inside = voxels[1:].sum(axis=0)
    infected, whole = int(inside[INFECTED].sum()), int(inside.sum())
    if variant == "icovid":
        infected = int(voxels[:, INFECTED].sum())
    elif variant == "patchwise":
        consolidated = int(inside[CONSOLIDATION])
        infected, whole = infected - consolidated, whole - consolidated
    return 100.0 * infected / whole if whole else 0.0
