"""What an analysis gives back, for every system the same: heatmaps, regions, quantities. NumPy only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from diagnosis.volume import Affine, BoolArray, CTVolume, FloatArray, LabelArray

RIGHT_LUNG = 1
LEFT_LUNG = 2
LOBES: Mapping[int, str] = {1: "RUL", 2: "RML", 3: "RLL", 4: "LUL", 5: "LLL"}
SIDE_LOBES: Mapping[int, tuple[int, ...]] = {RIGHT_LUNG: (1, 2, 3), LEFT_LUNG: (4, 5)}
"""A voxel only ever gets a lobe of its own lung."""
GROUND_GLASS = 1
CRAZY_PAVING = 2
CONSOLIDATION = 3
OTHER_INFECTION = 4
INFECTED_VALUES = (GROUND_GLASS, CRAZY_PAVING, CONSOLIDATION, OTHER_INFECTION)
EFFUSION = 10
NODULE = 11
EMPHYSEMA = 12
ATELECTASIS = 13
LESIONS: Mapping[int, str] = {
    GROUND_GLASS: "ground glass",
    CRAZY_PAVING: "crazy paving",
    CONSOLIDATION: "consolidation",
    OTHER_INFECTION: "other infection",
    EFFUSION: "effusion",
    NODULE: "nodule",
    EMPHYSEMA: "emphysema",
    ATELECTASIS: "atelectasis",
}
ZONES = ("upper", "middle", "lower", "subpleural", "central")

Side = Literal["right", "left", "both", "outside"]
Source = Literal["lesions", "density", "patches", "saliency"]


@dataclass(frozen=True, slots=True)
class Heatmap:
    """Evidence of one system for one class.

    ``values`` are raw, float32 ``[z, y, x]`` on the grid of ``affine`` (voxel centres ``[x, y, z, 1]``
    to LPS mm), which may be coarser than the series. ``reference`` is the raw value that is shown as
    1.0; ``threshold`` is on that 0..1 scale. Regions exist only at or above it.
    """

    class_name: str
    kind: str
    values: FloatArray
    affine: Affine
    reference: float
    threshold: float


@dataclass(frozen=True, slots=True)
class Region:
    """One connected component of a heatmap above its threshold, or of the lesion segmentation.

    ``mask`` is bool ``[z, y, x]`` inside the box that starts at voxel ``origin`` (z, y, x) of the
    series grid. ``evidence`` is the mean of value / reference over the mask. ``box_mm`` holds the outer
    faces ``(min L, min P, min S, max L, max P, max S)`` in LPS mm; ``centre_mm`` is the position of the
    mask voxel nearest to the centroid, so that it always lies inside the mask.
    """

    id: str
    class_name: str
    volume_ml: float
    side: Side
    lobe: str | None
    evidence: float
    origin: tuple[int, int, int]
    mask: BoolArray
    box_mm: tuple[float, float, float, float, float, float]
    centre_mm: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class LungShare:
    """Infected part of one lung (or of both): volumes in ml, ``infected_percent`` of ``volume_ml``."""

    volume_ml: float
    infected_ml: float
    infected_percent: float


@dataclass(frozen=True, slots=True)
class Quantification:
    """Infected volume from one mask. ``slice_evidence``: infected ml per slice, smoothed over z,
    cranial to caudal (entry i belongs to array slice n-1-i)."""

    source: Source
    infected_ml: float
    infected_percent: float
    right: LungShare
    left: LungShare
    slice_evidence: tuple[float, ...]
    slice_evidence_right: tuple[float, ...] = ()
    slice_evidence_left: tuple[float, ...] = ()
    lobes: Mapping[str, LungShare] = field(default_factory=dict)
    """By lobe name; empty when the lobes are not known."""
    zones: Mapping[str, LungShare] = field(default_factory=dict)
    """By zone name: thirds from the top, and the rim of the lungs against the rest."""
    types_ml: Mapping[str, float] = field(default_factory=dict)
    """Millilitres inside the lungs by lesion type (effusion: outside them)."""
    severity_scores: Mapping[str, int] = field(default_factory=dict)
    """Suggested CT severity score 0..5 by lobe name."""
    interval_percent: tuple[float, float] | None = None
    """Calibrated 90 % interval of infected_percent; None when the calibration does not hold here."""
    spread: tuple[float, float] | None = None
    """Lowest and highest infected_percent of repeated readings; says nothing about coverage."""


@dataclass(frozen=True, slots=True)
class SystemResult:
    """The answer of one system on one series. ``probabilities`` is empty for a system without classes."""

    system: str
    version: str
    probabilities: Mapping[str, float]
    slice_evidence: tuple[float, ...]
    heatmaps: Sequence[Heatmap]
    regions: Sequence[Region]
    quantification: Quantification | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)
    warnings: Sequence[str] = ()
    operating_points: Mapping[str, float] = field(default_factory=dict)
    """By key of the probabilities: from this value on the system predicts it. No key: it decides nothing."""


@dataclass(frozen=True, slots=True)
class Analysis:
    """Everything one run gives. Label volumes are uint8 ``[z, y, x]`` on the series grid.

    ``lungs`` holds 1 right, 2 left; ``lobes`` and ``lesions`` the values of LOBES and LESIONS, None when
    they were not looked for (no weights). ``regions`` are those of the lesion segmentation.
    ``segmentation`` names what made each label volume: {"lungs": "network 1", ...}.
    """

    volume: CTVolume
    lungs: LabelArray
    quantification: Quantification | None
    systems: Mapping[str, SystemResult]
    warnings: Sequence[str]
    seconds: Mapping[str, float]
    peak_memory_mb: float
    lobes: LabelArray | None = None
    lesions: LabelArray | None = None
    regions: Sequence[Region] = ()
    segmentation: Mapping[str, str] = field(default_factory=dict)
