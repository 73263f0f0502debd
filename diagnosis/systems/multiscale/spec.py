"""What the multi-scale classifier is, without loading it."""

from __future__ import annotations

from typing import Literal

from diagnosis.systems.interface import OptionSpec, SystemSpec

Level = Literal[3, 4, 5]
"""Blocks of the network that have class maps."""
COVID, CAP, NP = "COVID-19", "CAP", "NP"
CLASSES = (COVID, CAP, NP)
"""In the order of the network's scores."""
DISEASES = (COVID, CAP)
"""Have maps and an operating point of their own; NP is what is left."""
JOINT = "joint"
CLASS_MAPS: dict[Level, str] = {3: "conv3", 4: "conv4", 5: "conv5"}
WEIGHTS = "multiscale"

SPEC = SystemSpec(
    name="multiscale",
    title="Multi-scale classifier",
    version="1",
    paper="Hu et al., 2020: weakly supervised classifier of slices at three scales",
    heatmaps=tuple((name, kind) for name in DISEASES for kind in (*CLASS_MAPS.values(), JOINT)),
    probabilities=CLASSES,
    options=(
        OptionSpec(
            name="saliency",
            choices=("worst", "all", "none"),
            default="worst",
            help="slices whose joint saliency is computed by integrated gradients, seconds each on a CPU. "
            "worst: the ten with most evidence of a scan that is predicted positive. all: every slice of any "
            "scan; only then the infected part of all diseased slices is always measured. none: no saliency.",
        ),
        OptionSpec(
            name="regions",
            choices=("boxes", "threshold"),
            default="boxes",
            help="boxes: boxes around what stands out in the joint saliency of a slice, as published. "
            "threshold: every part of the finest class map above its threshold, also without saliency.",
        ),
        OptionSpec(
            name="slices",
            choices=("trained", "kept"),
            default="trained",
            help="trained: thin slices pooled to the step the weights were trained at. kept: every slice, as "
            "published.",
        ),
    ),
    implementation="diagnosis.systems.multiscale.system:MultiscaleSystem",
    reads="slices of the CT, lungs only, each by itself",
    weights=WEIGHTS,
    measures=True,
    evidence="probability",
)
