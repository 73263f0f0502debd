"""DeCoVNet and its variants, as ``describe`` shows them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from diagnosis.describing import Subject
from diagnosis.systems.decovnet.network import DeCoVNet, DeCoVNetFC
from diagnosis.systems.decovnet.preprocessing import PAPER_SIZE

_INPUT = (1, 2, 128, PAPER_SIZE.height, PAPER_SIZE.width)
"""128 slices give the published operations; the paper does not say how many it counted."""

DECOVNET: Mapping[str, Subject] = {
    "released": Subject(DeCoVNet, _INPUT, "DeCoVNet of Wang et al., 2020, head as in the released code"),
    "paper": Subject(partial(DeCoVNet, "paper"), _INPUT, "DeCoVNet, head as in Table I"),
    "fc": Subject(DeCoVNetFC, _INPUT, "DeCoVNet-FCClf, the ablation of Table VII"),
}
