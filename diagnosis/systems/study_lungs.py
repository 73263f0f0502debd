"""The lungs of labelled studies: as their label folder has them, or as they are found in use."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from diagnosis.lungs.segmentation import segment_lungs
from diagnosis.training.kept import kept
from diagnosis.training.labelled import CT, LabelledVolume
from diagnosis.volume import CTVolume, LabelArray
from diagnosis.weight_files import read_header, shipped

LungSource = Literal["truth", "automatic"]
"""``truth``: the lungs in the label folder where it has some, found automatically elsewhere."""


def lungs_of(volume: LabelledVolume, cache: Path, source: LungSource = "truth") -> LabelArray:
    """Return the lungs uint8 ``[z, y, x]``, 1 right, 2 left, of a labelled study.

    Lungs that had to be found are kept in ``cache``. Raises RefusedInput (code ``no_lungs``).
    """
    if source == "truth" and volume.has("lungs"):
        return volume.arrays["lungs"].whole()
    ct, weights = volume.arrays[CT], shipped("lungs")
    version = "closed" if weights is None else read_header(weights)["version"]
    return kept(
        cache / f"{ct.path.stem}.lungs-{version}.npy",
        lambda: segment_lungs(CTVolume(ct.whole(), volume.affine)).labels,
    )
