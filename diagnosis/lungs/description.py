"""The networks for lungs and lobes, as ``describe`` shows them."""

from __future__ import annotations

from collections.abc import Mapping

from diagnosis.describing import Subject
from diagnosis.lungs.deepmedic import DeepMedic, original_deepmedic
from diagnosis.lungs.lobe_input import CHANNELS, GRID
from diagnosis.lungs.lobe_network import LobeUNet
from diagnosis.lungs.unet2d import LungUNet

LUNGS: Mapping[str, Subject] = {
    "unet2d": Subject(LungUNet, (1, 1, 368, 368), "2-D U-Net of Wang et al., 2020, one slice"),
    "deepmedic": Subject(DeepMedic, (1, 1, 72, 72, 72), "DeepMedic-type network of Berenguer et al., 2020"),
    "deepmedic-original": Subject(
        original_deepmedic, (1, 1, 72, 72, 72), "DeepMedic of Kamnitsas et al., 2017"
    ),
}
LOBES: Mapping[str, Subject] = {
    "unet": Subject(LobeUNet, (1, len(CHANNELS), *GRID), "3-D U-Net for five lobes on a fixed grid")
}
