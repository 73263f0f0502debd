"""DeCoVNet as a system: probability, activation map, 3DCC response and regions of one case."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from diagnosis.inference import loaded
from diagnosis.quantification.evidence import heatmap_evidence
from diagnosis.regions import predicted_negative, regions_if_positive
from diagnosis.results import Heatmap, Region, SystemResult
from diagnosis.run_clock import timed
from diagnosis.systems.availability import standing_of
from diagnosis.systems.decovnet.explanation import Cam
from diagnosis.systems.decovnet.localisation import component_response, published_localisation
from diagnosis.systems.decovnet.preprocessing import PAPER_SIZE, NetworkInput, network_input
from diagnosis.systems.decovnet.reading import openvino_reader, torch_reader
from diagnosis.systems.decovnet.spec import CLASS_NAME, SPEC, WEIGHTS
from diagnosis.systems.interface import Case, Progress
from diagnosis.weight_files import required

_READERS = {"torch": torch_reader, "openvino": openvino_reader}
_SMALLEST_ML = 2.0
"""About one cell of the map at 112 x 168: what is smaller is a corner of a cell."""


class DeCoVNetSystem:
    """Tells COVID-19 from everything else. It measures no volumes."""

    spec = SPEC

    def run(self, case: Case, options: Mapping[str, str], progress: Progress) -> SystemResult:
        """Analyse one case.

        Raises RefusedInput: ``no_lungs``; ``no_weights``, ``bad_weights``; ``no_openvino``; ``no_answer``.
        """
        seconds: dict[str, float] = {}
        weights = required(WEIGHTS, f"{SPEC.title} network")
        with timed(seconds, "weights"):
            reader = loaded(weights, _READERS[options["backend"]])
        with timed(seconds, "input"):
            size = reader.size(options["slices"])
            shown = network_input(case.volume, case.lungs, size)
        progress(0.2)
        with timed(seconds, "features"):
            features = reader.features(shown)
        progress(0.5)
        with timed(seconds, "head"):
            probability = reader.probability(features)
        with timed(seconds, "activation map"):
            cam = reader.heatmap(features, shown.affine, cast(Cam, options["cam"]))
        progress(0.6)
        with timed(seconds, "3DCC response"):
            whole = shown if size == PAPER_SIZE else network_input(case.volume, case.lungs, PAPER_SIZE)
            response = component_response(whole)
        progress(0.9)
        operating_point = reader.configuration.operating_point
        with timed(seconds, "regions"):
            if options["regions"] == "published":
                regions, none = _published(cam, response, whole, case, probability >= operating_point)
            else:
                regions, none = regions_if_positive(
                    cam, case.lungs, case.volume.affine, _SMALLEST_ML,
                    probability=probability, operating_point=operating_point, within=case.lungs > 0,
                )  # fmt: skip
            evidence = heatmap_evidence(cam, case.lungs, case.volume.affine)
        progress(1.0)
        caution = standing_of(reader.header).caution(SPEC.title)
        return SystemResult(
            system=SPEC.name,
            version=reader.header["version"],
            probabilities={CLASS_NAME: probability},
            slice_evidence=evidence,
            heatmaps=[cam, response],
            regions=regions,
            seconds=seconds,
            warnings=[sentence for sentence in (caution, none) if sentence],
            operating_points={CLASS_NAME: operating_point},
        )


def _published(
    cam: Heatmap, response: Heatmap, whole: NetworkInput, case: Case, positive: bool
) -> tuple[list[Region], str | None]:
    if not positive:
        return [], predicted_negative(CLASS_NAME)
    return published_localisation(cam, response, whole, case), None
