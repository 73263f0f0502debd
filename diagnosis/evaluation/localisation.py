"""Does what a system points at lie on a lesion? Hits, hit rate, and FROC over all lesions of all scans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from diagnosis.evaluation.cases import Counts, Numbers
from diagnosis.evaluation.intervals import CONFIDENCE, Rate, rate
from diagnosis.results import Region
from diagnosis.volume import LabelArray

FALSE_MARKS_PER_SCAN = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Where the sensitivities of an FROC curve are read and averaged (Setio et al., Med Image Anal 2017)."""

Point = tuple[float, float, float]
BoxMm = tuple[float, float, float, float, float, float]


@dataclass(frozen=True, slots=True)
class Mark:
    """One place that a system points at. ``lesions`` holds the numbers of the lesions it hits, if any."""

    score: float
    lesions: frozenset[int]


@dataclass(frozen=True, slots=True)
class MarkedScan:
    """All marks on one scan that shows ``lesions`` lesions, numbered from 1."""

    marks: tuple[Mark, ...]
    lesions: int


def mark_of(region: Region, lesions: LabelArray, least_overlap: float) -> Mark:
    """Return the region as a mark; its score is its evidence.

    ``lesions`` ``[z, y, x]`` on the series grid numbers the lesions from 1 (0: none). A lesion is hit when
    its overlap with the region (Jaccard) is at least ``least_overlap``; with 0, when they share a voxel.
    """
    box = tuple(slice(at, at + size) for at, size in zip(region.origin, region.mask.shape, strict=True))
    shared = np.bincount(lesions[box][region.mask], minlength=2)
    shared[0] = 0
    touched = np.flatnonzero(shared)
    sizes = np.array([int((lesions == number).sum()) for number in touched])
    union = int(region.mask.sum()) + sizes - shared[touched]
    hit = touched[shared[touched] >= least_overlap * union]
    return Mark(region.evidence, frozenset(int(number) for number in hit))


@dataclass(frozen=True, slots=True)
class FrocCurve:
    """Points of falling threshold, over all scans.

    ``sensitivity`` is the share of all lesions that a mark at or above the threshold hits (several marks on
    one lesion count once), ``false_marks_per_scan`` the mean number of such marks that hit none.
    """

    thresholds: Numbers
    sensitivity: Numbers
    false_marks_per_scan: Numbers
    lesions: int

    def sensitivity_at(self, false_marks_per_scan: float) -> float:
        """Return the sensitivity reached with at most that many false marks per scan (0: none allowed)."""
        allowed = np.flatnonzero(self.false_marks_per_scan <= false_marks_per_scan)
        return float(self.sensitivity[allowed[-1]]) if len(allowed) else 0.0

    @property
    def mean_sensitivity(self) -> float:
        """Mean of the sensitivities at 1/8 to 8 false marks per scan (competition performance metric)."""
        return float(np.mean([self.sensitivity_at(point) for point in FALSE_MARKS_PER_SCAN]))


def froc_curve(scans: Sequence[MarkedScan]) -> FrocCurve | None:
    """Return the free-response ROC curve (Bunch et al. 1978), or None when no scan shows a lesion.

    Scans without lesions count too: their marks are false. Raises ValueError without scans, for scores that
    are not finite, and for marks that hit a lesion the scan does not have.
    """
    _check(scans)
    total = sum(scan.lesions for scan in scans)
    if not total:
        return None
    found = [score for scan in scans for score in _first_hits(scan)]
    false = [mark.score for scan in scans for mark in scan.marks if not mark.lesions]
    thresholds = np.unique([*found, *false])[::-1]
    return FrocCurve(
        thresholds=thresholds,
        sensitivity=_at_least(found, thresholds) / total,
        false_marks_per_scan=_at_least(false, thresholds) / len(scans),
        lesions=total,
    )


def is_hit(centre_mm: Point, boxes_mm: Sequence[BoxMm]) -> bool:
    """Return whether a region's centre lies in an annotated box (faces included).

    Both are in LPS mm as in ``Region``: the centre is the voxel of the region nearest to its centroid, a box
    is (min L, min P, min S, max L, max P, max S). The criterion of Wang et al., TMI 2020, section II-H.
    """
    return any(
        all(low <= at <= high for low, at, high in zip(box[:3], centre_mm, box[3:], strict=True))
        for box in boxes_mm
    )


def hit_rate(hits: Sequence[bool], confidence: float = CONFIDENCE) -> Rate | None:
    """Return the share of scans whose most important region is a hit; None without scans.

    Wang et al. take it over the true positives alone: leave the other scans out.
    """
    return rate(sum(map(bool, hits)), len(hits), confidence)


def _first_hits(scan: MarkedScan) -> list[float]:
    """The score at which each lesion is found; lesions without a mark are absent."""
    best: dict[int, float] = {}
    for mark in scan.marks:
        for lesion in mark.lesions:
            best[lesion] = max(mark.score, best.get(lesion, mark.score))
    return list(best.values())


def _at_least(scores: Sequence[float], thresholds: Numbers) -> Counts:
    """How many scores are at or above each threshold."""
    rising = np.sort(np.asarray(scores, dtype=np.float64))
    return len(rising) - np.searchsorted(rising, thresholds, side="left")


def _check(scans: Sequence[MarkedScan]) -> None:
    if not scans:
        raise ValueError("There is no scan.")
    for scan in scans:
        for mark in scan.marks:
            if not np.isfinite(mark.score):
                raise ValueError("The score of a mark is not a finite number.")
            if any(not 1 <= lesion <= scan.lesions for lesion in mark.lesions):
                raise ValueError("A mark hits a lesion that the scan does not have.")
