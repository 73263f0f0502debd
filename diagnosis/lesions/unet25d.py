"""The fast lesion network: a 2-D U-Net that sees three slices at once, and the order of its classes."""

from __future__ import annotations

from diagnosis.results import (
    ATELECTASIS,
    CONSOLIDATION,
    CRAZY_PAVING,
    EFFUSION,
    GROUND_GLASS,
    NODULE,
    OTHER_INFECTION,
)
from diagnosis.unet import UNet2d

CLASSES = (
    "background", "lung", "ground glass", "crazy paving", "consolidation", "other infection",
    "vessel", "nodule", "atelectasis", "effusion",
)  # fmt: skip
"""Output channels in order. Emphysema counts as lung; trachea and main bronchi as background."""
BACKGROUND_CLASS = 0
LUNG_CLASS = 1
INFECTED_CLASSES = slice(2, 6)
"""Channels of ground glass, crazy paving, consolidation and other infection, in the order of values 1-4."""
VESSEL_CLASS = 6
LESION_OF_CLASS = (
    0, 0, GROUND_GLASS, CRAZY_PAVING, CONSOLIDATION, OTHER_INFECTION, 0, NODULE, ATELECTASIS, EFFUSION,
)  # fmt: skip
"""Lesion value of every class (`diagnosis.results`), 0 where it is none."""

SLICES = 3
WIDTHS = (16, 32, 64, 96, 128)


class LesionUNet(UNet2d):
    """0.92 M parameters. Input float ``[n, 3, y, x]``: the slice below, the slice itself, the slice above,
    scaled to 0..1 (see `diagnosis.lesions.input`). Output logits ``[n, 10, y, x]`` of `CLASSES` for the
    middle slice.
    """

    def __init__(self) -> None:
        super().__init__(SLICES, len(CLASSES), WIDTHS, WIDTHS[-2::-1], bias=False)
