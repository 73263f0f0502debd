"""What the patch networks are, without loading them."""

from __future__ import annotations

from diagnosis.evaluation.predictions import COVID, COVID_GIVEN_DISEASED, DISEASED
from diagnosis.systems.interface import OptionSpec, SystemSpec

PROBABILITIES = (COVID, DISEASED, COVID_GIVEN_DISEASED)
"""The first is the product of the other two."""
COARSE_MAP = "coarse"
FINE_MAP = "fine"
ATTENTION = "attention"
WEIGHTS = "patchwise"

SPEC = SystemSpec(
    name="patchwise",
    title="Patch networks",
    version="1",
    paper="Ghavami Modegh et al. 2020/21: patches of one lung after batch-effect removal, infected volume",
    heatmaps=((DISEASED, COARSE_MAP), (DISEASED, FINE_MAP), (DISEASED, ATTENTION), (COVID, ATTENTION)),
    probabilities=PROBABILITIES,
    options=(
        OptionSpec(
            name="denominator",
            choices=("closed", "published"),
            default="closed",
            help="the lungs that infected % refers to. closed: the lung mask of the case, with infection. "
            "published: K-means lungs, where consolidation is missing.",
        ),
    ),
    implementation="diagnosis.systems.patchwise.system:PatchwiseSystem",
    reads="three slices of one lung at a time, patch by patch",
    weights=WEIGHTS,
    measures=True,
    evidence="probability",
)
