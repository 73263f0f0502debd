"""The networks for lesions, as ``describe`` shows them."""

from __future__ import annotations

from collections.abc import Mapping

from diagnosis.describing import Subject
from diagnosis.lesions.unet3d import LesionUNet3d
from diagnosis.lesions.unet25d import SLICES, LesionUNet

LESIONS: Mapping[str, Subject] = {
    "unet25d": Subject(LesionUNet, (1, SLICES, 256, 256), "Fast 2.5-D U-Net, one slice"),
    "unet3d": Subject(LesionUNet3d, (1, 1, 128, 128, 128), "3-D U-Net of Berenguer et al., 2020"),
}
