"""The patch networks as a system: probabilities, maps, regions and infected volume of one case."""

from __future__ import annotations

from collections.abc import Mapping

from diagnosis.evaluation.predictions import COVID_GIVEN_DISEASED, DISEASED
from diagnosis.inference import loaded
from diagnosis.quantification.evidence import evidence_of_slices
from diagnosis.quantification.measuring import quantify
from diagnosis.regions import LESION_REGION_ML, regions_if_positive
from diagnosis.results import SystemResult
from diagnosis.run_clock import timed
from diagnosis.systems.availability import standing_of
from diagnosis.systems.interface import Case, Progress
from diagnosis.systems.patchwise.aggregation import by_slice, softened
from diagnosis.systems.patchwise.explanation import heatmaps
from diagnosis.systems.patchwise.preprocessing import network_input, views_of
from diagnosis.systems.patchwise.quantification import denominator, infected_pixels, infected_voxels
from diagnosis.systems.patchwise.reading import (
    DISEASED_ABOVE,
    first_look,
    probabilities,
    reader_of,
    second_look,
)
from diagnosis.systems.patchwise.spec import SPEC, WEIGHTS
from diagnosis.weight_files import required

_FIRST, _SECOND, _READ = 0.1, 0.5, 0.9
"""Parts of the work at which the first network begins, the second one, and what follows them."""


class PatchwiseSystem:
    """Tells diseased from healthy, COVID-19 from other diseases, and measures the infected part."""

    spec = SPEC

    def run(self, case: Case, options: Mapping[str, str], progress: Progress) -> SystemResult:
        """Analyse one case.

        Raises RefusedInput: ``no_lungs``; ``no_weights``, ``bad_weights``; ``no_answer``.
        """
        seconds: dict[str, float] = {}
        weights = required(WEIGHTS, SPEC.title)
        with timed(seconds, "weights"):
            reader = loaded(weights, reader_of)
        networks, configuration = reader.networks, reader.configuration
        with timed(seconds, "input"):
            size = configuration.size
            shown = network_input(case.volume, case.lungs, size)
            views = views_of(shown.image, size.side)
        above = reader.infected_above
        with timed(seconds, "first network"):
            first = first_look(networks.diseased, views, above[0], _part_of(progress, _FIRST, _SECOND))
        with timed(seconds, "second network"):
            second = second_look(networks.covid, views, first, _part_of(progress, _SECOND, _READ))
        found = probabilities(first, second, views)
        with timed(seconds, "maps"):
            maps = heatmaps(views, first, second, shown.affine, configuration.scales)
            infected = infected_voxels(infected_pixels(views, first, above), shown, case)
        with timed(seconds, "regions"):
            regions, none = regions_if_positive(
                maps[1], case.lungs, case.volume.affine, LESION_REGION_ML,
                probability=found[DISEASED], operating_point=configuration.operating_points[DISEASED],
                within=infected & (case.lungs > 0),
            )  # fmt: skip
        with timed(seconds, "infected volume"):
            lungs = denominator(case, shown, size, options["denominator"])
            measured = quantify(infected, lungs, case.volume.voxel_ml, "patches")
        progress(1.0)
        of_slices = softened(by_slice(first.probabilities, views)).max(axis=1)
        caution = standing_of(reader.header).caution(SPEC.title)
        partly = None if second.whole else _partly(found[DISEASED])
        return SystemResult(
            system=SPEC.name,
            version=reader.header["version"],
            probabilities=found,
            slice_evidence=evidence_of_slices(
                of_slices * found[COVID_GIVEN_DISEASED], shown.affine, case.volume.affine, len(case.lungs)
            ),
            heatmaps=maps,
            regions=regions,
            quantification=measured,
            seconds=seconds,
            warnings=[sentence for sentence in (caution, none, partly) if sentence],
            operating_points=configuration.operating_points,
        )


def _part_of(progress: Progress, start: float, end: float) -> Progress:
    return lambda done: progress(start + (end - start) * done)


def _partly(diseased: float) -> str:
    return (
        f"{SPEC.title}: {DISEASED} is {diseased:.2f}, not above {DISEASED_ABOVE}, so {COVID_GIVEN_DISEASED} "
        "was read from the worst slices only."
    )
