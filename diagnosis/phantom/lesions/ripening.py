"""What infected lung is made of: ground glass, crazy paving or consolidation, and how dense."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from diagnosis.phantom.disease import Disease
from diagnosis.phantom.lesions.foci import Foci
from diagnosis.phantom.lesions.lattice import REACH_MM, Box, Lattice
from diagnosis.phantom.lesions.places import Floats
from diagnosis.phantom.lesions.spread import LobeSpread, Spread
from diagnosis.phantom.randomness import Randomness

_KIND_MM, _PAVING_MM, _DENSITY_MM = 24.0, 32.0, 15.0
"""Wavelengths of the noise that decides on consolidation, crazy paving and the density of ground glass."""
_KIND_NOISE = 0.7
_DEEP_FIRST = 3.0
"""How much more the depth within a focus counts than noise where bacteria fill it from the middle."""
_PAVING_RIPENESS = 0.4
_DENSITY_HU = 32.0
_DEEPER_HU = 110.0
"""Ground glass is denser in the middle of a focus than at its border."""
_FADED_HU = -60.0
"""Once absorbed."""
_SEAM_CELLS = 5
"""Where two foci meet, one passes into the other over so many cubes instead of leaving a seam."""
_FAR = 4.0
"""Margins are cut here, so that interpolation sees no cliffs."""
_NONE = 1e3


@dataclass(frozen=True, slots=True)
class Fields:
    """Fields of one lobe's infection, ``[z, y, x]`` on the lattice or on voxels.

    ``margin`` is positive inside, in widths of the soft edge. Consolidation lies where ``solid`` is positive,
    crazy paving where ``paved`` is and ``solid`` is not. ``glass_hu`` is the density of ground glass.
    """

    margin: Tensor
    solid: Tensor
    paved: Tensor
    glass_hu: Tensor


@dataclass(frozen=True, slots=True)
class Ripening:
    """How lesions ripen: the deeper in its focus and the higher in a smooth field, the denser.

    ``solid_from`` and ``paved_from`` give the kinds their shares of the infected volume.
    """

    disease: Disease
    foci: Foci
    spread: Spread
    lattice: Lattice
    depth_gain: float
    kind_noise: Tensor
    paving_noise: Tensor
    density_noise: Tensor
    solid_from: float
    paved_from: float

    def fields(self, lobe: int, box: Box) -> Fields:
        """Return the fields of a lobe in a box of the lattice, which lies in the box of the lobe's spread."""
        part = self.spread.lobes[lobe].inside(box)
        own = torch.stack(
            [
                self.spread.edge[part.focus],
                _table(self.foci.density_hu, part.focus),
                _table(self.foci.depth_sign, part.focus),
            ]
        )
        edge, density, sign = _without_seams(own)
        depth = _depth(part, self.spread.now)
        ripe = _ripe(depth, sign, self.kind_noise[box], self.depth_gain)
        glass = density + _DEEPER_HU * depth * sign + _DENSITY_HU * self.density_noise[box]
        return Fields(
            margin=((self.spread.now - part.arrival) / edge).clamp_(-_FAR, _FAR),
            solid=ripe - self.solid_from,
            paved=_PAVING_RIPENESS * ripe + self.paving_noise[box] - self.paved_from,
            glass_hu=glass + _FADED_HU * self.disease.absorption,
        )


def ripening_of(
    disease: Disease, foci: Foci, spread: Spread, lattice: Lattice, randomness: Randomness
) -> Ripening:
    """Fix the borders between the three kinds so that their volumes have the shares of the disease."""
    stream = randomness.stream("ripeness")
    device = lattice.grid.device
    kind_noise = stream.smooth_field(lattice.axes, _KIND_MM, device, octaves=2, reach_mm=REACH_MM)
    paving_noise = stream.smooth_field(lattice.axes, _PAVING_MM, device, reach_mm=REACH_MM)
    density_noise = stream.smooth_field(lattice.axes, _DENSITY_MM, device, reach_mm=REACH_MM)
    gain = stream.uniform(0.8, 2.2)
    gain = _DEEP_FIRST if disease.by_airways else gain
    ripe, paving = [torch.empty(0, device=device)], [torch.empty(0, device=device)]
    for lobe, part in spread.lobes.items():
        inside = (part.arrival < spread.now) & (lattice.lobes[part.box] == lobe)
        sign = _table(foci.depth_sign, part.focus[inside])
        values = _ripe(_depth(part, spread.now)[inside], sign, kind_noise[part.box][inside], gain)
        ripe.append(values)
        paving.append(_PAVING_RIPENESS * values + paving_noise[part.box][inside])
    values = torch.cat(ripe)
    _, paved_share, solid_share = disease.shares
    solid_from = _upper(values, solid_share)
    score = torch.cat(paving)[values <= solid_from]
    paved_from = _upper(score, paved_share / max(1.0 - solid_share, 1e-3))
    return Ripening(
        disease, foci, spread, lattice, gain, kind_noise, paving_noise, density_noise, solid_from, paved_from
    )


def _depth(part: LobeSpread, now: float) -> Tensor:
    """0 at the border of the infection, 1 where it was first."""
    return ((now - part.arrival) / max(now, 1e-3)).clamp_(0.0, 1.0)


def _ripe(depth: Tensor, sign: Tensor, noise: Tensor, gain: float) -> Tensor:
    return gain * depth.sqrt() * sign + _KIND_NOISE * noise


def _without_seams(values: Tensor) -> Tensor:
    """Mean over _SEAM_CELLS cubes (fewer across a small lobe) along each axis, ``[channel, z, y, x]``."""
    for axis in range(3):
        half = min(_SEAM_CELLS, values.shape[axis + 1]) - 1 >> 1
        size, padding = [1, 1, 1], [0, 0, 0]
        size[axis], padding[axis] = 2 * half + 1, half
        values = functional.avg_pool3d(values, size, 1, padding, count_include_pad=False)
    return values


def _table(values: Floats, index: Tensor) -> Tensor:
    return torch.from_numpy(values).float().to(index.device)[index]


def _upper(values: Tensor, share: float) -> float:
    """The value that this share of the values exceeds; above all for none."""
    if not len(values) or share <= 0.0:
        return _NONE
    rank = min(max(int(len(values) * (1.0 - share)), 0), len(values) - 1)
    return float(values.sort().values[rank])
