"""Small label folders of box chests, for tests of training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from diagnosis.labels import ClassName, Split, StudyLabel, write_label_folder
from diagnosis.phantom.phantom import VERSION
from diagnosis.phantom.scanners import UNSEEN_SCANNERS
from diagnosis.volume import CTVolume, LabelArray
from tests.phantoms import LUNG, ChestPhantom, chest_phantom

SPLITS: tuple[Split, ...] = ("train", "train", "validation", "test")


def lobes_of(phantom: ChestPhantom) -> LabelArray:
    """Lobes cut by level planes: three on the right, two on the left."""
    z = np.arange(phantom.volume.shape[0])[:, None, None] / phantom.volume.shape[0]
    right = np.where(z > 0.6, 1, np.where(z > 0.4, 2, 3))
    left = np.where(z > 0.5, 4, 5)
    lobes = np.where(phantom.lungs == 1, right, np.where(phantom.lungs == 2, left, 0))
    return lobes.astype(np.uint8)


def study(
    number: int, split: Split = "train", *, slices: int = 20, size: int = 48, truth: bool = True,
    lesions: bool = True,
) -> StudyLabel:  # fmt: skip
    """One box chest as a labelled study; ``truth`` adds lungs, lobes and vessels."""
    phantom = chest_phantom(slices=slices, size=size, rows=size, seed=number)
    outline = (phantom.ground_glass * 1 + phantom.consolidation * 3).astype(np.uint8)
    vessels = np.zeros(outline.shape, np.uint8)
    vessels[:, size // 2 : size // 2 + 2] = 1
    ignore = np.zeros(outline.shape, bool)
    ignore[:, :2] = True
    return StudyLabel(
        study=f"phantom-{number}",
        patient=f"patient-{number}",
        split=split,
        class_name="COVID-19",
        kinds=("outline", "background"),
        volume=phantom.volume,
        manifest_hash="ab" * 32,
        provenance={"phantom": {"seed": number}},
        outline=outline if lesions else None,
        ignore=ignore,
        lungs=phantom.lungs if truth else None,
        lobes=lobes_of(phantom) if truth else None,
        vessels=vessels * (phantom.lungs > 0) if truth else None,
    )


def classed(number: int, class_name: ClassName, split: Split, *, size: int = 48) -> StudyLabel:
    """A box chest of twelve slices with a class and the provenance of a phantom; NP without disease."""
    one = study(number, split, slices=12, size=size)
    if class_name == "NP" and one.outline is not None:
        hu = one.volume.hu.copy()
        hu[one.outline > 0] = LUNG
        one = replace(one, volume=CTVolume(hu, one.volume.affine), outline=np.zeros_like(one.outline))
    provenance = {
        "phantom": number, "version": VERSION, "scanner": UNSEEN_SCANNERS[number % 2], "day": 5.0,
        "severity": 0.5, "co_rads": 5 if class_name == "COVID-19" else 2,
    }  # fmt: skip
    return replace(one, class_name=class_name, provenance=provenance)


def write_folder(
    folder: Path, *, slices: int = 20, size: int = 48, truth: bool = True, lesions: bool = True
) -> str:
    """Two studies to train on, one to validate, one to test; returns the label set's hash."""
    studies = (
        study(number, split, slices=slices, size=size, truth=truth, lesions=lesions)
        for number, split in enumerate(SPLITS)
    )
    return write_label_folder(folder, studies)
