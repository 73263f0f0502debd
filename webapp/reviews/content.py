"""What a signature covers: one canonical JSON document and its hash."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from webapp.analyses.models import Analysis
from webapp.reviews.masks import mask_facts
from webapp.reviews.models import Judgement, OwnRegion, Reading, Verdict

SCHEMA = 1


def signed_content(reading: Reading) -> dict[str, Any]:
    """Return everything the reader signs, with the hashes of masks and manifest.

    It is rebuilt from the rows, so a row changed behind the site's back shows as another hash.
    """
    revision = reading.series_revision
    content: dict[str, Any] = {
        "schema": SCHEMA,
        "reading": str(reading.pk),
        "series": str(revision.series_id),
        "series_revision": revision.number,
        "manifest_hash": revision.manifest_hash,
        "cohort": str(reading.cohort_id),
        "reader": str(reading.reader_id),
        "round": reading.round,
        "ai_policy": reading.ai_policy,
        "analyses_shown": reading.analyses_shown,
        "answers": reading.answers,
        "verdicts": [_verdict(row) for row in reading.verdicts.order_by("region__system", "region__number")],
        "own_regions": [_own_region(row) for row in reading.own_regions.all()],
        "signed_at": reading.signed_at.isoformat() if reading.signed_at else "",
    }
    if reading.answers_before_ai is not None:
        content["answers_before_ai"] = reading.answers_before_ai
    if reading.analysis is not None:
        content["analysis"] = {"id": str(reading.analysis.pk), "versions": versions_of(reading.analysis)}
    return content


def content_hash(reading: Reading) -> str:
    """Return the SHA-256 of the canonical JSON: sorted keys, no spaces, UTF-8."""
    document = json.dumps(
        signed_content(reading), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return hashlib.sha256(document.encode()).hexdigest()


def versions_of(analysis: Analysis) -> dict[str, str]:
    """Return the version of every system that ran and of every segmentation, as the results say."""
    systems = analysis.results.get("systems", {})
    ran = {name: str(result.get("version", "")) for name, result in systems.items()}
    segmented: dict[str, str] = analysis.results.get("segmentation", {})
    return ran | segmented


def _verdict(row: Verdict) -> dict[str, Any]:
    verdict: dict[str, Any] = {
        "region": str(row.region_id),
        "system": row.region.system,
        "number": row.region.number,
        "verdict": row.judgement,
        "reason": row.reason,
    }
    if row.judgement == Judgement.REDRAWN and row.mask:
        verdict["mask"] = mask_facts(row.mask)
    return verdict


def _own_region(row: OwnRegion) -> dict[str, Any]:
    region: dict[str, Any] = {"region": str(row.pk), "number": row.number, "lesion_value": row.lesion_value}
    if row.mask:
        region["mask"] = mask_facts(row.mask)
    return region
