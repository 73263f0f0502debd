"""What DeCoVNet is, without loading it."""

from __future__ import annotations

from diagnosis.systems.interface import OptionSpec, SystemSpec

CLASS_NAME = "COVID-19"
CAM = "cam"
COMPONENTS = "3dcc"
WEIGHTS = "decovnet"

SPEC = SystemSpec(
    name="decovnet",
    title="DeCoVNet",
    version="1",
    paper="Wang et al., IEEE TMI 2020: 3-D classifier with weakly supervised localisation",
    heatmaps=((CLASS_NAME, CAM), (CLASS_NAME, COMPONENTS)),
    probabilities=(CLASS_NAME,),
    options=(
        OptionSpec(
            name="cam",
            choices=("released", "gradient"),
            default="released",
            help="how the activation map weighs features. released: by the kernels of the head, averaged and "
            "chained, as the released code does. gradient: by the mean gradient of this scan.",
        ),
        OptionSpec(
            name="regions",
            choices=("threshold", "published"),
            default="threshold",
            help="threshold: every part of the map above its threshold, inside the lungs. published: the one "
            "part of its strongest 5 % that overlaps most with the 3-D component response.",
        ),
        OptionSpec(
            name="slices",
            choices=("trained", "kept", "1mm"),
            default="trained",
            help="trained: thin slices pooled to the step the weights were trained at. kept: every slice, as "
            "printed. 1mm: interpolated to 1 mm, as the released code does.",
        ),
        OptionSpec(
            name="backend",
            choices=("torch", "openvino"),
            default="torch",
            help="what computes the network. openvino needs the extra of that name.",
        ),
    ),
    implementation="diagnosis.systems.decovnet.system:DeCoVNetSystem",
    reads="CT and lung mask, all slices at once",
    weights=WEIGHTS,
)
