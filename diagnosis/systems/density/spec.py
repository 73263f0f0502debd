"""What the density system is, without loading it."""

from __future__ import annotations

from diagnosis.systems.interface import OptionSpec, SystemSpec

CLASS_NAME = "infected"
KIND = "density"

SPEC = SystemSpec(
    name="density",
    title="Density",
    version="1",
    paper="Ghavami Modegh et al. 2020/21, preprocessing and suspicious density; no network",
    heatmaps=((CLASS_NAME, KIND),),
    probabilities=(),
    options=(
        OptionSpec(
            name="rule",
            choices=("closed", "published"),
            default="closed",
            help="closed: density above the lung's own, inside the closed lung mask. "
            "published: between the scan's standard deviation and the valley of its histogram, as printed.",
        ),
    ),
    implementation="diagnosis.systems.density.system:DensitySystem",
    reads="CT density inside the lungs",
    measures=True,
)
