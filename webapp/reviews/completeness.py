"""What a reading still lacks before it can be signed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from webapp.analyses.models import LESION_SEGMENTATION, FoundRegion
from webapp.analyses.offered import title_of
from webapp.cohorts.models import AIPolicy
from webapp.reviews.answers import CO_RADS_PCR, LOBES
from webapp.reviews.models import Judgement, Reading, Verdict
from webapp.reviews.selectors import newest_analysis


@dataclass(frozen=True, slots=True)
class Missing:
    """One thing to do before signing. ``target`` is a field of the form or the id of a region."""

    code: str
    sentence: str
    target: str


def missing(reading: Reading) -> list[Missing]:
    """Return what the reading lacks, in the order of the form; empty when it may be signed."""
    return [*_regions(reading), *_own_regions(reading), *_answers(reading)]


def policy_of(reading: Reading) -> str:
    """Return when its reader sees the AI results: as the cohort says now, or said at the signature."""
    return reading.ai_policy or reading.cohort.ai_policy


def regions_to_judge(reading: Reading) -> list[FoundRegion]:
    """Return the regions of the analysis shown in this reading."""
    if reading.analysis_id is None or policy_of(reading) == AIPolicy.NEVER:
        return []
    return list(FoundRegion.objects.filter(analysis=reading.analysis_id))


def _regions(reading: Reading) -> Iterator[Missing]:
    if policy_of(reading) == AIPolicy.NEVER:
        return
    if reading.analysis_id is None:
        if newest_analysis(reading.series_revision):
            yield Missing("reveal", "Show the AI results and judge their regions.", "reveal")
        return
    verdicts = {verdict.region_id: verdict for verdict in reading.verdicts.all()}
    regions = regions_to_judge(reading)
    counting = {region.system for region in regions if region.system != LESION_SEGMENTATION}
    for region in regions:
        verdict = verdicts.get(region.pk)
        lack = _lack(verdict)
        if lack:
            yield Missing(lack[0], lack[1].format(_name(region, counting)), str(region.pk))


def _name(region: FoundRegion, counting: set[str]) -> str:
    """Return the label, after the title of its system where several systems count from R1."""
    alone = len(counting) < 2 or region.system not in counting
    return region.label if alone else f"{title_of(region.system)} {region.label}"


def _lack(verdict: Verdict | None) -> tuple[str, str] | None:
    if verdict is None:
        return "verdict", "{} needs a verdict."
    if verdict.judgement == Judgement.REJECTED and not verdict.reason:
        return "reason", "{} is rejected without a reason."
    if verdict.judgement == Judgement.REDRAWN and not (verdict.mask and verdict.mask.voxels):
        return "mask", "{} is to be redrawn, and nothing is drawn yet."
    return None


def _own_regions(reading: Reading) -> Iterator[Missing]:
    for region in reading.own_regions.all():
        if not (region.mask and region.mask.voxels):
            yield Missing("own_region", f"{region} is empty. Draw it or remove it.", str(region.pk))


def _answers(reading: Reading) -> Iterator[Missing]:
    answers = reading.answers
    if "co_rads" not in answers:
        yield Missing("co_rads", "Choose a CO-RADS category.", "co_rads")
    elif answers["co_rads"] == CO_RADS_PCR and "pcr" not in answers:
        yield Missing("pcr", "CO-RADS 6 needs the PCR result.", "pcr")
    for lobe in LOBES:
        if lobe not in answers.get("severity", {}):
            yield Missing("severity", f"Score the severity of {lobe}.", f"severity.{lobe}")
    if "diagnosis" not in answers:
        yield Missing("diagnosis", "Choose a diagnosis.", "diagnosis")
    if "confidence" not in answers:
        yield Missing("confidence", "Say how confident you are.", "confidence")
