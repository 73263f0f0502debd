"""The multi-scale classifier and its single-scale variants, as ``describe`` shows them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from diagnosis.describing import Subject
from diagnosis.systems.multiscale.network import LEVELS, MultiscaleNetwork
from diagnosis.systems.multiscale.preprocessing import PAPER_SIZE
from diagnosis.systems.multiscale.spec import CLASS_MAPS, CLASSES

_INPUT = (1, 1, PAPER_SIZE.height, PAPER_SIZE.width)

MULTISCALE: Mapping[str, Subject] = {
    "joint": Subject(MultiscaleNetwork, _INPUT, "multi-scale classifier of Hu et al., 2020", norms=False),
    **{
        CLASS_MAPS[level]: Subject(
            partial(MultiscaleNetwork, len(CLASSES), (level,)), _INPUT,
            f"classifier with class maps after Conv{level} alone", norms=False,
        )
        for level in LEVELS
    },
}  # fmt: skip
