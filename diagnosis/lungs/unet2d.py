"""The 2-D U-Net that finds lungs slice by slice (Wang et al., TMI 2020, section III-B and released code)."""

from __future__ import annotations

from diagnosis.unet import UNet2d

WIDTHS = (16, 32, 64, 128, 128)
"""Channels from the finest to the coarsest level: 839,506 parameters with two classes."""
RISING = (64, 32, 16, 16)


class LungUNet(UNet2d):
    """Input float ``[n, 1, y, x]``, grey values 0..1 of the lung window (see `diagnosis.lungs.input`).

    Output logits ``[n, 2, y, x]``: background, lung. Multiples of 16 lose nothing in pooling.
    """

    def __init__(self) -> None:
        super().__init__(1, 2, WIDTHS, RISING, bias=True)
