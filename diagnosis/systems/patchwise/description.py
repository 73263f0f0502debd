"""The patch networks, as ``describe`` shows them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from diagnosis.describing import Subject
from diagnosis.systems.patchwise.network import CHANNELS, PatchNetwork
from diagnosis.systems.patchwise.preprocessing import PAPER_SIZE

_INPUT = (1, CHANNELS, PAPER_SIZE.side, PAPER_SIZE.side)

PATCHWISE: Mapping[str, Subject] = {
    "diseased": Subject(
        PatchNetwork,
        _INPUT,
        "Network of Ghavami Modegh et al., diseased or healthy, with coarse and fine heads",
    ),
    "covid": Subject(
        partial(PatchNetwork, patches=False),
        _INPUT,
        "The same without patch heads, COVID-19 or other disease",
    ),
    "narrow": Subject(
        partial(PatchNetwork, third_block=2),
        _INPUT,
        "The first network with two convolutions in its third block",
    ),
}
