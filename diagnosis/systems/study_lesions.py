"""The lesions of labelled studies, as they are found in use."""

from __future__ import annotations

import hashlib
from pathlib import Path

from diagnosis.lesions.segmentation import LESION_WEIGHTS, segment_lesions
from diagnosis.training.kept import kept
from diagnosis.training.labelled import CT, LabelledVolume
from diagnosis.volume import CTVolume, LabelArray
from diagnosis.weight_files import read_header, required

_DIGITS = 16


def found_lesions(volume: LabelledVolume, lungs: LabelArray, cache: Path) -> LabelArray:
    """Return the lesion values uint8 ``[z, y, x]`` that the network in use finds in these lungs.

    Kept in ``cache`` by the version of its weights and by the lungs. Raises RefusedInput: ``no_weights``,
    ``bad_weights``.
    """
    version = lesion_version()
    inside = hashlib.sha256(lungs.tobytes()).hexdigest()[:_DIGITS]
    ct = volume.arrays[CT]
    return kept(
        cache / f"{ct.path.stem}.lesions-{version}.{inside}.npy",
        lambda: lesions_in(CTVolume(ct.whole(), volume.affine), lungs),
    )


def lesion_version() -> str:
    """Return the version of the lesion network in use. Raises RefusedInput as `found_lesions` does."""
    return str(read_header(required(LESION_WEIGHTS, "lesion network"))["version"])


def lesions_in(ct: CTVolume, lungs: LabelArray) -> LabelArray:
    """Return the lesion values uint8 ``[z, y, x]`` that the network in use finds in a scan.

    Raises RefusedInput: ``no_weights``, ``bad_weights``.
    """
    found = segment_lesions(ct, lungs, "network")
    if found is None:
        raise ValueError("the method network always finds lesions or refuses")
    return found.labels
