"""Where an infection begins: foci, ordered by the time at which each appears."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from diagnosis.phantom.disease import Disease
from diagnosis.phantom.lesions.lattice import STEP_MM, Lattice, side_of_lobe
from diagnosis.phantom.lesions.places import CANDIDATES, Floats, Places, places_in
from diagnosis.phantom.randomness import Randomness

_LOBE_WEIGHT = np.array([0.0, 0.8, 0.7, 1.6, 0.8, 1.6])
"""Lower lobes are struck more often."""
_BOUNDED = 0.75
"""Of the foci of COVID-19 that stop at a fissure."""
_RIM_SHARE = {False: 0.0, True: 0.4}
"""Of the foci with a dense rim, in who has the reverse halo sign."""
_ORGANISING_DAYS = (7.0, 20.0)
_DENSITY_SPREAD_HU = 55.0
_GROUND_GLASS_HU = (-750.0, -400.0)


@dataclass(frozen=True, slots=True)
class Foci:
    """One entry per focus; ``centre`` and rows of ``frame`` in z, y, x patient mm.

    ``semi_mm`` are the half axes along the frame (the first along the normal of the pleura) at time 1 after
    ``onset``. ``depth_sign`` is -1 where the dense part is the rim (reverse halo), else 1.
    """

    centre: Floats
    frame: Floats
    semi_mm: Floats
    onset: Floats
    lobe: NDArray[np.int64]
    bounded: NDArray[np.bool_]
    edge_mm: Floats
    density_hu: Floats
    depth_sign: Floats

    def __len__(self) -> int:
        return len(self.onset)

    def side(self, focus: int) -> int:
        """Return the lung of a focus."""
        return side_of_lobe(int(self.lobe[focus]))


def place_foci(disease: Disease, lattice: Lattice, randomness: Randomness) -> Foci:
    """Place the foci of a pneumonia, whatever its severity or day: these decide how many show."""
    stream = randomness.stream("foci")
    places = places_in(lattice, stream)
    random = stream.numpy
    bounded = places.own(random.random(CANDIDATES)) < (_BOUNDED if disease.kind == "covid" else 0.95)
    rim = places.own(random.random(CANDIDATES)) < _RIM_SHARE[disease.reverse_halo]
    edge = disease.edge_mm * np.exp(places.own(random.normal(0.0, 0.4, CANDIDATES)))
    density = disease.ground_glass_hu + places.own(random.normal(0.0, _DENSITY_SPREAD_HU, CANDIDATES))
    if disease.pattern == "lobar":
        chosen, semi, onset = _lobar(disease, places, stream)
    elif disease.pattern == "bronchopneumonia":
        chosen, semi, onset = _patches(disease, places, stream)
    else:
        chosen, semi, onset = _viral(disease, places, stream)
    organising = _ORGANISING_DAYS[0] <= disease.day <= _ORGANISING_DAYS[1]
    return Foci(
        centre=places.points[chosen],
        frame=_frames(places.points[chosen], lattice),
        semi_mm=semi,
        onset=onset,
        lobe=places.lobe[chosen],
        bounded=bounded[chosen] | (disease.pattern == "lobar"),
        edge_mm=edge[chosen],
        density_hu=np.clip(density[chosen], *_GROUND_GLASS_HU),
        depth_sign=np.where(rim[chosen] & organising, -1.0, 1.0),
    )


def _viral(disease: Disease, places: Places, stream: Randomness) -> tuple[NDArray[np.intp], Floats, Floats]:
    """COVID-19: many foci, flat under the costal pleura, more at the back and the base; or anywhere."""
    random = stream.numpy
    pull = random.uniform(0.5, 1.6)
    weight = _LOBE_WEIGHT[places.lobe] * np.exp(pull * (1.3 * places.back + 1.1 * places.low))
    preference = np.exp(-np.maximum(places.costal_mm, 0.0) / random.uniform(6.0, 11.0))
    peripheral = disease.pattern == "peripheral"
    if peripheral:
        weight = weight * (preference + 0.01)
    count = int(random.integers(12, 61))
    one_sided = random.random() < 0.12
    if one_sided:
        # A few begin in one lung and reach the other late.
        mine = np.isin(places.lobe, [1, 2, 3]) == (side_of_lobe(disease.lobes[0]) == 1)
        weight = weight * np.where(mine, 1.0, 0.05)
    chosen = places.first(weight, count)
    spread = np.exp(places.own(random.normal(0.0, 0.35, CANDIDATES)))[chosen]
    size = 34.0 * (30.0 / count) ** 0.3 * spread
    flat = places.own(random.uniform(0.5 if peripheral else 0.75, 1.0, CANDIDATES))[chosen]
    long, wide = (places.own(random.uniform(0.9, 1.5, CANDIDATES))[chosen] for _ in range(2))
    semi = np.stack([size * flat, size * long, size * wide], axis=1)
    return chosen, semi, _onsets(places, chosen, 1.0, stream)


def _lobar(disease: Disease, places: Places, stream: Randomness) -> tuple[NDArray[np.intp], Floats, Floats]:
    """One great focus in each lobe, one lobe after the other; a second, later, beside each."""
    random = stream.numpy
    chosen: list[int] = []
    onset: list[float] = []
    start = 0.0
    for lobe in disease.lobes:
        weight = (places.lobe == lobe) * np.exp(-np.maximum(places.costal_mm, 0.0) / 25.0)
        picked = places.first(weight, 2)
        chosen.extend(picked)
        onset.extend(start + np.array([0.0, random.uniform(0.1, 0.5)])[: len(picked)])
        start += random.uniform(0.35, 1.0)
    size = 55.0 * np.exp(random.normal(0.0, 0.15, (CANDIDATES, 3)))
    return np.array(chosen, np.intp), size[places.number[chosen]], np.array(onset)


def _patches(disease: Disease, places: Places, stream: Randomness) -> tuple[NDArray[np.intp], Floats, Floats]:
    """Bronchopneumonia: many small patches in the first lobes, of any depth, the others later."""
    random = stream.numpy
    involved = 0.35 ** np.arange(len(disease.lobes)) if random.random() < 0.5 else np.ones(5) * 0.5
    lobe_weight = np.zeros(6)
    lobe_weight[list(disease.lobes)] = involved
    costal = np.maximum(places.costal_mm, 0.0)
    weight = lobe_weight[places.lobe] * (0.5 + np.exp(-costal / 15.0))
    count = int(random.integers(18, 70))
    chosen = places.first(weight, count)
    size = 26.0 * (40.0 / count) ** 0.3 * np.exp(random.normal(0.0, 0.45, (CANDIDATES, 1)))
    semi = size * random.uniform(0.7, 1.2, (CANDIDATES, 3))
    return chosen, semi[places.number[chosen]], _onsets(places, chosen, 0.9, stream)


def _onsets(places: Places, chosen: NDArray[np.intp], last: float, stream: Randomness) -> Floats:
    """Times at which foci appear, the first at 0: evenly with some scatter."""
    steps = np.exp(places.own(stream.numpy.normal(0.0, 0.7, CANDIDATES)))[chosen]
    times = np.cumsum(steps) - steps[0]
    return np.asarray(times / max(times[-1], 1e-6) * last, np.float64)


def _frames(points: Floats, lattice: Lattice) -> Floats:
    """Orthonormal frames ``[n, 3, 3]`` whose first row is the normal of the nearest costal pleura."""
    costal = lattice.costal_mm
    normal = np.empty_like(points)
    for axis in range(3):
        step = np.zeros(3)
        step[axis] = 2 * STEP_MM
        normal[:, axis] = lattice.at(costal, points + step) - lattice.at(costal, points - step)
    length = np.linalg.norm(normal, axis=1, keepdims=True)
    normal = np.where(length > 1e-3, normal / np.maximum(length, 1e-3), np.array([0.0, 1.0, 0.0]))
    helper = np.where(np.abs(normal[:, :1]) < 0.8, np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0]))
    second = np.cross(normal, helper)
    second /= np.linalg.norm(second, axis=1, keepdims=True)
    return np.stack([normal, second, np.cross(normal, second)], axis=1)
