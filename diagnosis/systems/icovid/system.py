"""icovid as a system: probability, relevance of lungs and lesions, and regions of one case."""

from __future__ import annotations

from collections.abc import Mapping

from diagnosis.geometry import RefusedInput
from diagnosis.inference import loaded
from diagnosis.quantification.evidence import evidence_of_slices
from diagnosis.regions import regions_if_positive
from diagnosis.results import SystemResult
from diagnosis.run_clock import timed
from diagnosis.systems.availability import standing_of
from diagnosis.systems.icovid.preprocessing import NetworkInput, network_input
from diagnosis.systems.icovid.reading import Answer, reader_of
from diagnosis.systems.icovid.spec import CLASS_NAME, SPEC, WEIGHTS
from diagnosis.systems.interface import Case, Progress
from diagnosis.weight_files import required

_SMALLEST_ML = 1.0
"""A ball of 12 mm: about what the smoothing of the maps leaves of a point."""
_ANSWERED = 0.4


class ICovidSystem:
    """Tells COVID-19 from everything else, by the CT and by its lesions. It measures no volumes."""

    spec = SPEC

    def run(self, case: Case, options: Mapping[str, str], progress: Progress) -> SystemResult:
        """Analyse one case.

        Raises RefusedInput: ``no_lungs``, ``no_lesions``; ``no_weights``, ``bad_weights``; ``no_answer``.
        """
        seconds: dict[str, float] = {}
        weights = required(WEIGHTS, f"{SPEC.title} network")
        with timed(seconds, "weights"):
            reader = loaded(weights, reader_of)
        configuration = reader.configuration
        if configuration.side != "none" and case.lesions is None:
            raise RefusedInput("no_lesions", f"{SPEC.title} reads lesions, but none were looked for.")
        with timed(seconds, "input"):
            given = network_input(case.volume, case.lungs, case.lesions, configuration.size)
        with timed(seconds, "network"):
            answer = reader.answer(given, lambda part: progress(_ANSWERED * part))
        with timed(seconds, "relevance"):
            heatmaps = reader.heatmaps(
                given, answer, options["slices"],
                lambda part: progress(_ANSWERED + (0.9 - _ANSWERED) * part),
            )  # fmt: skip
        with timed(seconds, "regions"):
            regions, none = regions_if_positive(
                heatmaps[0], case.lungs, case.volume.affine, _SMALLEST_ML,
                probability=answer.probability, operating_point=configuration.operating_point,
                within=case.lungs > 0,
            )  # fmt: skip
        progress(1.0)
        caution = standing_of(reader.header).caution(SPEC.title)
        return SystemResult(
            system=SPEC.name,
            version=reader.header["version"],
            probabilities={CLASS_NAME: answer.probability},
            slice_evidence=_shares(answer, given, case),
            heatmaps=heatmaps,
            regions=regions,
            seconds=seconds,
            warnings=[sentence for sentence in (caution, none) if sentence],
            operating_points={CLASS_NAME: configuration.operating_point},
        )


def _shares(answer: Answer, given: NetworkInput, case: Case) -> tuple[float, ...]:
    """Each slice's share of what speaks for COVID-19, cranial to caudal: together 1, or nothing."""
    found = evidence_of_slices(answer.shares(), given.affine, case.volume.affine, len(case.lungs))
    total = sum(found)
    return tuple(value / total for value in found) if total > 0 else found
