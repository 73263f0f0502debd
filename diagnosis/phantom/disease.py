"""What a phantom suffers from: every parameter of its disease, drawn before its anatomy.

The numbers of the course follow what was published on CT of COVID-19 (Pan et al., Radiology 2020, 295:715:
involvement rises to about day 10 and is absorbed after day 14, when crazy paving has gone) and the signs
that tell it from community acquired pneumonia (consolidation of a lobe, tree-in-bud and effusion more often
in the latter). Both pneumonias overlap on purpose: some of each class look like the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from diagnosis.phantom.randomness import Randomness

Kind = Literal["np", "cap", "covid"]
Pattern = Literal["none", "peripheral", "diffuse", "lobar", "bronchopneumonia"]

ALL_LOBES = (1, 2, 3, 4, 5)
RIGHT_LOBES = (1, 2, 3)
_LOBE_CHANCE = {1: 0.20, 2: 0.12, 3: 0.28, 4: 0.14, 5: 0.26}
"""Where pneumonia begins: lower lobes first, the middle lobe is small."""

_SEVERITY = (0.0, 0.12, 0.3, 0.55, 0.85, 1.0)
_EXTENT_ROOT = tuple(percent**0.5 for percent in (0.0, 0.6, 2.8, 14.0, 32.0, 43.0))
"""Root of the infected percentage of the lungs at each severity: interpolated roots rise smoothly."""

_LATEST_DAY = 60.0
_COURSE_DAYS = (0.0, 2.0, 4.0, 6.0, 8.0, 10.0, 14.0, 17.0, 21.0, 28.0, 40.0)
_COURSE = {
    "covid": (0.10, 0.32, 0.58, 0.80, 0.95, 1.0, 0.92, 0.76, 0.52, 0.27, 0.10),
    # Bacterial pneumonia is full-blown within days and needs weeks to clear.
    "cap": (0.25, 0.80, 1.0, 0.98, 0.88, 0.76, 0.56, 0.44, 0.30, 0.16, 0.06),
    "np": (1.0,) * 11,
}
_MIX_DAYS = (0.0, 2.0, 5.0, 8.0, 10.0, 12.0, 14.0, 20.0, 28.0)
_CRAZY_PAVING = (0.04, 0.08, 0.20, 0.27, 0.27, 0.17, 0.0, 0.0, 0.0)
_CONSOLIDATION = (0.04, 0.06, 0.13, 0.22, 0.28, 0.31, 0.31, 0.20, 0.10)
"""Shares of the infected volume in COVID-19; ground glass is the rest."""

_ATYPICAL = 0.18
_DIFFUSE = 0.35
"""Of COVID-19 without a preference for the pleura."""
_FINDINGS = ("none", "emphysema", "nodules", "atelectasis", "bands")
_FINDING_CHANCE = (0.40, 0.20, 0.16, 0.16, 0.08)
_INCIDENTAL = {"emphysema": 0.12, "nodules": 0.12, "atelectasis": 0.18, "bands": 0.2}
"""How often what is no pneumonia is seen beside another finding, in every class."""


@dataclass(frozen=True, slots=True)
class Negatives:
    """What is seen in lungs but is no infection. Right and left are given as (right, left)."""

    emphysema: float
    """0 none .. 1 most of the upper lobes."""
    bullae: int
    nodules: int
    mass: bool
    """One large solid nodule, like a tumour."""
    atelectasis_mm: tuple[float, float]
    """Thickness of the dependent band without air."""
    bands: int
    """Plates of atelectasis."""


@dataclass(frozen=True, slots=True)
class AirwayDisease:
    """Infection that follows the airways."""

    tree_in_bud: float
    """0 none .. 1 nearly every terminal near a patch."""
    wall_scale: float
    """Thickness of bronchial walls, 1 healthy."""
    lumen_scale: float
    """Width of bronchi, more than 1 in bronchiectasis."""
    cavities: int


@dataclass(frozen=True, slots=True)
class Disease:
    """All that decides what is painted into a healthy chest. Everything but ``day`` belongs to the patient.

    ``severity`` (0 to 1) is the extent on ``reference_day``; ``day`` counts from the first symptoms. With
    another day the same places are grown or absorbed. ``lobes`` is the order in which lobes are involved.
    """

    kind: Kind
    severity: float
    day: float
    reference_day: float
    atypical: bool
    pattern: Pattern
    lobes: tuple[int, ...]
    effusion_depth_mm: tuple[float, float]
    ground_glass_hu: float
    consolidation_hu: float
    edge_mm: float
    irregularity: float
    consolidation_factor: float
    crazy_paving_factor: float
    reverse_halo: bool
    airways: AirwayDisease
    negatives: Negatives

    @property
    def by_airways(self) -> bool:
        """Whether the infection fills alveoli from the airways, as bacteria do."""
        return self.pattern in ("lobar", "bronchopneumonia")

    @property
    def infected_fraction(self) -> float:
        """Share of the lungs that is infected on ``day``: odds of the severity's extent times the course."""
        if self.pattern == "none":
            return 0.0
        extent = extent_of(self.severity)
        ratio = course(self.kind, self.day) / course(self.kind, self.reference_day)
        odds = extent / (1.0 - extent) * ratio
        return odds / (1.0 + odds)

    @property
    def shares(self) -> tuple[float, float, float]:
        """Shares of ground glass, crazy paving and consolidation in the infected volume on ``day``."""
        day = self.day if self.kind == "covid" else self.day + 4.0
        paving = float(np.interp(day, _MIX_DAYS, _CRAZY_PAVING)) * self.crazy_paving_factor
        solid = float(np.interp(day, _MIX_DAYS, _CONSOLIDATION)) * self.consolidation_factor
        solid = min(solid, 0.85)
        paving = min(paving, 0.95 - solid, 0.6)
        return 1.0 - paving - solid, paving, solid

    @property
    def absorption(self) -> float:
        """0 until the day after which opacities fade (14), 1 two weeks later."""
        return min(max((self.day - 14.0) / 14.0, 0.0), 1.0)


def extent_of(severity: float) -> float:
    """Return the infected share of the lungs (0 to 1) of a severity (0 to 1); it rises strictly."""
    return float(np.interp(severity, _SEVERITY, _EXTENT_ROOT)) ** 2 / 100.0


def course(kind: Kind, day: float) -> float:
    """Return how much of its greatest extent a pneumonia has reached on a day after the first symptoms."""
    return float(np.interp(day, _COURSE_DAYS, _COURSE[kind]))


def draw_disease(kind: Kind, severity: float | None, day: float | None, randomness: Randomness) -> Disease:
    """Draw every parameter of a disease; ``severity`` and ``day`` are drawn too when they are None.

    The same stream with another severity or day gives the same patient. Raises ValueError for an unknown
    kind, a severity outside 0 to 1 and a day outside 0 to 60.
    """
    if kind not in get_args(Kind):
        raise ValueError(f"{kind!r} is none of {get_args(Kind)}")
    if severity is not None and not 0.0 <= severity <= 1.0:
        raise ValueError(f"a severity lies between 0 and 1, not {severity:g}")
    if day is not None and not 0.0 <= day <= _LATEST_DAY:
        raise ValueError(f"a day lies between 0 and {_LATEST_DAY:g}, not {day:g}")
    stream = randomness.stream(kind)
    usual_severity = stream.uniform(0.0, 1.0) if kind == "np" else stream.uniform(0.06, 1.0)
    reference_day = float(np.round(_usual_day(kind, stream)))
    atypical = stream.chance(_ATYPICAL) and kind != "np"
    pattern = _pattern(kind, atypical, stream)
    lobes = _lobes(stream)
    severity = usual_severity if severity is None else severity
    return Disease(
        kind=kind,
        severity=severity,
        day=reference_day if day is None else day,
        reference_day=reference_day,
        atypical=atypical,
        pattern=pattern,
        lobes=lobes,
        effusion_depth_mm=_effusion(kind, atypical, lobes, stream),
        ground_glass_hu=stream.uniform(-700.0, -450.0),
        consolidation_hu=stream.uniform(15.0, 60.0),
        edge_mm=2.0 + 12.0 * stream.uniform(0.0, 1.0) ** 1.7,
        irregularity=stream.uniform(0.18, 0.5),
        consolidation_factor=_consolidation_factor(pattern, stream),
        crazy_paving_factor=_crazy_paving_factor(kind, atypical, stream),
        reverse_halo=stream.chance(0.22 if kind == "covid" else 0.04),
        airways=_airways(kind, pattern, stream),
        negatives=_negatives(kind, severity, stream),
    )


def _usual_day(kind: Kind, stream: Randomness) -> float:
    """COVID-19 is scanned all along its course, other pneumonia soon after admission."""
    late = stream.numpy.gamma(2.6, 3.6)
    early = stream.numpy.gamma(3.0, 1.7)
    return min(float(late if kind == "covid" else early), 35.0)


def _pattern(kind: Kind, atypical: bool, stream: Randomness) -> Pattern:
    diffuse, lobar = stream.chance(_DIFFUSE), stream.chance(0.45)
    if kind == "np":
        return "none"
    like_covid = (kind == "covid") != atypical
    if like_covid:
        return "diffuse" if diffuse else "peripheral"
    return "lobar" if lobar else "bronchopneumonia"


def _lobes(stream: Randomness) -> tuple[int, ...]:
    chance = np.array([_LOBE_CHANCE[lobe] for lobe in ALL_LOBES])
    return tuple(int(lobe) for lobe in stream.numpy.choice(ALL_LOBES, size=5, replace=False, p=chance))


def _effusion(kind: Kind, atypical: bool, lobes: tuple[int, ...], stream: Randomness) -> tuple[float, float]:
    """Depth of pleural fluid: common beside community acquired pneumonia, rare in COVID-19."""
    present = stream.chance({"np": 0.06, "cap": 0.45, "covid": 0.2 if atypical else 0.03}[kind])
    both = stream.chance(0.9 if kind == "np" else 0.3)
    larger, smaller = stream.uniform(6.0, 48.0), stream.uniform(4.0, 20.0)
    if not present:
        return 0.0, 0.0
    other = min(0.7 * larger, smaller) if both else 0.0
    return (larger, other) if lobes[0] in RIGHT_LOBES else (other, larger)


def _consolidation_factor(pattern: Pattern, stream: Randomness) -> float:
    spread = float(np.exp(stream.numpy.normal(0.0, 0.45)))
    pure_ground_glass = stream.chance(0.15)
    usual = {"lobar": 3.4, "bronchopneumonia": 2.3}.get(pattern)
    if usual is not None:
        return usual * min(max(spread, 0.6), 1.25)
    return 0.0 if pure_ground_glass else spread


def _crazy_paving_factor(kind: Kind, atypical: bool, stream: Randomness) -> float:
    spread = float(np.exp(stream.numpy.normal(0.0, 0.5)))
    usual = kind == "covid" and not atypical
    present = stream.chance(0.8 if usual else 0.25)
    return spread * (1.0 if usual else 0.4) * present


def _airways(kind: Kind, pattern: Pattern, stream: Randomness) -> AirwayDisease:
    follows = pattern == "bronchopneumonia"
    buds = stream.uniform(0.25, 1.0) if stream.chance(0.85 if follows else 0.25) else 0.0
    thick = stream.uniform(1.5, 2.8) if stream.chance(0.75 if follows else 0.25) else 1.0
    wide = stream.uniform(1.25, 2.2) if stream.chance(0.45 if follows else 0.08) else 1.0
    holes = int(stream.numpy.integers(1, 6)) if stream.chance(0.35 if follows else 0.1) else 0
    if kind == "np" or pattern in ("peripheral", "diffuse"):
        # Mild widening is seen in COVID-19 too, the rest is the mark of airway infection.
        mild = kind == "covid" and stream.chance(0.2)
        return AirwayDisease(0.0, 1.0, 1.2 if mild else 1.0, 0)
    return AirwayDisease(buds, thick, wide, holes)


def _negatives(kind: Kind, severity: float, stream: Randomness) -> Negatives:
    """Without pneumonia 40 % are normal; other findings also come beside one another and beside pneumonia."""
    main = str(stream.numpy.choice(_FINDINGS, p=_FINDING_CHANCE))
    beside = {name: stream.chance(chance) for name, chance in _INCIDENTAL.items()}
    if kind == "np":
        seen = {name: main != "none" and (name == main or beside[name]) for name in beside}
    else:
        seen = beside
    extent = 0.25 + 0.75 * severity if kind == "np" else stream.uniform(0.2, 0.8)
    emphysema = extent * stream.uniform(0.5, 1.0)
    bullae = int(stream.numpy.integers(0, 7))
    nodules = 1 + int(stream.numpy.poisson(2.5))
    mass = stream.chance(0.2 if kind == "np" else 0.04)
    depth = 6.0 + 30.0 * stream.uniform(0.0, 1.0) ** 1.5
    sides = [depth * stream.uniform(0.4, 1.0) * (not stream.chance(0.25)) for _ in range(2)]
    bands = 1 + int(stream.numpy.poisson(2.0))
    return Negatives(
        emphysema=emphysema if seen["emphysema"] else 0.0,
        bullae=bullae if seen["emphysema"] else 0,
        nodules=nodules if seen["nodules"] else 0,
        mass=mass and seen["nodules"],
        atelectasis_mm=(sides[0], sides[1]) if seen["atelectasis"] else (0.0, 0.0),
        bands=bands if seen["bands"] else 0,
    )
