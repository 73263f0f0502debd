"""What icovid is, without loading it."""

from __future__ import annotations

from diagnosis.systems.interface import OptionSpec, SystemSpec

CLASS_NAME = "COVID-19"
LUNG_RELEVANCE = "lung relevance"
LESION_RELEVANCE = "lesion relevance"
WEIGHTS = "icovid"

SPEC = SystemSpec(
    name="icovid",
    title="icovid",
    version="1",
    paper="Berenguer et al., 2020: slices and lesions through a pre-trained encoder, explained by relevance",
    heatmaps=((CLASS_NAME, LUNG_RELEVANCE), (CLASS_NAME, LESION_RELEVANCE)),
    probabilities=(CLASS_NAME,),
    options=(
        OptionSpec(
            name="slices",
            choices=("all", "worst"),
            default="all",
            help="slices that are explained. all: every slice. worst: the ten that speak most for COVID-19; "
            "on a CPU a large network explains them in a tenth of the time.",
        ),
    ),
    implementation="diagnosis.systems.icovid.system:ICovidSystem",
    reads="slices of the CT, lungs only, and their lesions",
    weights=WEIGHTS,
    needs=("lesions",),
    evidence="share",
)
