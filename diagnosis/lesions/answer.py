"""What a lesion network says of the lungs' box, on its own grid. Torch-free."""

from __future__ import annotations

from dataclasses import dataclass

from diagnosis.volume import Affine, LabelArray

FULL = 255
"""Infection probability 1 as it is kept: eight bits are finer than the networks are sure."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a network says on its own grid ``[z, y, x]``. ``infection``: probability 0..255 of any infection;
    ``kind``: its likeliest type 1-4, everywhere; ``other``: effusion, nodule, atelectasis or 0, as the
    likeliest of all classes."""

    infection: LabelArray
    kind: LabelArray
    other: LabelArray
    affine: Affine
