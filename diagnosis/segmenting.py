"""Lungs, lobes and lesions of one run: which are made, by which method, and what is measured of them."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from diagnosis.cautions import cautions
from diagnosis.lesions.segmentation import Lesions, segment_lesions
from diagnosis.lesions.segmentation import Method as LesionMethod
from diagnosis.lungs.lobes import Method as LobeMethod
from diagnosis.lungs.lobes import segment_lobes
from diagnosis.lungs.segmentation import Method as LungMethod
from diagnosis.lungs.segmentation import segment_lungs
from diagnosis.padding import without_zero_padding
from diagnosis.quantification.interval import Calibration, load_calibration, spread_of, with_uncertainty
from diagnosis.quantification.measuring import quantify_lesions
from diagnosis.results import Quantification
from diagnosis.run_clock import RunClock
from diagnosis.segmentation_options import AUTOMATIC, METHOD, NONE
from diagnosis.systems.interface import Case
from diagnosis.volume import CTVolume, LabelArray
from diagnosis.weight_files import shipped

LUNGS_STAGE = "Finding the lungs"
LOBES_STAGE = "Finding the lobes"
LESIONS_STAGE = "Finding lesions"
STAGE_WEIGHTS = {LUNGS_STAGE: 4.0, LOBES_STAGE: 1.0, LESIONS_STAGE: 4.0}
"""Usual seconds on two cores for 120 slices."""
CALIBRATION_FILE = "lesions-interval.json"
"""Lies beside the weights of the lesion network it was measured with."""
CALIBRATED_METHOD = "network"
"""Other networks may have the same version number, but not the same errors."""
READERS: Mapping[str, str] = {
    "lungs": "diagnosis.lungs.by_network:unet_reader",
    "lobes": "diagnosis.lungs.lobe_reading:lobe_network",
    "lesions": "diagnosis.lesions.reading:unet_reader",
}
"""What loads the network of each owner. Named, not imported: torch takes seconds, and rules need none."""

Settings = Mapping[str, Mapping[str, str]]
"""A value for every option of every owner."""


@dataclass(slots=True)
class Segmented:
    """The label volumes of a run, uint8 ``[z, y, x]``, read from ``volume``.

    ``names`` holds what made each: {"lungs": "network 1", ...}.
    """

    volume: CTVolume
    lungs: LabelArray
    lobes: LabelArray | None = None
    lesions: Lesions | None = None
    names: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def case(self) -> Case:
        """Return what the systems get."""
        lesions = None if self.lesions is None else self.lesions.labels
        return Case(self.volume, self.lungs, self.lobes, lesions)


def segmentation_stages(settings: Settings) -> tuple[str, ...]:
    """Return the stages that will run: lobes and lesions only when asked for, or when weights are there."""
    lobes = (LOBES_STAGE,) if will_be_made("lobes", settings) else ()
    lesions = (LESIONS_STAGE,) if will_be_made("lesions", settings) else ()
    return (LUNGS_STAGE, *lobes, *lesions)


def will_be_made(owner: str, settings: Settings) -> bool:
    """Say whether ``lungs``, ``lobes`` or ``lesions`` are looked for with these options."""
    method = settings[owner][METHOD]
    return method != NONE and (method != AUTOMATIC or shipped(owner) is not None)


def load_network(owner: str) -> str | None:
    """Load the network of ``lungs``, ``lobes`` or ``lesions`` before the first case waits for it.

    Returns the version of its weights, None without weights. Raises RefusedInput (``bad_weights``).
    """
    weights = shipped(owner)
    if weights is None:
        return None
    from diagnosis.inference import loaded

    _, header = loaded(weights, pkgutil.resolve_name(READERS[owner]))
    return str(header["version"])


def segment(volume: CTVolume, settings: Settings, run: RunClock) -> Segmented:
    """Find lungs, lobes and lesions by the chosen methods, each in its stage of the run.

    0-HU padding is taken away first. Raises RefusedInput: ``no_lungs``, ``no_weights``, ``bad_weights``.
    """
    with run.stage(LUNGS_STAGE):
        cleaned, padding = without_zero_padding(volume)
        lungs = segment_lungs(cleaned, cast(LungMethod, settings["lungs"][METHOD]), run.part)
        found = Segmented(cleaned, lungs.labels)
        found.names["lungs"] = f"{lungs.method} {lungs.version}"
        found.warnings += [padding] if padding else []
        found.warnings += [*lungs.warnings, *cautions(cleaned, lungs.labels)]
    if will_be_made("lobes", settings):
        with run.stage(LOBES_STAGE):
            lobes = segment_lobes(cleaned, lungs.labels, cast(LobeMethod, settings["lobes"][METHOD]))
        if lobes is not None:
            found.lobes = lobes.labels
            found.names["lobes"] = f"{lobes.method} {lobes.version}"
            found.warnings += lobes.warnings
    if will_be_made("lesions", settings):
        with run.stage(LESIONS_STAGE):
            lesions = segment_lesions(
                cleaned, lungs.labels, cast(LesionMethod, settings["lesions"][METHOD]), run.part
            )
        if lesions is not None:
            found.lesions = lesions
            found.names["lesions"] = f"{lesions.method} {lesions.version}"
            found.warnings += lesions.warnings
    return found


def measured_lesions(found: Segmented, lesions: Lesions) -> Quantification:
    """Return the volumes of the lesion segmentation, with an interval or a spread where there is one."""
    measured = quantify_lesions(lesions.labels, found.lungs, found.lobes, found.volume.affine)
    calibration = _calibration() if lesions.method == CALIBRATED_METHOD else None
    return with_uncertainty(measured, spread_of(lesions.percent_at), calibration, lesions.version)


def _calibration() -> Calibration | None:
    weights = shipped("lesions")
    if weights is None or not weights.with_name(CALIBRATION_FILE).is_file():
        return None
    return load_calibration(weights.with_name(CALIBRATION_FILE))
