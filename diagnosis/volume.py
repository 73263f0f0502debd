"""The one type that every stage passes on: a CT volume in Hounsfield units with its place in space."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

HounsfieldArray = NDArray[np.int16]
LabelArray = NDArray[np.uint8]
BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float32]
Affine = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class CTVolume:
    """A chest CT on a regular grid.

    ``hu`` is int16 ``[z, y, x]``: z = 0 is the most caudal slice, y grows to posterior, x to the
    patient's left, whatever the order was in the files. ``affine`` (4 x 4) maps voxel centres
    ``[x, y, z, 1]`` to millimetres in the DICOM patient system (LPS; PS3.3 C.7.6.2.1.1).
    """

    hu: HounsfieldArray
    affine: Affine

    def __post_init__(self) -> None:
        """Raise ValueError when the arrays do not describe a volume."""
        if self.hu.ndim != 3 or self.hu.dtype != np.int16:
            raise ValueError(f"hu must be int16 [z, y, x], not {self.hu.dtype} {self.hu.shape}")
        if self.affine.shape != (4, 4):
            raise ValueError(f"affine must be 4 x 4, not {self.affine.shape}")

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of voxels along z, y, x."""
        return self.hu.shape

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance of neighbouring voxel centres along z, y, x in mm."""
        return spacing_of(self.affine)

    @property
    def voxel_ml(self) -> float:
        """Volume of one voxel in millilitres."""
        return voxel_ml_of(self.affine)


def spacing_of(affine: Affine) -> tuple[float, float, float]:
    """Return the voxel spacing along z, y, x in mm of a 4 x 4 affine over ``[x, y, z, 1]``."""
    x, y, z = np.linalg.norm(affine[:3, :3], axis=0)
    return float(z), float(y), float(x)


def voxel_ml_of(affine: Affine) -> float:
    """Return the volume of one voxel in millilitres (1 ml = 1000 mm3)."""
    return float(abs(np.linalg.det(affine[:3, :3]))) / 1000.0


def millimetres(affine: Affine, zyx: tuple[float, float, float]) -> tuple[float, float, float]:
    """Return the LPS position in mm of the voxel index ``(z, y, x)``."""
    z, y, x = zyx
    position = affine @ np.array([x, y, z, 1.0])
    return float(position[0]), float(position[1]), float(position[2])
