"""Random numbers of a phantom: named streams of a seed, and smooth fields that know no voxel grid."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

Axes = tuple[Tensor, Tensor, Tensor]
"""Positions along z, y, x in patient mm, one dimension each."""

_SPLINE_ENERGY = 151 / 315
"""Mean over all positions of the sum of squared cubic B-spline weights: variance kept along one axis."""
_OCTAVE_GAIN = 0.5


class Randomness:
    """One named stream of a seed. Streams of other names are independent, whatever is drawn from them.

    All numbers are drawn on the CPU, so that every device sees the same ones. ``numpy`` and ``torch`` are
    generators of the two libraries.
    """

    def __init__(self, seed: int, name: str = "phantom") -> None:
        self._seed, self._name = seed, name
        digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
        self.numpy = np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "big")))
        self.torch = torch.Generator().manual_seed(int.from_bytes(digest[16:23], "big"))

    def stream(self, name: str) -> Randomness:
        """Return the independent stream of that name below this one."""
        return Randomness(self._seed, f"{self._name}/{name}")

    def uniform(self, low: float, high: float) -> float:
        """Return a number between ``low`` and ``high``."""
        return float(self.numpy.uniform(low, high))

    def chance(self, probability: float) -> bool:
        """Return True with this probability."""
        return bool(self.numpy.random() < probability)

    def smooth_field(
        self, axes: Axes, wavelength_mm: float, device: torch.device | str = "cpu", octaves: int = 1,
        reach_mm: Sequence[float] = (240.0, 200.0, 260.0),
    ) -> Tensor:  # fmt: skip
        """Return smooth noise of mean 0 and variance 1 on the grid of ``axes``, float32 ``[z, y, x]``.

        Cubic B-splines over a lattice of normal numbers fixed in patient mm (half a wavelength apart, out to
        ``reach_mm`` from the origin along z, y, x; beyond, the field repeats its rim): two grids that image
        one patient see one field. Each octave halves wavelength and amplitude.
        """
        total: Tensor | None = None
        energy = 0.0
        for octave in range(octaves):
            gain = _OCTAVE_GAIN**octave
            part = self._lattice_field(axes, wavelength_mm / 2**octave, device, reach_mm)
            total = part.mul_(gain) if total is None else total.add_(part, alpha=gain)
            energy += gain**2
        if total is None:
            raise ValueError("a field has at least one octave")
        return total.div_(energy**0.5) if octaves > 1 else total

    def _lattice_field(
        self, axes: Axes, wavelength_mm: float, device: torch.device | str, reach_mm: Sequence[float]
    ) -> Tensor:
        step = wavelength_mm / 2
        counts = [int(2 * reach / step) + 4 for reach in reach_mm]
        lattice = torch.randn(counts, generator=self.torch) / _SPLINE_ENERGY**1.5
        field: Tensor = lattice.to(device)
        for axis, (places, reach, count) in enumerate(zip(axes, reach_mm, counts, strict=True)):
            weights = _spline_weights(places.to(device), reach, step, count)
            field = torch.movedim(torch.tensordot(weights, field, dims=([1], [axis])), 0, axis)
        return field.contiguous()


def _spline_weights(places: Tensor, reach: float, step: float, count: int) -> Tensor:
    """Cubic B-spline weights ``[places, lattice]``; places beyond the lattice take its rim."""
    at = ((places.double() + reach) / step + 1).clamp(1.0, count - 2.000001)
    low = at.floor()
    t = at - low
    parts = ((1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3)
    weights = torch.zeros(len(places), count, dtype=torch.float64, device=places.device)
    for offset, part in enumerate(parts):
        index = (low.long() + offset - 1).clamp(0, count - 1)
        weights.scatter_add_(1, index[:, None], part[:, None] / 6)
    return weights.float()
